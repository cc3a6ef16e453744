package pitr

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// stretch is the part of one segment that is held, from the segment's first byte.
type stretch struct {
	segment wal.Segment
	end     wal.LSN
	bytes   int64
	open    bool
	// cut says that the segment goes on behind end with what its timeline wrote
	// after it was left.
	cut bool
}

// run is a range of stretches without a gap between them.
type run struct {
	first, last int // indexes of stretches
	from, to    wal.LSN
}

// leg is what a path has of one timeline.
type leg struct {
	timeline uint32
	from, to wal.LSN
}

// path is the WAL that leads to a timeline: its own and that of its ancestors,
// each up to where it was left. Where a segment is of two timelines, that of the
// younger one counts, as PostgreSQL asks for it first; it begins with a copy of
// the older one's.
type path struct {
	size      int64
	timeline  uint32
	legs      []leg // oldest first
	stretches []stretch
	runs      []run
	// knownUntil is the moment until which all of the timeline's WAL is held.
	knownUntil time.Time
}

// newPath follows the WAL to a timeline, no further than limit.
func newPath(h *Holdings, timeline uint32, limit wal.LSN) *path {
	p := &path{size: h.SegmentSize, timeline: timeline}
	held := make(map[uint32]*Timeline, len(h.Timelines))
	for i := range h.Timelines {
		held[h.Timelines[i].ID] = &h.Timelines[i]
	}
	from := wal.LSN(0)
	if t := held[timeline]; t != nil {
		p.knownUntil = t.KnownUntil
		for _, s := range t.History {
			p.legs = append(p.legs, leg{s.Timeline, from, s.End})
			from = s.End
		}
	}
	p.legs = append(p.legs, leg{timeline, from, limit})
	floor := uint64(math.MaxUint64)
	for _, l := range slices.Backward(p.legs) {
		if t := held[l.timeline]; t != nil {
			floor = p.add(l, t, floor)
		}
	}
	slices.Reverse(p.stretches)
	p.joinRuns()
	return p
}

// add puts a leg's stretches before those that are there, the last one first,
// and returns the lowest number of all.
func (p *path) add(l leg, t *Timeline, floor uint64) uint64 {
	first := uint64(l.from) / uint64(p.size)
	for _, s := range slices.Backward(stretchesOf(t, p.size)) {
		start := s.segment.Start(p.size)
		if s.segment.Number >= floor || s.segment.Number < first || start >= l.to {
			continue
		}
		if s.end > l.to {
			s.end, s.cut = l.to, true
		}
		p.stretches = append(p.stretches, s)
		floor = s.segment.Number
	}
	return floor
}

// stretchesOf lists what is held of a timeline, ascending.
func stretchesOf(t *Timeline, size int64) []stretch {
	all := make([]stretch, 0, len(t.Segments)+1)
	for _, held := range t.Segments {
		segment := wal.Segment{Timeline: t.ID, Number: held.Number}
		all = append(all, stretch{segment: segment, end: segment.End(size), bytes: held.Bytes})
	}
	whole := len(all)
	for _, chunk := range t.Open {
		segment := wal.SegmentAt(t.ID, chunk.From, size)
		if _, ok := slices.BinarySearchFunc(all[:whole], segment.Number, byNumber); ok {
			continue
		}
		switch last := len(all) - 1; {
		case last >= whole && all[last].segment == segment:
			// What follows a hole within the segment is of no use.
			if chunk.From <= all[last].end {
				all[last].end = max(all[last].end, min(chunk.To, segment.End(size)))
			}
		case chunk.From == segment.Start(size):
			all = append(all, stretch{segment: segment, end: min(chunk.To, segment.End(size)), open: true})
		}
	}
	slices.SortStableFunc(all, func(a, b stretch) int { return cmp.Compare(a.segment.Number, b.segment.Number) })
	return all
}

func byNumber(s stretch, number uint64) int { return cmp.Compare(s.segment.Number, number) }

// joinRuns finds the ranges without a gap.
func (p *path) joinRuns() {
	for i, s := range p.stretches {
		start := s.segment.Start(p.size)
		if n := len(p.runs); n > 0 && p.runs[n-1].to == start {
			p.runs[n-1].last, p.runs[n-1].to = i, s.end
			continue
		}
		p.runs = append(p.runs, run{first: i, last: i, from: start, to: s.end})
	}
}

// find is the index of the stretch that holds the byte at a position, or where it would be.
func (p *path) find(at wal.LSN) (int, bool) {
	i, ok := slices.BinarySearchFunc(p.stretches, uint64(at)/uint64(p.size), byNumber)
	return i, ok && at < p.stretches[i].end
}

// runOf is the run that holds the byte at a position.
func (p *path) runOf(at wal.LSN) (run, bool) {
	for _, r := range slices.Backward(p.runs) {
		if r.from <= at {
			return r, at < r.to
		}
	}
	return run{}, false
}

// lastRun is the run after which nothing is held; of an empty path an empty one.
func (p *path) lastRun() run {
	if len(p.runs) == 0 {
		return run{}
	}
	return p.runs[len(p.runs)-1]
}

// timelineAt is the timeline to which the byte at a position belongs.
func (p *path) timelineAt(at wal.LSN) uint32 {
	for _, l := range p.legs {
		if at < l.to {
			return l.timeline
		}
	}
	return p.timeline
}

// reaches reports whether recovery from the base can get onto the path: its
// timeline is on it, and was not left before the base was consistent.
func (p *path) reaches(b Base) bool {
	for _, l := range p.legs {
		if l.timeline == b.Timeline {
			return b.Stop <= l.to && b.Start >= l.from
		}
	}
	return false
}

// newestTimeline is the one that recovery follows unless told otherwise.
func newestTimeline(h *Holdings) uint32 {
	newest := uint32(0)
	for _, t := range h.Timelines {
		newest = max(newest, t.ID)
	}
	for _, b := range h.Bases {
		newest = max(newest, b.Timeline)
	}
	return newest
}
