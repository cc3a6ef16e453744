package drill

import (
	"cmp"
	"slices"
	"time"
)

// Judge fills in the objectives, the findings, the verdict and the summary of a
// drill from everything else in its record. prior are the findings of earlier
// drills of the plan, in any order; those of other plans are left out, and so
// are closed ones.
//
// A drill with a critical or major finding of its own fails; a cancelled one
// without is aborted; one with minor findings alone passes in part. Findings
// that are only carried over change no verdict, but for a step done by hand that
// the runbook still has not: that one is found again by every drill that is
// carried through, until it is written down or the risk is accepted. The facts are all that count:
// a record that was judged before and is judged again, with the same prior,
// comes out the same, but for what now made overdue.
func Judge(r Record, prior []Finding, now time.Time) Record {
	j := &judgement{record: &r, fine: map[string]bool{}}
	j.known = j.unsettled(prior, now)
	for _, f := range r.Failures {
		j.cancelled = j.cancelled || f.Kind == FailureCancelled
	}
	if r.Verdict == VerdictAborted && !j.cancelled {
		// A verdict that turns out otherwise keeps no trace of it.
		j.cancelled = true
		r.Failures = append(slices.Clone(r.Failures), Failure{Phase: PhaseJudge, Kind: FailureCancelled, Error: "the drill was cancelled"})
	}
	if kindOf(r) == Tabletop {
		j.tabletop()
	} else {
		j.recovery()
		recovered := !j.stopped()
		r.Objectives = measure(r, recovered)
		j.objectives()
	}
	j.isolation()
	j.untouched()
	j.afterwards()
	j.steps()
	j.phases()
	r.Verdict = j.verdict()
	// The summary goes by the findings of this drill and by those carried over.
	r.Findings = j.carry(now)
	r.Summary = summarise(r, now)
	return r
}

// kindOf is the record's kind, or its plan's.
func kindOf(r Record) string {
	switch {
	case r.Kind != "":
		return r.Kind
	case r.Plan.Kind != "":
		return r.Plan.Kind
	default:
		return Quarterly
	}
}

// judgement collects what a record shows.
type judgement struct {
	record *Record
	// known are the findings from before that are not closed, in the order in which they came.
	known []Finding
	// found are deficiencies, one for an ID; fine the IDs of those that were
	// looked for and are not there. What is in both is found. A workflow judges,
	// so nothing here ranges over a map.
	found     []Finding
	fine      map[string]bool
	cancelled bool
}

// find notes a deficiency. Of two with one ID the more severe stays.
func (j *judgement) find(code, severity, subject, cause string) {
	f := Finding{
		ID: findingID(j.record.PlanName, code, subject), Code: code, Severity: severity,
		Subject: subject, Cause: oneLine(cause),
	}
	at := slices.IndexFunc(j.found, func(old Finding) bool { return old.ID == f.ID })
	if at < 0 {
		j.found = append(j.found, f)
		return
	}
	worse := cmp.Compare(rank(severities, f.Severity), rank(severities, j.found[at].Severity))
	if cmp.Or(worse, cmp.Compare(f.Cause, j.found[at].Cause)) < 0 {
		j.found[at] = f
	}
}

// clear notes that a deficiency was looked for and is not there.
func (j *judgement) clear(subject string, codes ...string) {
	for _, code := range codes {
		j.fine[findingID(j.record.PlanName, code, subject)] = true
	}
}

// has reports whether a deficiency is noted.
func (j *judgement) has(code, subject string) bool {
	return has(j.found, findingID(j.record.PlanName, code, subject))
}

// failing reports whether what was found fails the drill.
func (j *judgement) failing() bool {
	return slices.ContainsFunc(j.found, func(f Finding) bool { return f.Severity != SeverityMinor })
}

// stopped reports whether something explains that what comes later was not
// done: then its absence is no finding of its own.
func (j *judgement) stopped() bool { return j.cancelled || j.failing() }

func (j *judgement) verdict() string {
	switch {
	case j.failing():
		return VerdictFail
	case j.cancelled:
		return VerdictAborted
	case len(j.found) > 0:
		return VerdictPartial
	default:
		return VerdictPass
	}
}

// recovery judges what has to work for the system to count as recovered, in
// the order in which a drill does it.
func (j *judgement) recovery() {
	j.failures(func(phase string) bool { return !slices.Contains(closingPhases, phase) })
	j.surfaces()
	j.sanitising()
	j.programs()
	j.checks()
	j.reconciliations()
	j.compared()
}

// phases is for an error that nothing else tells of.
func (j *judgement) phases() {
	if j.stopped() {
		return
	}
	for _, p := range j.record.Timeline.Phases {
		if p.Error != "" {
			j.find(phaseCode(p.Name), SeverityMajor, p.Surface, and(p.Name+" failed", p.Error))
		}
	}
}

// afterwards judges what comes after the recovery, and may fail without it.
func (j *judgement) afterwards() {
	if kindOf(*j.record) == Tabletop {
		j.failures(func(string) bool { return true })
	} else {
		j.failures(func(phase string) bool { return slices.Contains(closingPhases, phase) })
	}
	left := j.record.Isolation.Left
	switch {
	case len(left) > 0:
		j.find(codeLeftBehind, SeverityMajor, "", "after the tear-down there was still "+list(left)+": remove it by hand")
	case !j.record.Isolation.TornDown.IsZero():
		j.clear("", codeLeftBehind)
	}
}
