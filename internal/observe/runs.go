package observe

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Run is a run that has ended.
type Run struct {
	RunID      string
	WorkflowID string
	// Operation and Surface are as the search attributes have them.
	Operation string
	Surface   string
	// Kind and Policy are what a snapshot was asked for; Policy is empty for one
	// that a person asked for.
	Kind    string
	Policy  string
	Started time.Time
	Closed  time.Time
	// Outcome says how it ended, Failure in one line why it failed.
	Outcome Outcome
	Failure string
	// Point is what a verification read, and Corrupt whether it found it damaged.
	Point   string
	Corrupt bool
	// Bytes is what a snapshot stored.
	Bytes int64
}

// Outcome is how a run ended.
type Outcome string

// The outcomes. A run that was cancelled was neither a success nor a failure.
const (
	Succeeded Outcome = "succeeded"
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled"
)

const (
	// lookBack is how far the first look of all goes back for how policies fared.
	lookBack = 35 * 24 * time.Hour
	// overlap is for how long after its end a run may show for the first time:
	// lists of runs are kept behind the runs themselves.
	overlap = 5 * time.Minute
	// askTemporal bounds one question to Temporal.
	askTemporal = 10 * time.Second
)

// ended are the runs that have ended since the last look, each of them in one
// look alone. The first look of all goes back further, and begins to count.
func (r *Reader) ended(ctx context.Context, now time.Time, out *State, b *blind) []Run {
	m := &out.Memory
	since := m.RunsUntil.Add(-overlap)
	if m.RunsUntil.IsZero() {
		since = now.Add(-lookBack)
	}
	if out.Report.Since.IsZero() {
		out.Report.Since = now
	}
	ctx, cancel := context.WithTimeout(ctx, askTemporal)
	defer cancel()
	runs, err := r.s.Runs(ctx, since, func(id string) bool { _, counted := m.Counted[id]; return counted })
	b.fault("the runs that have ended", err)
	if err != nil {
		// They are counted once all of them can be listed.
		return nil
	}
	slices.SortFunc(runs, func(x, y Run) int { return x.Closed.Compare(y.Closed) })
	m.Counted = maps.Clone(m.Counted)
	maps.DeleteFunc(m.Counted, func(_ string, closed time.Time) bool { return now.Sub(closed) > 2*overlap })
	for _, run := range runs {
		if m.Counted == nil {
			m.Counted = map[string]time.Time{}
		}
		if now.Sub(run.Closed) <= 2*overlap {
			m.Counted[run.RunID] = run.Closed
		}
	}
	m.RunsUntil = now
	return runs
}

func (r *Reader) schedules(ctx context.Context, b *blind) map[string]Schedule {
	ctx, cancel := context.WithTimeout(ctx, askTemporal)
	defer cancel()
	found, err := r.s.Schedules(ctx)
	b.fault("the schedules", err)
	return found
}
