package status

import (
	"cmp"
	"slices"
)

// RuleNotWatching is the rule whose alert says that a report is missing or old.
const RuleNotWatching = "LifeboatNotWatching"

// Stale reports whether the report is so old that things may stand otherwise by
// now. A reader's own look at the clock puts the alert in that says so.
func (r Report) Stale() bool {
	return !r.At.IsZero() && slices.ContainsFunc(r.Alerts, func(a Alert) bool { return a.Rule == RuleNotWatching && a.State == Firing })
}

// Concerning returns the alerts that fire for a surface, in the report's order:
// its own, those of the plans that rehearse it, and those of the stores that its
// policies write to. What concerns everything, such as the ledger, is not among them.
func (r Report) Concerning(surface string) []Alert {
	names := map[string]map[string]bool{"surface": {surface: true}, "plan": {}, "store": {}}
	for _, p := range r.Plans {
		if slices.Contains(p.Surfaces, surface) {
			names["plan"][p.Plan] = true
		}
	}
	for _, p := range r.Policies {
		if p.Surface == surface {
			names["store"][p.Store] = true
		}
	}
	var out []Alert
	for _, a := range r.Alerts {
		if a.State != Firing {
			continue
		}
		for label, of := range names {
			if value := a.Labels[label]; value != "" && of[value] {
				out = append(out, a)
				break
			}
		}
	}
	return out
}

// Worse orders what two surfaces have firing, the worse first: by how many are
// critical, then by how many there are.
func Worse(a, b []Alert) int {
	critical := func(of []Alert) (n int) {
		for _, alert := range of {
			if alert.Severity == Critical {
				n++
			}
		}
		return n
	}
	return cmp.Or(cmp.Compare(critical(b), critical(a)), cmp.Compare(len(b), len(a)))
}
