package observe

import (
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// damagedNow are the points of a surface that were found damaged when they were
// read back: those before and those that runs have found, in the order of their
// ends, without those that were read back since. Points that are gone are left
// out; whole is whether all that there are could be listed.
func damagedNow(surface string, before []status.Damage, runs []Run, known []catalog.Point, whole bool) []status.Damage {
	out := slices.Clone(before)
	for _, run := range runs {
		if run.Operation != OperationVerify || run.Surface != surface || run.Outcome == Cancelled || run.Outcome == Failed && !run.Corrupt {
			continue
		}
		out = slices.DeleteFunc(out, func(d status.Damage) bool { return d.Point == run.Point })
		if run.Outcome == Failed {
			out = append(out, status.Damage{Point: run.Point, At: run.Closed, Problem: run.Failure})
		}
	}
	return slices.DeleteFunc(out, func(d status.Damage) bool {
		i := slices.IndexFunc(known, func(p catalog.Point) bool { return p.Surface == surface && p.ID == d.Point })
		if i < 0 {
			return whole
		}
		return known[i].VerifiedAt != nil && known[i].VerifiedAt.After(d.At)
	})
}
