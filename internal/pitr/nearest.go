package pitr

import (
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// showTime writes a time with all that it has.
func showTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// noBase explains why nothing can be recovered along a path.
func noBase(h *Holdings, p *path) error {
	for _, b := range h.Bases {
		if !p.reaches(b) {
			continue
		}
		if _, ok := chainOf(h, b); !ok {
			return fault.New(fault.Missing, "no base backup is complete: %s is an incremental one, and what it builds on is missing", b.ID)
		}
		return fault.New(fault.Missing, "no base backup can be made consistent on timeline %d: %s needs the WAL from %s to %s", p.timeline, b.ID, b.Start, b.Stop)
	}
	return fault.New(fault.Missing, "there is no base backup from which timeline %d can be reached: take one first", p.timeline)
}

// tooEarly is for a target before the first base backup ended.
func tooEarly(first usable, t Target) error {
	return fault.New(fault.Missing, "%s is before the end of the first base backup: the earliest that can be had is %s, at %s", t, showTime(first.StoppedAt), first.Stop)
}

// inGap is for a target that the WAL after a base does not reach, of which the
// last moment known is given.
func (r *reader) inGap(bases []usable, before usable, t Target, known time.Time) error {
	end := r.runs[len(r.runs)-1].to
	for _, next := range r.runs {
		if next.from > before.run.to {
			end = next.from
			break
		}
	}
	for _, b := range bases {
		if b.Start >= end {
			return fault.New(fault.Missing, "%s cannot be had: the WAL from %s to %s is missing; the nearest are %s before it and %s after it",
				t, before.run.to, end, showTime(known), showTime(b.StoppedAt))
		}
	}
	return fault.New(fault.Missing, "%s cannot be had: the WAL from %s to %s is missing, and no base backup lies after it; the nearest is %s",
		t, before.run.to, end, showTime(known))
}

// leftBehind adds to an error that a position or a restore point lies on what a
// timeline wrote after it was left.
func leftBehind(h *Holdings, p *path, t Target, err error) error {
	if t.Kind != AtLSN {
		return err
	}
	for _, l := range slices.Backward(p.legs[:len(p.legs)-1]) {
		alone := newPath(h, l.timeline, noLimit)
		if _, held := alone.find(t.LSN); held && t.LSN >= l.to {
			return fault.While(err, "timeline %d also has %s, but was left at %s: ask for %[2]s@%[1]d to follow it", l.timeline, t.LSN, l.to)
		}
	}
	return err
}
