package drill

import (
	"slices"
	"strings"
)

// asPlanned reports whether a drill looked at what a finding is about as its
// plan says. One for which somebody chose a recovery point shows nothing of how
// the plan's own point would have done: it counts only for findings about the
// other surfaces, and about the checks and reconciliations that ask no more than
// those. What depends on all that was restored, such as the RTO, a program, or a
// check that names no surface, waits for a drill of the plan as it is.
func (r *Record) asPlanned(f Finding) bool {
	chosen := r.Identity.Overridden
	if len(chosen) == 0 {
		return true
	}
	asked := r.asks(f)
	return len(asked) > 0 && !slices.ContainsFunc(asked, func(surface string) bool { return slices.Contains(chosen, surface) })
}

// asks are the surfaces whose restored data a finding is about; none where that
// can't be said.
func (r *Record) asks(f Finding) []string {
	code := f.Code
	if strings.HasSuffix(code, unreachable) {
		code = codeQuery
	}
	switch code {
	case codeCheckFailed, codeCheckWarned, codeCheckNotRun:
		at := slices.IndexFunc(r.Plan.Checks, func(c Check) bool { return c.Name == f.Subject })
		if at < 0 || r.Plan.Checks[at].Surface == "" || strings.Contains(strings.Join(r.Plan.Checks[at].Reaches(), " "), "{{") {
			return nil
		}
		return []string{r.Plan.Checks[at].Surface}
	case codeReconcileWarned, codeReconcileNotRun, codeQuery, codeObjects, codeChain:
		at := slices.IndexFunc(r.Plan.Reconcile, func(c Reconcile) bool { return c.Name == f.Subject })
		if at < 0 {
			return nil
		}
		switch rec := r.Plan.Reconcile[at]; rec.Kind {
		case ReconcileQuery:
			if rec.With == nil {
				return nil
			}
			return []string{rec.Surface, rec.With.Surface}
		case ReconcileFingerprint, ReconcileObjects, ReconcileChain:
			return []string{rec.Surface}
		default:
			return nil
		}
	case codeNotRestored, codeNotCompared, codeDiffers, codePartialPoint, codeSanitiseNotRun, phaseCode(PhaseSelect), phaseCode(PhaseRestore):
	default:
		if !slices.Contains(restoreCodes(), f.Code) {
			return nil
		}
	}
	if !slices.Contains(r.Plan.Surfaces, f.Subject) {
		return nil
	}
	return []string{f.Subject}
}
