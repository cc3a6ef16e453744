package observe

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

const (
	// look is a little less than the time between two looks, so that what is read
	// at every look is due at each.
	look = 25 * time.Second
	// askProvider is how often a provider is asked for its window.
	askProvider = 5 * time.Minute
)

// walReadings are those of the surfaces whose WAL is shipped, or whose recovery
// a provider runs.
func (r *Reader) walReadings() map[string]*reading[pitr.Status] {
	out := map[string]*reading[pitr.Status]{}
	for name, s := range r.s.Config.Surfaces {
		every := look
		switch shipped := r.ships(name); {
		case r.s.WAL == nil, !shipped && s.Managed == nil:
			continue
		case !shipped:
			every = askProvider
		}
		out[name] = &reading[pitr.Status]{every: every, within: 5 * time.Minute, read: func(ctx context.Context) (pitr.Status, error) {
			last, _ := r.listing.result()
			return r.s.WAL(ctx, name, bases(last.value, name))
		}}
	}
	return out
}

func (r *Reader) ships(surface string) bool {
	policy, _ := r.s.Config.WALPolicy(surface)
	return policy != ""
}

// losing completes a surface by what a disaster now would lose of it, and by how
// the shipping of its WAL stands.
func (r *Reader) losing(now time.Time, s *status.Surface, was status.Surface, b *blind) {
	s.RPOTarget = r.strictest(s.Name)
	w, followed := r.wal[s.Name]
	if !followed {
		s.RPOSeconds = age(now, s.LastPoint)
		return
	}
	found, known, line := fresh(w, "what "+s.Name+" can be put back to", now)
	b.add(line)
	last, _ := w.result()
	switch {
	case begins(w, now):
		s.WAL, s.RPOSeconds = was.WAL, was.RPOSeconds
		return
	case !known || last.err != nil:
		return
	}
	if found.ServerProblem != "" {
		b.add("surface " + s.Name + ": the server can't be asked how far its WAL is: " + found.ServerProblem)
	}
	s.RPOSeconds = lost(found, last.at, now)
	if s.RPOSeconds == nil {
		s.RPOSeconds = age(now, s.LastPoint)
	}
	if r.ships(s.Name) {
		s.WAL = walOf(found)
		if l := found.Lag; l != nil && l.Pushed != nil {
			if r.pushing[s.Name] == nil {
				r.pushing[s.Name] = newPushing(*l.Pushed, was.WAL, last.at)
			}
			s.WAL.LagBytes, s.WAL.LagSeconds = r.pushing[s.Name].behind(*l.Pushed, last.at)
		}
	}
}

// lost is what a disaster would lose: nothing where the store has all that the
// server wrote. Nil where nothing can be had by WAL.
func lost(found pitr.Status, at, now time.Time) *float64 {
	if found.Latest.IsZero() {
		return nil
	}
	// What was read a while ago says how far behind the store was then.
	seconds := max(0, at.Sub(found.Latest).Seconds())
	switch {
	case found.Lag != nil:
		seconds = found.Lag.Seconds
	case found.ServerProblem != "":
		// Nobody knows what was written since.
		seconds = max(0, now.Sub(found.Latest).Seconds())
	}
	return &seconds
}

func age(now time.Time, p *status.Point) *float64 {
	if p == nil {
		return nil
	}
	seconds := max(0, now.Sub(p.At).Seconds())
	return &seconds
}

func walOf(found pitr.Status) *status.WAL {
	w := &status.WAL{Earliest: found.Earliest, Latest: found.Latest, Alarms: found.Alarms}
	for _, g := range found.Gaps {
		w.Gaps = append(w.Gaps, status.Gap{From: g.After, To: g.Before})
	}
	if l := found.Lag; l != nil {
		w.LagBytes, w.LagSeconds, w.Active = &l.Bytes, &l.Seconds, l.Active
		if l.Slot != "" {
			w.HeldBack, w.HoldBackLimit = &l.HeldBack, l.HoldBackLimit
		} else {
			// A server that pushes its WAL has no slot that somebody could stream from.
			w.Active = true
		}
	}
	return w
}

// strictest is the least RPO that a plan with the surface aims at, in seconds; 0 without one.
func (r *Reader) strictest(surface string) float64 {
	strictest := 0.0
	for _, plan := range r.s.Config.Drills {
		target := plan.Targets.RPO.Of().Seconds()
		for _, name := range plan.Surfaces {
			if name == surface && target > 0 && (strictest == 0 || target < strictest) {
				strictest = target
			}
		}
	}
	return strictest
}
