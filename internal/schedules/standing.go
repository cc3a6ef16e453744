package schedules

import (
	"context"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
)

// Standing is how one of Lifeboat's schedules stands.
type Standing struct {
	// Paused is whether it rests, whoever has paused it, and Note says why.
	Paused bool
	Note   string
	// Next is when it comes next, jitter and all; zero where it does not.
	Next time.Time
}

// Stand says how the schedules stand, by their IDs without Prefix. It is one
// request for every hundred; a change shows after a moment.
func Stand(ctx context.Context, c client.Client) (map[string]Standing, error) {
	listed, err := c.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 100})
	if err != nil {
		return nil, classify(err, "listing the schedules")
	}
	out := map[string]Standing{}
	for listed.HasNext() {
		entry, err := listed.Next()
		if err != nil {
			return nil, classify(err, "listing the schedules")
		}
		id, ours := strings.CutPrefix(entry.ID, Prefix)
		if !ours {
			continue
		}
		s := Standing{Paused: entry.Paused, Note: entry.Note}
		if len(entry.NextActionTimes) > 0 && !entry.Paused {
			s.Next = entry.NextActionTimes[0].UTC()
		}
		out[id] = s
	}
	return out, nil
}
