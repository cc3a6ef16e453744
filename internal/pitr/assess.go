package pitr

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// noLimit follows a timeline as far as it is held.
const noLimit = wal.LSN(math.MaxUint64)

// Assess says which moments can be had, and what is missing between them. WAL
// that is not needed by any base backup, or that may still be on its way because
// nothing after it has come, is not missing.
func Assess(ctx context.Context, h Holdings, indexes Indexes) (Window, error) {
	if err := h.check(); err != nil {
		return Window{}, err
	}
	w := Window{Timeline: newestTimeline(&h), Bases: len(h.Bases), Gaps: []Gap{}}
	for _, t := range h.Timelines {
		w.Segments += len(t.Segments)
		for _, s := range t.Segments {
			w.Bytes += s.Bytes
		}
	}
	usableIDs := make(map[string]bool)
	for _, timeline := range leaves(&h) {
		r := newReader(newPath(&h, timeline, noLimit), indexes)
		bases := usableBases(&h, r.path)
		for _, b := range bases {
			usableIDs[b.ID] = true
		}
		gaps, err := r.gaps(ctx, &h, bases)
		if err != nil {
			return Window{}, fault.While(err, "look at the gaps on timeline %d", timeline)
		}
		w.Gaps = append(w.Gaps, gaps...)
		if timeline == w.Timeline && len(bases) > 0 {
			if err := w.span(ctx, r, bases); err != nil {
				return Window{}, fault.While(err, "look for the last commit on timeline %d", timeline)
			}
		}
	}
	w.UsableBases = len(usableIDs)
	slices.SortFunc(w.Gaps, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.Timeline, b.Timeline), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	w.Gaps = slices.CompactFunc(w.Gaps, func(a, b Gap) bool {
		return a.Timeline == b.Timeline && a.From == b.From && a.To == b.To
	})
	return w, nil
}

// check wants what every computation needs.
func (h *Holdings) check() error {
	if !wal.ValidSegmentSize(h.SegmentSize) {
		return fault.New(fault.Invalid, "%d bytes is no size of a WAL segment", h.SegmentSize)
	}
	return nil
}

// span sets the window's borders from what recovery can reach.
func (w *Window) span(ctx context.Context, r *reader, bases []usable) error {
	w.Earliest, w.EarliestLSN = bases[0].StoppedAt, bases[0].Stop
	newest := bases[len(bases)-1]
	from, _ := r.find(newest.Start)
	commit, err := r.lastCommit(ctx, from, newest.run.last)
	if err != nil {
		return err
	}
	if w.LatestLSN, err = r.end(ctx, from, newest.run.last); err != nil {
		return err
	}
	w.LatestLSN = max(w.LatestLSN, newest.Stop)
	w.LastCommit = commit
	w.Latest = newest.StoppedAt
	if commit.After(w.Latest) {
		w.Latest = commit
	}
	if last := r.lastRun(); last == newest.run && r.knownUntil.After(w.Latest) {
		w.Latest = r.knownUntil
	}
	return nil
}

// leaves lists the timelines that no other one descends from.
func leaves(h *Holdings) []uint32 {
	left := make(map[uint32]bool)
	all := make(map[uint32]bool)
	for _, t := range h.Timelines {
		all[t.ID] = true
		for _, s := range t.History {
			left[s.Timeline] = true
		}
	}
	for _, b := range h.Bases {
		all[b.Timeline] = true
	}
	var found []uint32
	for id := range all {
		if !left[id] {
			found = append(found, id)
		}
	}
	slices.Sort(found)
	return found
}

// gaps lists what is missing on a path from the oldest base on it.
func (r *reader) gaps(ctx context.Context, h *Holdings, bases []usable) ([]Gap, error) {
	end, needed := firstNeeded(h, r.path)
	var gaps []Gap
	for n, next := range r.runs {
		if next.to <= end {
			continue
		}
		if next.from > end && (needed || n > 0) {
			gap := r.gap(end, next.from)
			if n > 0 && r.runs[n-1].to == end {
				commit, err := r.lastCommit(ctx, r.runs[n-1].first, r.runs[n-1].last)
				if err != nil {
					return nil, err
				}
				gap.After = commit
			}
			for _, b := range bases {
				if b.Start >= gap.To && (gap.Before.IsZero() || b.StoppedAt.Before(gap.Before)) {
					gap.Before = b.StoppedAt
				}
			}
			gaps = append(gaps, gap)
		}
		end = next.to
	}
	return gaps, nil
}

// gap describes the missing bytes between two positions.
func (p *path) gap(from, to wal.LSN) Gap {
	first := wal.SegmentAt(p.timelineAt(from), from, p.size)
	last := wal.SegmentAt(p.timelineAt(to-1), to-1, p.size)
	return Gap{
		Timeline: first.Timeline, From: from, To: to,
		FirstSegment: first.Name(p.size), LastSegment: last.Name(p.size), Segments: int(last.Number-first.Number) + 1,
	}
}
