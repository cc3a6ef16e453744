package report

import (
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// verdict is a verdict in words.
type verdict struct{ Class, Mark, Word, Means string }

func verdictOf(v string) verdict {
	switch v {
	case drill.VerdictPass:
		return verdict{classPass, "✓", "Passed", "No deficiency was found."}
	case drill.VerdictPartial:
		return verdict{classWarn, "!", "Passed in part", "Only minor deficiencies were found."}
	case drill.VerdictFail:
		return verdict{classFail, "✗", "Failed", "At least one critical or major deficiency was found."}
	case drill.VerdictAborted:
		return verdict{classNone, "–", "Aborted", "The drill was cancelled before it could be judged: it shows nothing."}
	case "":
		return verdict{classNone, "–", "No verdict", "The record has not been judged."}
	default:
		return verdict{classNone, "?", "Unknown verdict: " + v, "This report does not know this verdict."}
	}
}

func summary(r drill.Record) []block {
	blocks := []block{text(or(r.Summary, "The record has no summary."))}
	if r.Plan.Scenario != "" {
		blocks = append(blocks, block{Facts: []fact{plain("Scenario", r.Plan.Scenario)}})
	}
	return append(blocks, note("What this drill does not attest is in section 18. All times are in UTC, by the clock of the host that the drill ran on."))
}

// figures are what a reader wants to see first.
func figures(r drill.Record) []fact {
	if isTabletop(r) {
		return []fact{
			plain("Steps walked through", strconv.Itoa(walked(r))+" of "+strconv.Itoa(len(r.Plan.Steps))),
			plain("Findings not closed", strconv.Itoa(unsettled(r))),
		}
	}
	o := r.Objectives
	passed := func(n, of int) string {
		if of == 0 {
			return "none"
		}
		return strconv.Itoa(n) + " of " + strconv.Itoa(of)
	}
	var restored, healthy, agree int
	for _, s := range r.Surfaces {
		restored += tally(s.Result == drill.Pass)
	}
	for _, c := range r.Checks {
		healthy += tally(c.Result == drill.Pass)
	}
	for _, rec := range r.Reconciled {
		agree += tally(rec.Result == drill.Pass)
	}
	return []fact{
		figure("RTO", o.RTOMeasured, o.RTOSeconds, o.RTOTarget, o.RTOMet),
		figure("RPO", o.RPOMeasured, o.RPOSeconds, o.RPOTarget, o.RPOMet),
		plain("Surfaces restored", passed(restored, max(len(r.Surfaces), len(r.Plan.Surfaces)))),
		plain("Health checks passed", passed(healthy, max(len(r.Checks), len(r.Plan.Checks)))),
		plain("Reconciliations in agreement", passed(agree, len(r.Reconciled))),
		plain("Findings not closed", strconv.Itoa(unsettled(r))),
	}
}

func tally(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func figure(name string, measured bool, seconds, target float64, met *bool) fact {
	if !measured {
		return fact{name, []line{{classNone, "not measured"}, {classSub, targetWord(target)}}}
	}
	return fact{name, []line{{classPlain, span(seconds)}, {classSub, targetWord(target)}, metWord(met, target, measured)}}
}

func targetWord(target float64) string {
	if target == 0 {
		return "no target set"
	}
	return "target " + span(target)
}

// metWord says whether a target was met.
func metWord(met *bool, target float64, measured bool) line {
	switch {
	case target == 0:
		return line{classNone, "no target set"}
	case !measured || met == nil:
		return line{classWarn, "! not shown"}
	case *met:
		return line{classPass, "✓ met"}
	default:
		return line{classFail, "✗ missed"}
	}
}

func unsettled(r drill.Record) int {
	n := 0
	for _, f := range r.Findings {
		n += tally(f.Status != drill.FindingClosed)
	}
	return n
}

// objectives are the targets against the results, and the trend.
func objectives(r drill.Record) []block {
	o := r.Objectives
	if isTabletop(r) {
		return []block{text(or(o.Formula, "A tabletop measures neither RTO nor RPO."))}
	}
	row := func(name string, target, seconds float64, measured bool, met *bool, what string) []cell {
		if !measured {
			return []cell{one(name), one(or(spanOf(target), "none set")), {{classNone, "not measured"}}, {metWord(met, target, measured)}, one(what)}
		}
		of := one(span(seconds)).sub(exact(seconds))
		return []cell{one(name), one(or(spanOf(target), "none set")), of, {metWord(met, target, measured)}, one(what)}
	}
	rpo := "from the moment that the restored data show to the declared failure"
	if o.RPOOf != "" {
		rpo += ", of " + o.RPOOf + ", where it is longest"
	}
	t := &table{
		Caption: "Targets against results",
		Head:    []column{{"Objective", 15}, {"Target", 15}, {"Result", 20}, {"Met", 15}, {"What it is", 35}},
		Rows: [][]cell{
			row("RTO", o.RTOTarget, o.RTOSeconds, o.RTOMeasured, o.RTOMet, "from the declared failure to the reconciled system"),
			row("RPO", o.RPOTarget, o.RPOSeconds, o.RPOMeasured, o.RPOMet, rpo),
		},
	}
	alone := cell{{classNone, "not measured"}}
	if o.RestoreSeconds > 0 {
		alone = one(span(o.RestoreSeconds)).sub(exact(o.RestoreSeconds))
	}
	t.Rows = append(t.Rows, []cell{one("Restore alone"), one("none applies"), alone, {{classNone, "none applies"}}, one("the restore without checks and reconciliation; it is no RTO")})
	blocks := []block{{Table: t}}
	if o.Formula != "" {
		blocks = append(blocks, block{Facts: []fact{plain("Formula", o.Formula)}})
	}
	return append(blocks, trend(o)...)
}

func spanOf(target float64) string {
	if target == 0 {
		return ""
	}
	return span(target)
}

// trend compares with the earlier drills of the plan.
func trend(o drill.Objectives) []block {
	t := o.Trend
	if t == nil {
		return []block{note("The record has no comparison with earlier drills of the plan.")}
	}
	row := func(name string, s drill.Spread, measured bool) []cell {
		if s.Max == 0 && !measured {
			none := cell{{classNone, "none above 0 s"}}
			return []cell{one(name), none, none, none}
		}
		return []cell{one(name), one(span(s.Min)), one(span(s.Median)), one(span(s.Max))}
	}
	said := "This drill is the first of the plan that was measured."
	if t.Runs != 1 || !o.RTOMeasured && !o.RPOMeasured {
		said = "Of " + count(t.Runs, "measured drill") + " of the plan, this one included where it was measured."
	}
	switch {
	case !o.RTOMeasured:
		said += " There is no RTO of this drill to compare."
	case t.Change > 0:
		said += " This recovery took " + change(t.Change) + " longer than the median of the earlier drills that passed."
	case t.Change < 0:
		said += " This recovery took " + change(t.Change) + " less time than the median of the earlier drills that passed."
	default:
		said += " There is no change against the median of earlier drills that passed, or there is none to compare with."
	}
	return []block{
		{Table: &table{
			Caption: "Trend",
			Head:    []column{{"Objective", 25}, {"Shortest", 25}, {"Median", 25}, {"Longest", 25}},
			Rows:    [][]cell{row("RTO", t.RTO, o.RTOMeasured), row("RPO", t.RPO, o.RPOMeasured)},
		}},
		text(strings.TrimSpace(said)),
	}
}
