package drill

import "slices"

// Proves reports whether the point of a restored surface is shown to be good: it
// was restored and compared, and every reconciliation of the plan that the
// surface is a part of, and every check that asks its data, was made and did not
// fail. One that warns contradicts nothing. What was skipped shows nothing.
func (r Record) Proves(s Restored) bool {
	if s.Result != Pass || r.Verdict == VerdictAborted || !r.comparedWith(s) {
		return false
	}
	fine := func(result string) bool { return result == Pass || result == Warn }
	for _, rec := range r.Reconciled {
		if rec.ofSurface() && rec.Subject == s.Surface && !fine(rec.state()) {
			return false
		}
	}
	for _, planned := range r.Plan.Reconcile {
		if planned.Surface != s.Surface && (planned.With == nil || planned.With.Surface != s.Surface) {
			continue
		}
		made := slices.ContainsFunc(r.Reconciled, func(rec Reconciliation) bool { return rec.Name == planned.Name && fine(rec.state()) })
		if !made && (planned.Kind != ReconcileFingerprint || !r.fingerprinted(s.Surface)) {
			return false
		}
	}
	for _, planned := range r.Plan.Checks {
		if planned.Surface != s.Surface || planned.Kind != CheckSQL && planned.Kind != CheckRedis {
			continue
		}
		if !slices.ContainsFunc(r.Checks, func(c CheckResult) bool { return c.Name == planned.Name && fine(state(c.Result, c.Optional)) }) {
			return false
		}
	}
	return true
}
