package observe

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// policies say how each policy stands, in order of their names. Before them come
// those without a name: what was asked for by people, one for each surface and
// kind of which such a run has ended.
func (r *Reader) policies(report *status.Report, before []status.Policy, runs []Run, schedules map[string]Schedule, known []catalog.Point) []status.Policy {
	out := onDemand(r.s.Config, before, runs)
	partial := unread(r.listing, report.At)
	for _, name := range slices.Sorted(maps.Keys(r.s.Config.Policies)) {
		c := r.s.Config.Policies[name]
		p := status.Policy{Name: name, Surface: c.Surface, Kind: c.Kind, Store: c.Store, Paused: c.Paused}
		p = carried(p, before)
		was := p
		if schedule, ok := schedules[name]; ok {
			p.IntervalSeconds, p.NextDue = schedule.Interval.Seconds(), schedule.Next
			// Whoever has turned it last: the configuration's word is what it began with.
			p.Paused = schedule.Paused
		}
		if p.Paused {
			p.NextDue = time.Time{}
		}
		if !was.Since.IsZero() && (was.Paused && !p.Paused || p.IntervalSeconds > 0 && p.IntervalSeconds < was.IntervalSeconds) {
			p.Turned = report.At
		}
		since := unverified(name, c, known)
		if was := p.UnverifiedSince; partial && !was.IsZero() && (since.IsZero() || was.Before(since)) && c.Verify == config.VerifyAfter {
			// Not all points could be read: one that waited is not known to wait no more.
			since = was
		}
		p.UnverifiedSince = since
		out = append(out, p)
	}
	for i := range out {
		follow(&out[i], runs, report.Since)
		made(&out[i], r.s.Config, report.Surfaces, known)
		if out[i].Since.IsZero() {
			out[i].Since = report.At
		}
	}
	firstDue(report.Surfaces, out)
	return out
}

// firstDue says until when the first copies of surfaces are waited for.
func firstDue(surfaces []status.Surface, policies []status.Policy) {
	for i := range surfaces {
		s := &surfaces[i]
		if s.LastPoint != nil || s.RPOSeconds != nil {
			continue
		}
		for _, p := range policies {
			if at := p.LateAt(); p.Surface == s.Name && p.LastSuccess.IsZero() && !at.IsZero() && (s.FirstDue.IsZero() || at.Before(s.FirstDue)) {
				s.FirstDue = at
			}
		}
	}
}

// onDemand are the entries of what people asked for, without what runs add.
func onDemand(c *config.Config, before []status.Policy, runs []Run) []status.Policy {
	type of struct{ surface, kind string }
	asked := map[of]bool{}
	for _, p := range before {
		if p.Name == "" {
			asked[of{p.Surface, p.Kind}] = true
		}
	}
	for _, run := range runs {
		if run.Operation == OperationSnapshot && run.Policy == "" && run.Outcome != Cancelled {
			asked[of{run.Surface, run.Kind}] = true
		}
	}
	out := []status.Policy{}
	for a := range asked {
		if _, ok := c.Surfaces[a.surface]; ok {
			out = append(out, carried(status.Policy{Surface: a.surface, Kind: a.kind}, before))
		}
	}
	slices.SortFunc(out, func(x, y status.Policy) int {
		return cmp.Or(cmp.Compare(x.Surface, y.Surface), cmp.Compare(x.Kind, y.Kind))
	})
	return out
}

// carried is a policy with what earlier looks have learnt of it.
func carried(p status.Policy, before []status.Policy) status.Policy {
	for _, was := range before {
		if was.Name != p.Name || was.Surface != p.Surface || was.Kind != p.Kind {
			continue
		}
		// What the configuration says counts as it is now; but for whether one with
		// a schedule rests, which a person may have changed.
		was.Store = p.Store
		if was.IntervalSeconds == 0 {
			was.Paused = p.Paused
		}
		return was
	}
	return p
}

// follow tells a policy of the runs that ended. Those from before since are not
// counted. A run that shows late, after one that ended later, changes no more
// than the counts.
func follow(p *status.Policy, runs []Run, since time.Time) {
	for _, run := range runs {
		if run.Operation != OperationSnapshot || run.Surface != p.Surface || run.Kind != p.Kind || run.Outcome == Cancelled {
			continue
		}
		if run.Policy != p.Name {
			if p.Name == "" && run.Outcome == Succeeded && run.Closed.After(p.LastFailure) {
				// What a person asked for in vain, a policy has made since.
				p.FailedLast, p.Failure = false, ""
			}
			continue
		}
		counted := !run.Closed.Before(since)
		if run.Outcome == Failed {
			failed(p, run)
			if counted {
				p.Failures++
			}
			continue
		}
		succeeded(p, run)
		if counted {
			p.Successes++
		}
	}
}

func failed(p *status.Policy, run Run) {
	if run.Closed.Before(p.LastFailure) {
		return
	}
	p.LastFailure = run.Closed
	if run.Closed.After(p.LastSuccess) {
		p.FailedLast, p.FailedFrom = true, run.Started
		p.Failure, p.WorkflowID = run.Failure, run.WorkflowID
	}
}

func succeeded(p *status.Policy, run Run) {
	if run.Closed.After(p.LastFailure) {
		p.FailedLast, p.Failure, p.WorkflowID = false, "", run.WorkflowID
	}
	if run.Closed.Before(p.LastSuccess) {
		return
	}
	p.LastSuccess = run.Closed
	p.LastSeconds, p.LastBytes = run.Closed.Sub(run.Started).Seconds(), run.Bytes
}

// made completes a policy by what the stores have: their word counts where no
// run is known any more.
func made(p *status.Policy, c *config.Config, surfaces []status.Surface, known []catalog.Point) {
	if p.Kind == config.KindWAL {
		for _, s := range surfaces {
			if policy, _ := c.WALPolicy(s.Name); policy == p.Name && s.WAL != nil {
				p.LastSuccess = s.WAL.Latest
			}
		}
		return
	}
	for _, point := range known {
		if p.Name == "" || point.Policy != p.Name || point.Surface != p.Surface || point.Kind != p.Kind || point.State == catalog.StateCorrupt {
			continue
		}
		if point.CreatedAt.After(p.LastSuccess) {
			p.LastSuccess, p.LastBytes = point.CreatedAt, point.Bytes
		}
		return
	}
}
