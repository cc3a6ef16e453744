package observe

import (
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// rememberReplica is for how long a replica that is gone is waited for.
const rememberReplica = 24 * time.Hour

// gone are the replicas of one surface that were there in the last day and are
// not now: how far they are behind counts on from when they were seen last. One
// that comes anew, as after a restart at another address, takes the place of the
// one that is gone the longest.
func gone(there, before []status.Replica, at, now time.Time) []status.Replica {
	var out []status.Replica
	for _, r := range before {
		if r.Itself || slices.ContainsFunc(there, func(t status.Replica) bool { return t.Name == r.Name }) {
			continue
		}
		if r.State != status.ReplicaGone {
			r.State, r.Seen = status.ReplicaGone, at
		}
		if now.Sub(r.Seen) < rememberReplica {
			r.LagSeconds = new(max(0, now.Sub(r.Seen).Seconds()))
			out = append(out, r)
		}
	}
	anew := 0
	for _, t := range there {
		if !t.Itself && !slices.ContainsFunc(before, func(r status.Replica) bool { return t.Name == r.Name }) {
			anew++
		}
	}
	slices.SortStableFunc(out, func(a, b status.Replica) int { return a.Seen.Compare(b.Seen) })
	return out[min(anew, len(out)):]
}
