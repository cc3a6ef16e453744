package report

import (
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

func checks(r drill.Record) []block {
	if len(r.Checks) == 0 {
		if n := len(r.Plan.Checks); n > 0 {
			return []block{text("The plan has " + count(n, "health check") + ", and the record has none that was made.")}
		}
		return []block{text("No health check was made; the plan has none.")}
	}
	t := &table{Caption: "Health checks", Head: []column{{"Check", 25}, {"Expected", 25}, {"Observed", 30}, {"Result", 20}}}
	for _, c := range r.Checks {
		nothing := "nothing"
		if c.Result == drill.Skipped {
			nothing = "not looked at"
		}
		observed := one(or(c.Observed, nothing))
		if c.LogDigest != "" {
			observed = observed.sub("an excerpt; SHA-256 of all of it").code(c.LogDigest)
		}
		made := count(c.Attempts, "attempt") + ", " + span(c.Seconds)
		if c.Attempts == 0 {
			made = ""
		}
		t.Rows = append(t.Rows, []cell{
			one(or(c.Name, "without a name")).sub(kindOf(c.Kind, c.Subject)), one(or(c.Expected, "not recorded")), observed,
			cell{result(c.Result, c.Optional)}.add(classPlain, c.Detail).sub(made),
		})
	}
	return []block{{Table: t}}
}

// kindOf joins a kind and what it was about.
func kindOf(kind, subject string) string {
	if subject == "" {
		return kind
	}
	return kind + ", " + subject
}

func reconciliation(r drill.Record) []block {
	if len(r.Reconciled) == 0 {
		if n := len(r.Plan.Reconcile); n > 0 {
			return []block{text("The plan has " + count(n, "reconciliation") + ", and the record has none that was made.")}
		}
		return []block{text("Nothing was reconciled.")}
	}
	t := &table{Caption: "Reconciliations", Head: []column{{"Reconciliation", 35}, {"Result", 20}, {"Detail", 45}}}
	for _, rec := range r.Reconciled {
		detail := cell{}.add(classPlain, rec.Detail)
		if n := len(rec.Items); n > 0 {
			detail = detail.sub(count(n, "comparison") + " listed below")
		}
		took := ""
		if rec.Seconds > 0 {
			took = span(rec.Seconds)
		}
		t.Rows = append(t.Rows, []cell{
			one(or(rec.Name, "without a name")).sub(kindOf(rec.Kind, rec.Subject)), cell{result(rec.Result, rec.Optional)}.sub(took), detail,
		})
	}
	blocks := []block{{Table: t}}
	for _, rec := range r.Reconciled {
		if len(rec.Items) > 0 {
			blocks = append(blocks, block{Table: items(rec)})
		}
	}
	return blocks
}

func items(rec drill.Reconciliation) *table {
	t := &table{Caption: "Comparisons of " + or(rec.Name, "a reconciliation without a name"), Head: []column{{"Comparison", 30}, {"Expected", 25}, {"Observed", 25}, {"Result", 20}}}
	for _, i := range rec.Items {
		t.Rows = append(t.Rows, []cell{
			one(or(i.Name, "without a name")).sub(i.Subject), one(i.Expected), one(i.Observed), cell{result(i.Result, false)}.add(classPlain, i.Detail),
		})
	}
	return t
}

// failures are errors that ended a step for good.
func failures(r drill.Record) []block {
	if len(r.Failures) == 0 {
		return []block{text("No error ended a step.")}
	}
	t := &table{Caption: "Errors that ended a step", Head: []column{{"Step", 25}, {"Kind", 20}, {"Error", 55}}}
	for _, f := range r.Failures {
		step := one(or(f.Phase, "not recorded"))
		if f.Surface != "" {
			step = step.sub("of the surface " + f.Surface)
		}
		t.Rows = append(t.Rows, []cell{step, one(or(f.Kind, "not recorded")), one(f.Error)})
	}
	return []block{{Table: t}}
}

// manualSteps are what people did by hand, and at a tabletop the checklist.
func manualSteps(r drill.Record) []block {
	var blocks []block
	told, none := r.ManualSteps, "No step done by hand was told of."
	if isTabletop(r) {
		t, others := checklist(r)
		if len(t.Rows) > 0 {
			blocks = append(blocks, block{Table: t})
		}
		told, none = others, "No other step was told of."
	}
	if len(told) == 0 {
		blocks = append(blocks, text(none))
	} else {
		blocks = append(blocks, block{Table: byHand(r, told)})
	}
	if len(r.WrittenDown) > 0 {
		blocks = append(blocks, block{Facts: []fact{several("Steps of earlier findings that the runbook has by now", r.WrittenDown, classPlain, "")}})
	}
	return blocks
}

func byHand(r drill.Record, told []drill.ManualStep) *table {
	t := &table{Caption: "Steps done by hand", Head: []column{{"When (UTC)", 20}, {"Step", 40}, {"By", 15}, {"In the runbook", 25}}}
	for _, m := range told {
		t.Rows = append(t.Rows, []cell{cell{}.time(m.At, "not recorded"), one(m.Text), one(or(who(m.By, m.CommandLine), "not recorded")), documented(r, m)})
	}
	return t
}

func documented(r drill.Record, m drill.ManualStep) cell {
	at := or(m.Commit, r.Identity.RunbookCommit)
	c := cell{{classFail, "✗ not in it"}}
	if m.Documented {
		c = cell{{classPass, "✓ in it"}}
	}
	if r.Plan.Runbook == nil && at == "" {
		return c.sub("the plan names no runbook")
	}
	if at == "" {
		return c.sub("at which commit was not recorded")
	}
	return c.sub("at commit").code(at)
}

// checklist are the steps of a tabletop with who told of each, and what else was told.
func checklist(r drill.Record) (*table, []drill.ManualStep) {
	t := &table{Caption: "Checklist", Head: []column{{"Number", 10}, {"Step", 45}, {"Walked through", 20}, {"By, when (UTC)", 25}}}
	ticked := make([]bool, len(r.ManualSteps))
	for i, step := range r.Plan.Steps {
		row := []cell{one(strconv.Itoa(i + 1)), one(step), {{classFail, "✗ no"}}, {{classNone, "nobody told of it"}}}
		for j, m := range r.ManualSteps {
			if !ticks(step, m) {
				continue
			}
			if !ticked[j] {
				row[2], row[3] = cell{{classPass, "✓ yes"}}, one(or(who(m.By, m.CommandLine), "not recorded")).time(m.At, "not recorded")
			}
			ticked[j] = true
		}
		t.Rows = append(t.Rows, row)
	}
	var others []drill.ManualStep
	for j, m := range r.ManualSteps {
		if !ticked[j] {
			others = append(others, m)
		}
	}
	return t, others
}

// ticks reports whether what was told is a step of the checklist, as the verdict goes by it.
func ticks(step string, m drill.ManualStep) bool {
	return drill.Ticked(drill.Plan{Steps: []string{step}}, []drill.ManualStep{m})
}

// walked counts the steps of a checklist that were walked through.
func walked(r drill.Record) int {
	n := 0
	for _, step := range r.Plan.Steps {
		done := false
		for _, m := range r.ManualSteps {
			done = done || ticks(step, m)
		}
		n += tally(done)
	}
	return n
}
