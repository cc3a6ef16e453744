package retention

import "time"

// PlanBases is Plan for base backups, with which a window is promised: a moment
// needs a base that ended before it, and an incremental base those it builds
// on. So beside what Plan keeps, the newest one that is older than keep.Days
// stays, and whatever a kept one has for a Parent.
func PlanBases(points []Point, keep Keep, now time.Time) []Decision {
	plan := Plan(points, keep, now)
	byID := make(map[string]Point, len(points))
	for _, p := range points {
		byID[p.ID] = p
	}
	if keep.Days > 0 {
		oldest := now.Add(-time.Duration(keep.Days) * 24 * time.Hour)
		// The plan is the newest first.
		for i, d := range plan {
			if !byID[d.ID].At.Before(oldest) {
				continue
			}
			if !d.Keep {
				plan[i].Keep, plan[i].Reason = true, "the window begins with it"
			}
			break
		}
	}
	at := make(map[string]int, len(plan))
	for i, d := range plan {
		at[d.ID] = i
	}
	// A parent is older than what builds on it, so one pass reaches whole chains.
	for _, d := range plan {
		i, known := at[byID[d.ID].Parent]
		if known && plan[at[d.ID]].Keep && !plan[i].Keep {
			plan[i].Keep, plan[i].Reason = true, d.ID+" builds on it"
		}
	}
	return plan
}
