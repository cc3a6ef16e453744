package pitr

import (
	"context"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Choose plans a recovery: the newest base backup that is consistent before the
// target and from which the WAL is gapless up to it. Unless the target names a
// timeline it follows the newest one, and falls back to the WAL of an ancestor
// only for what happened before that was left. What cannot be had is
// fault.Missing, with the nearest that can; a target that makes no sense is
// fault.Invalid.
func Choose(ctx context.Context, h Holdings, indexes Indexes, t Target) (Plan, error) {
	if err := h.check(); err != nil {
		return Plan{}, err
	}
	t, err := t.normal()
	if err != nil {
		return Plan{}, err
	}
	timeline, newest := t.Timeline, newestTimeline(&h)
	switch {
	case timeline == 0:
		timeline = newest
	case timeline > newest && newest > 0:
		return Plan{}, fault.New(fault.Missing, "nothing is held of timeline %d: the newest is %d", timeline, newest)
	}
	p := newPath(&h, timeline, noLimit)
	plan, err := chooseOn(ctx, &h, newReader(p, indexes), t)
	if err == nil || t.Timeline != 0 || !fault.Is(err, fault.Missing) || t.Kind == AtLatest {
		return plan, err
	}
	// An ancestor serves only with a place to stop at: the end of its WAL is
	// not the state of any later moment.
	for _, l := range slices.Backward(p.legs[:len(p.legs)-1]) {
		older, errOlder := chooseOn(ctx, &h, newReader(newPath(&h, l.timeline, l.to), indexes), t)
		if errOlder == nil && !older.EndOfWAL {
			return older, nil
		}
	}
	return Plan{}, leftBehind(&h, p, t, err)
}

// normal checks a target and gives its time the server's resolution of
// microseconds, without a transaction more or less.
func (t Target) normal() (Target, error) {
	switch t.Kind {
	case AtTime:
		whole := t.Time.UTC().Truncate(time.Microsecond)
		if t.Exclusive && whole.Before(t.Time) {
			whole = whole.Add(time.Microsecond)
		}
		if t.Time.IsZero() {
			return t, fault.New(fault.Invalid, "a recovery to a time needs the time")
		}
		t.Time = whole
	case AtLSN:
		if t.LSN == 0 {
			return t, fault.New(fault.Invalid, "a recovery to a WAL position needs the position")
		}
	case AtXID:
		if t.XID < firstXID {
			return t, fault.New(fault.Invalid, "%d is no transaction of anybody: IDs begin with %d", t.XID, firstXID)
		}
	case AtName:
		if t.Name == "" || len(t.Name) > maxName {
			return t, fault.New(fault.Invalid, "the name of a restore point has 1 to %d bytes", maxName)
		}
	case AtLatest, AtImmediate:
	default:
		return t, fault.New(fault.Invalid, "%q is no kind of recovery target", t.Kind)
	}
	return t, nil
}

// chooseOn plans a recovery along one path.
func chooseOn(ctx context.Context, h *Holdings, r *reader, t Target) (Plan, error) {
	bases := usableBases(h, r.path)
	if len(bases) == 0 {
		return Plan{}, noBase(h, r.path)
	}
	if t.Kind == AtImmediate {
		b := bases[len(bases)-1]
		return r.plan(ctx, b, t, spot{at: b.Stop, until: b.Stop, stretch: b.run.last})
	}
	from := len(r.stretches)
	for _, b := range bases {
		first, _ := r.find(b.Start)
		from = min(from, first)
	}
	found, err := r.locate(ctx, bases, t, from)
	if err != nil {
		return Plan{}, err
	}
	for _, b := range slices.Backward(bases) {
		if !b.endedBefore(t, found) {
			continue
		}
		if b.run.to < found.until {
			known, err := r.knownIn(ctx, bases, b.run)
			if err != nil {
				return Plan{}, err
			}
			if t.Kind != AtTime || t.Time.After(known) {
				return Plan{}, r.inGap(bases, b, t, known)
			}
			end, err := r.end(ctx, b.run.first, b.run.last)
			if err != nil {
				return Plan{}, err
			}
			found = spot{at: end, until: end, endOfWAL: true, stretch: b.run.last}
		}
		if err := r.onlyOne(ctx, b, t, found); err != nil {
			return Plan{}, err
		}
		return r.plan(ctx, b, t, found)
	}
	return Plan{}, tooEarly(bases[0], t)
}

// endedBefore reports whether the base was consistent before the target. The
// clock must agree with the WAL: what was committed long before a base started
// is in no WAL that would tell.
func (b usable) endedBefore(t Target, found spot) bool {
	return b.Stop <= found.at && (t.Kind != AtTime || !b.StoppedAt.After(t.Time))
}

// onlyOne wants the name of a restore point to be the only one that recovery
// meets, as PostgreSQL stops at the first.
func (r *reader) onlyOne(ctx context.Context, b usable, t Target, found spot) error {
	if t.Kind != AtName {
		return nil
	}
	first, _ := r.find(b.Start)
	for i := first; i <= found.stretch; i++ {
		index, err := r.index(ctx, i)
		if err != nil {
			return err
		}
		for _, point := range index.RestorePoints {
			if point.Name == t.Name && point.LSN > b.Start && point.LSN < found.at {
				return fault.New(fault.Invalid, "there are several restore points %q, such as the one of %s at %s: ask for a time or a WAL position", t.Name, showTime(point.Time), point.LSN)
			}
		}
	}
	return nil
}

// plan writes down what was found.
func (r *reader) plan(ctx context.Context, b usable, t Target, found spot) (Plan, error) {
	plan := Plan{
		Base: b.Base, Chain: b.chain, Target: t, Timeline: r.timeline, From: b.Start, Until: max(found.until, b.Stop),
		EndOfWAL: found.endOfWAL, Expected: found.expected, Settings: t.settings(r.timeline, found.endOfWAL),
	}
	first, _ := r.find(b.Start)
	last := first
	for i := first; i < len(r.stretches) && r.stretches[i].segment.Start(r.size) < plan.Until; i++ {
		last = i
		plan.Segments++
		plan.Bytes += r.stretches[i].bytes
	}
	var err error
	switch {
	case !plan.Expected.IsZero():
	case t.Kind == AtTime && !plan.EndOfWAL, t.Kind == AtXID:
		plan.Expected, err = r.lastCommit(ctx, first, last-1)
	case plan.EndOfWAL:
		plan.Expected, err = r.lastCommit(ctx, first, last)
	default:
		plan.Expected, err = r.lastCommitBefore(ctx, first, last, t, plan.Until)
	}
	return plan, err
}

// lastCommitBefore is the time of the last commit that recovery to a position
// or a name replays.
func (r *reader) lastCommitBefore(ctx context.Context, first, last int, t Target, until wal.LSN) (time.Time, error) {
	var expected time.Time
	err := r.transactions(ctx, last, func(e wal.Ending) bool {
		inside := e.End <= until
		if t.Kind == AtLSN {
			inside = e.Start < t.LSN || (e.Start == t.LSN && !t.Exclusive)
		}
		if inside && e.Committed && e.At.After(expected) {
			expected = e.At
		}
		return inside
	})
	if err != nil || !expected.IsZero() {
		return expected, err
	}
	return r.lastCommit(ctx, first, last-1)
}

// Feed lists the segments that a plan's recovery reads, in order. The timeline
// of each is the one whose file PostgreSQL asks for first.
func Feed(h Holdings, plan Plan) []wal.Segment {
	p := newPath(&h, plan.Timeline, noLimit)
	first, _ := p.find(plan.From)
	var segments []wal.Segment
	for i := first; i < len(p.stretches) && p.stretches[i].segment.Start(p.size) < plan.Until; i++ {
		segments = append(segments, p.stretches[i].segment)
	}
	return segments
}
