package pitr_test

import (
	"context"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

const size = 1 << 20

var day = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)

// minute is a moment of the day on which everything here happens.
func minute(m float64) time.Time { return day.Add(time.Duration(m * float64(time.Minute))) }

// at is a position: that many segments, with a fraction.
func at(segments float64) wal.LSN { return wal.LSN(segments*size) &^ 7 }

// written is what the servers of a cluster once wrote, as an Indexes. A stretch
// is read as what is held of it; reads are counted.
type written struct {
	holdings *pitr.Holdings
	endings  map[uint32][]wal.Ending
	points   map[uint32][]wal.RestorePoint
	reads    int
}

// commit has a transaction commit at a position and minute; its ID is the position's segment in hundredths.
func (w *written) commit(timeline uint32, segments, minutes float64) {
	w.end(timeline, segments, minutes, true)
}

func (w *written) end(timeline uint32, segments, minutes float64, committed bool) {
	start := at(segments)
	w.endings[timeline] = append(w.endings[timeline], wal.Ending{
		XID: uint32(segments*100 + 0.5), Start: start, End: start + 64, At: minute(minutes), Committed: committed,
	})
}

func (w *written) point(timeline uint32, segments float64, name string) {
	w.points[timeline] = append(w.points[timeline], wal.RestorePoint{Name: name, LSN: at(segments), Time: minute(segments * 10)})
}

// history is what a segment of a timeline holds: it begins with a copy of its ancestor's.
func (w *written) history(timeline uint32) []wal.Ending {
	all := slices.Clone(w.endings[timeline])
	for _, t := range w.holdings.Timelines {
		if t.ID != timeline {
			continue
		}
		for i, s := range t.History {
			from := wal.LSN(0)
			if i > 0 {
				from = t.History[i-1].End
			}
			for _, e := range w.endings[s.Timeline] {
				if e.Start >= from && e.End <= s.End {
					all = append(all, e)
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b wal.Ending) int { return int(int64(a.Start) - int64(b.Start)) })
	return all
}

func (w *written) held(segment wal.Segment) (end wal.LSN, open, ok bool) {
	for _, t := range w.holdings.Timelines {
		if t.ID != segment.Timeline {
			continue
		}
		for _, s := range t.Segments {
			if s.Number == segment.Number {
				return segment.End(size), false, true
			}
		}
		for _, chunk := range t.Open {
			if chunk.From >= segment.Start(size) && chunk.To <= segment.End(size) {
				end, open, ok = max(end, chunk.To), true, true
			}
		}
	}
	return end, open, ok
}

func (w *written) Index(_ context.Context, segment wal.Segment) (wal.Index, error) {
	return w.index(segment, false)
}

func (w *written) OpenIndex(_ context.Context, segment wal.Segment) (wal.Index, error) {
	return w.index(segment, true)
}

func (w *written) index(segment wal.Segment, wantOpen bool) (wal.Index, error) {
	w.reads++
	end, open, ok := w.held(segment)
	if !ok || open != wantOpen {
		return wal.Index{}, fault.New(fault.Missing, "segment %s is not held like that", segment.Name(size))
	}
	start := segment.Start(size)
	// Records of other kinds fill the WAL: the last one begins shortly before the end.
	index := wal.Index{Timeline: segment.Timeline, Start: start, End: end, LastRecord: end - 32}
	for _, e := range w.history(segment.Timeline) {
		if e.End <= start || e.End > end {
			continue
		}
		index = wal.Join(index, one(e))
		index.End, index.LastRecord = end, end-32
	}
	for _, p := range w.points[segment.Timeline] {
		if p.LSN > start && p.LSN <= end {
			index.RestorePoints = append(index.RestorePoints, p)
		}
	}
	return index, nil
}

// one is the index of a single transaction.
func one(e wal.Ending) wal.Index {
	index := wal.Index{Start: e.Start, End: e.End, LastRecord: e.Start, LastEnd: e.At, MinXID: e.XID, MaxXID: e.XID}
	if e.Committed {
		index.Commits, index.FirstCommit, index.LastCommit = 1, e.At, e.At
	}
	return index
}

func (w *written) Transactions(_ context.Context, segment wal.Segment, each func(wal.Ending) bool) error {
	w.reads++
	end, _, ok := w.held(segment)
	if !ok {
		return fault.New(fault.Missing, "segment %s is not held", segment.Name(size))
	}
	for _, e := range w.history(segment.Timeline) {
		if e.End > segment.Start(size) && e.End <= end && !each(e) {
			return nil
		}
	}
	return nil
}

// segments are whole ones, from the first to the last.
func segments(first, last uint64) []pitr.Held {
	var all []pitr.Held
	for n := first; n <= last; n++ {
		all = append(all, pitr.Held{Number: n, Bytes: 100})
	}
	return all
}

// base starts and stops at positions; its moments are ten minutes a segment.
func base(id string, timeline uint32, start, stop float64) pitr.Base {
	return pitr.Base{
		ID: id, Timeline: timeline, Start: at(start), Stop: at(stop),
		StartedAt: minute(start * 10), StoppedAt: minute(stop * 10), Major: 17,
	}
}

// plain is one timeline without gaps: a segment takes ten minutes, and a
// transaction commits in the middle of every minute. Segments 10 to 29 are
// whole, 30 is open up to its half. Bases end in 12, 20 and 25.
func plain() *written {
	w := &written{
		endings: map[uint32][]wal.Ending{}, points: map[uint32][]wal.RestorePoint{},
		holdings: &pitr.Holdings{
			SegmentSize: size,
			Bases:       []pitr.Base{base("b20", 1, 19.25, 20.25), base("b12", 1, 11.25, 12.25), base("b25", 1, 25.25, 25.75)},
			Timelines: []pitr.Timeline{{
				ID: 1, Segments: segments(10, 29), Open: []pitr.OpenChunk{{From: at(30), To: at(30.25)}, {From: at(30.25), To: at(30.5)}},
			}},
		},
	}
	for m := 100.5; m < 305; m++ {
		w.commit(1, m/10, m)
	}
	w.point(1, 15.5, "release")
	w.point(1, 13, "twice")
	w.point(1, 18, "twice")
	return w
}

// gapped is plain without the segments 22 and 23.
func gapped() *written {
	w := plain()
	t := &w.holdings.Timelines[0]
	t.Segments = slices.DeleteFunc(t.Segments, func(s pitr.Held) bool { return s.Number == 22 || s.Number == 23 })
	return w
}

// switched is plain with a second timeline that left the first one at the half
// of segment 21, and a third that left the second at the border of 27. What the
// first one wrote afterwards is still there.
func switched() *written {
	w := plain()
	w.holdings.Bases = append(w.holdings.Bases, base("b24", 2, 23.25, 24.25))
	w.holdings.Timelines = append(w.holdings.Timelines,
		pitr.Timeline{ID: 2, History: wal.History{{Timeline: 1, End: at(21.5)}}, Segments: segments(21, 28)},
		pitr.Timeline{
			ID: 3, History: wal.History{{Timeline: 1, End: at(21.5)}, {Timeline: 2, End: at(27)}},
			Segments: segments(27, 31), Open: []pitr.OpenChunk{{From: at(32), To: at(32.25)}},
		})
	// The later timelines' transactions commit at a quarter past the minute.
	for m := 215.25; m < 289; m++ {
		w.commit(2, m/10, m)
	}
	for m := 270.25; m < 322; m++ {
		w.commit(3, m/10, m)
	}
	w.point(2, 28.5, "left behind")
	w.point(3, 28.5, "kept")
	return w
}
