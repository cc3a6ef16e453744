package drill

import (
	"fmt"
	"slices"
	"strings"
)

// isolation judges what was tried to show that the environment is apart.
func (j *judgement) isolation() {
	for _, a := range j.record.Isolation.Attempts {
		cause := fmt.Sprintf("%s: expected %s, observed %s", a.What, a.Expected, a.Observed)
		switch state(a.Result, false) {
		case Pass:
			j.clear(a.What, codeIsolation, codeIsolationWarned)
		case Warn:
			j.find(codeIsolationWarned, SeverityMinor, a.What, cause)
		case Fail:
			j.find(codeIsolation, SeverityCritical, a.What, "the environment is not apart: "+cause)
		}
	}
}

// untouched judges the proof that live stores and databases were left alone. An
// annual drill has to have one.
func (j *judgement) untouched() {
	u := j.record.Untouched
	if u != nil {
		for _, name := range u.Refused {
			j.find(codeLiveTouched, SeverityCritical, name, name+" is live and was barred: the drill tried to use it, and was stopped")
		}
	}
	if u == nil || len(u.Fenced) == 0 {
		if kindOf(*j.record) == AnnualFull && !j.stopped() {
			j.find(codeNotShown, SeverityMajor, "", "nothing shows that what is live was left alone: no store and no database was fenced")
		}
		return
	}
	j.clear("", codeNotShown)
	for _, name := range u.Fenced {
		j.clear(name, codeLiveTouched)
		if slices.Contains(u.Used, name) {
			j.find(codeLiveTouched, SeverityCritical, name, name+" is live and was barred, and the drill used it")
		}
	}
}

// steps judges what was done by hand: all of it has to be in the runbook. A
// step of a tabletop's checklist is in the plan.
func (j *judgement) steps() {
	r := j.record
	for _, m := range r.ManualSteps {
		switch {
		case kindOf(*r) == Tabletop && ticks(m.Text, r.Plan.Steps) >= 0:
		case m.Documented:
			j.clear(m.Text, codeUndocumented)
		default:
			where := "the plan names no runbook: name one that has it"
			if b := r.Plan.Runbook; b != nil {
				commit := m.Commit
				if commit == "" {
					commit = r.Identity.RunbookCommit
				}
				where = and(strings.TrimRight("it is not in "+b.File+" at "+commit, " "), "write it down there")
			}
			j.find(codeUndocumented, SeverityMajor, m.Text, fmt.Sprintf("done by hand: %q; %s, and repeat the drill", oneLine(m.Text), where))
		}
	}
	// What is written down by now is mended once the drill was repeated to its
	// end. So is what an approver sent back, where nobody signs any more: else the
	// signature mends that.
	missing := j.stillMissing()
	if !j.stopped() {
		if !r.Plan.NeedsSignOff() {
			j.clear("", codeRefused)
		}
		for _, text := range r.WrittenDown {
			j.clear(text, codeUndocumented)
		}
	}
	j.found = append(j.found, missing...)
}

// stillMissing are the steps of earlier drills that the runbook still has not,
// and that no runbook was found to have while this drill ran. A drill without
// such a step shows nothing as long as nobody knows how it went without it. A
// cancelled one does not count as repeated.
func (j *judgement) stillMissing() []Finding {
	r := j.record
	if j.cancelled {
		return nil
	}
	var missing []Finding
	for _, f := range j.known {
		switch {
		case f.Code != codeUndocumented || f.Status != FindingOpen || f.Found == r.ID || has(j.found, f.ID) || j.fine[f.ID]:
		case slices.Contains(r.WrittenDown, f.Subject), kindOf(*r) == Tabletop && ticks(f.Subject, r.Plan.Steps) >= 0:
		default:
			cause := fmt.Sprintf("done by hand in an earlier drill, and not in the runbook since: %q; write it down there, and repeat the drill", oneLine(f.Subject))
			missing = append(missing, Finding{ID: f.ID, Code: f.Code, Severity: SeverityMajor, Subject: f.Subject, Cause: cause})
		}
	}
	return missing
}

// ticks is the number of the step that a text ticks, from 0, or -1.
func ticks(text string, steps []string) int {
	return slices.IndexFunc(steps, func(step string) bool { return plain(text) != "" && plain(step) == plain(text) })
}

// tabletop judges a drill of people: every step of its checklist has to be ticked.
func (j *judgement) tabletop() {
	r := j.record
	ticked := map[int]bool{}
	for _, m := range r.ManualSteps {
		if i := ticks(m.Text, r.Plan.Steps); i >= 0 {
			ticked[i] = true
		}
	}
	r.Objectives = Objectives{Formula: "A tabletop restores nothing and measures neither RTO nor RPO.", Trend: r.Objectives.Trend}
	if len(ticked) > 0 {
		j.clear("", codeNothingDone)
	} else if !j.cancelled {
		j.find(codeNothingDone, SeverityMajor, "", "no step of the checklist was walked through")
	}
	for i, step := range r.Plan.Steps {
		switch done := ticked[i] || ticked[ticks(step, r.Plan.Steps)]; {
		case done:
			j.clear(step, codeStepNotDone)
		case len(ticked) > 0 && !j.cancelled:
			j.find(codeStepNotDone, SeverityMinor, step, fmt.Sprintf("step %d of the checklist was not walked through: %s", i+1, oneLine(step)))
		}
	}
}
