package drill

import (
	"fmt"
	"slices"
	"strings"
)

// state is Pass, Warn, Fail or Skipped. What has no result that is known has failed.
func state(result string, optional bool) string {
	switch result {
	case Pass, Warn, Skipped:
		return result
	default:
		if optional {
			return Warn
		}
		return Fail
	}
}

// state is that of a reconciliation: its own, or that of its worst item.
func (r Reconciliation) state() string {
	worst := state(r.Result, r.Optional)
	for _, item := range r.Items {
		of := state(item.Result, r.Optional)
		if order := []string{Fail, Skipped, Warn, Pass}; rank(order, of) < rank(order, worst) {
			worst = of
		}
	}
	return worst
}

// severityOf is that of what was not done at all.
func severityOf(optional bool) string {
	if optional {
		return SeverityMinor
	}
	return SeverityMajor
}

// checks judges the health checks.
func (j *judgement) checks() {
	there := map[string]bool{}
	for _, c := range j.record.Checks {
		there[c.Name] = true
		about := c.Name
		if c.Subject != "" && c.Subject != c.Name {
			about += " of " + c.Subject
		}
		why := c.Detail
		if why == "" {
			why = fmt.Sprintf("expected %s, observed %s", c.Expected, c.Observed)
		}
		switch state(c.Result, c.Optional) {
		case Pass:
			j.clear(c.Name, codeCheckFailed, codeCheckWarned, codeCheckNotRun)
		case Warn:
			j.find(codeCheckWarned, SeverityMinor, c.Name, and("the check "+about+" warns", why))
			j.clear(c.Name, codeCheckNotRun)
		case Fail:
			j.find(codeCheckFailed, SeverityMajor, c.Name, and("the check "+about+" failed", why))
			j.clear(c.Name, codeCheckNotRun)
		default:
			there[c.Name] = false
		}
	}
	if j.stopped() {
		return
	}
	for _, c := range j.record.Checks {
		if c.Result == Skipped {
			j.find(codeCheckNotRun, severityOf(c.Optional), c.Name, and("the check "+c.Name+" was skipped", c.Detail))
		}
	}
	for _, c := range j.record.Plan.Checks {
		if !there[c.Name] && !j.has(codeCheckNotRun, c.Name) {
			j.find(codeCheckNotRun, severityOf(c.Optional), c.Name, "the check "+c.Name+" is in the plan and was not run")
		}
	}
}

// unreachable ends the codes of reconciliations that could not be made.
const unreachable = "-unreachable"

// unmade reports whether a reconciliation failed because it could not be made,
// and found nothing that differs.
func (r Reconciliation) unmade() bool {
	return r.Unreached && !slices.ContainsFunc(r.Items, func(i Item) bool { return state(i.Result, false) == Fail })
}

// reconcileCode is the code and the severity of a reconciliation that failed.
func reconcileCode(kind string) (code, severity string) {
	switch kind {
	case ReconcileFingerprint, ReconcileRecovery:
		return codeDiffers, SeverityCritical
	case ReconcileChain:
		return codeChain, SeverityCritical
	case ReconcileObjects:
		return codeObjects, SeverityMajor
	default:
		return codeQuery, SeverityMajor
	}
}

// ofSurface reports whether a reconciliation is the one that each restore makes
// by itself. Its Subject is the surface.
func (r Reconciliation) ofSurface() bool {
	return r.Kind == ReconcileFingerprint || r.Kind == ReconcileRecovery
}

// subject names what a finding about a reconciliation is about: its name, but
// the surface where that is what failed, as in a restore.
func (r Reconciliation) subject() string {
	if r.ofSurface() && r.Subject != "" {
		return r.Subject
	}
	return r.Name
}

// fingerprinted reports whether a surface was compared with its fingerprint, as
// every restore of a snapshot is. What was recovered from WAL has none.
func (r *Record) fingerprinted(surface string) bool {
	return slices.ContainsFunc(r.Surfaces, func(s Restored) bool {
		return s.Surface == surface && s.Result == Pass && s.PointKind == kindSnapshot && r.comparedWith(s)
	})
}

// notRun says why a reconciliation of the plan was not made, as far as is known.
func (r *Record) notRun(rec Reconcile) string {
	why := "the reconciliation " + rec.Name + " is in the plan and was not run"
	if rec.Kind == ReconcileFingerprint && slices.ContainsFunc(r.Surfaces, func(s Restored) bool {
		return s.Surface == rec.Surface && s.Result == Pass && s.PointKind != kindSnapshot
	}) {
		why += ": " + rec.Surface + " was recovered to a moment, of which no fingerprint was taken: select a snapshot, or compare by a query"
	}
	return why
}

// why is what was wrong with a reconciliation: its own words, those of its first
// bad item, and how many others are bad. What an item compared is told only where
// nothing else is: it may be data.
func (r Reconciliation) why() string {
	bad := func(i Item) bool { return state(i.Result, r.Optional) == r.state() }
	at := slices.IndexFunc(r.Items, bad)
	if at < 0 || r.Detail != "" && r.Items[at].Detail == "" {
		return r.Detail
	}
	i := r.Items[at]
	about := strings.TrimSpace(i.Name + " " + i.Subject)
	more := 0
	for _, other := range r.Items[at+1:] {
		if bad(other) {
			more++
		}
	}
	others := ""
	if more > 0 {
		others = fmt.Sprintf("; and %d more", more)
	}
	if r.Detail != "" {
		return r.Detail + "; " + and(about, i.Detail) + others
	}
	return and(about, and(i.Detail, fmt.Sprintf("expected %s, observed %s", i.Expected, i.Observed))) + others
}

// reconciliations judges the comparisons.
func (j *judgement) reconciliations() {
	there := map[string]bool{}
	for _, rec := range j.record.Reconciled {
		there[rec.Name] = true
		code, severity := reconcileCode(rec.Kind)
		if !rec.Unreached {
			j.clear(rec.subject(), rec.Kind+unreachable)
		}
		switch rec.state() {
		case Pass:
			j.clear(rec.subject(), code)
			j.clear(rec.Name, codeReconcileWarned, codeReconcileNotRun)
		case Warn:
			j.find(codeReconcileWarned, SeverityMinor, rec.Name, and("the reconciliation "+rec.Name+" warns", rec.why()))
			j.clear(rec.Name, codeReconcileNotRun)
			if !rec.Optional && rec.Kind == ReconcileChain {
				// It has found something to know of, and nothing that differs. Others
				// warn of what they could not look at.
				j.clear(rec.subject(), code)
			}
		case Fail:
			what := " failed"
			if rec.unmade() {
				code, severity, what = rec.Kind+unreachable, SeverityMajor, " could not be made"
			}
			j.find(code, severity, rec.subject(), and("the reconciliation "+rec.Name+what, rec.why()))
			j.clear(rec.Name, codeReconcileNotRun)
		default:
			there[rec.Name] = false
		}
	}
	if j.stopped() {
		return
	}
	for _, rec := range j.record.Reconciled {
		if rec.state() == Skipped {
			j.find(codeReconcileNotRun, severityOf(rec.Optional), rec.Name, and("the reconciliation "+rec.Name+" was skipped, wholly or in part", rec.why()))
		}
	}
	for _, rec := range j.record.Plan.Reconcile {
		done := there[rec.Name] || rec.Kind == ReconcileFingerprint && j.record.fingerprinted(rec.Surface)
		if !done && !j.has(codeReconcileNotRun, rec.Name) {
			j.find(codeReconcileNotRun, severityOf(rec.Optional), rec.Name, j.record.notRun(rec))
		}
	}
}
