package pitr

import (
	"math"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Surplus is what no kept base backup needs.
type Surplus struct {
	// Bases are the IDs of the base backups that are neither kept nor part of a
	// kept one's chain, in the order of the holdings.
	Bases []string `json:"bases"`
	// Segments are ascending by timeline and number.
	Segments []wal.Segment `json:"segments"`
	// Histories are the timelines whose history file is of no more use.
	Histories []uint32 `json:"histories"`
	// Bytes counts the segments, as stored.
	Bytes int64 `json:"bytes"`
}

// Retain says what may go when the base backups of the given IDs are kept. WAL
// stays from the start of the oldest kept base on, on its timeline and on all
// that descend from it. Other timelines, and those of which no history tells
// where they come from, keep all that is not older than every kept base.
// When none of the IDs is held, all is kept.
func Retain(h Holdings, keep []string) Surplus {
	var surplus Surplus
	kept, chained := keptBases(&h, keep)
	if len(kept) == 0 || h.check() != nil {
		return surplus
	}
	for _, b := range h.Bases {
		if !chained[b.ID] {
			surplus.Bases = append(surplus.Bases, b.ID)
		}
	}
	timelines := slices.Clone(h.Timelines)
	slices.SortFunc(timelines, func(a, b Timeline) int { return int(a.ID) - int(b.ID) })
	newest := newestTimeline(&h)
	for _, t := range timelines {
		first := firstKept(&h, kept, t)
		left := len(t.Segments) + len(t.Open)
		for _, s := range t.Segments {
			if s.Number < first {
				surplus.Segments = append(surplus.Segments, wal.Segment{Timeline: t.ID, Number: s.Number})
				surplus.Bytes += s.Bytes
				left--
			}
		}
		based := slices.ContainsFunc(h.Bases, func(b Base) bool { return chained[b.ID] && b.Timeline == t.ID })
		if left == 0 && !based && t.ID != newest && len(t.History) > 0 {
			surplus.Histories = append(surplus.Histories, t.ID)
		}
	}
	return surplus
}

// keptBases finds the bases to keep, and the IDs of all that they are combined from.
func keptBases(h *Holdings, keep []string) (kept []Base, chained map[string]bool) {
	chained = make(map[string]bool)
	for _, b := range h.Bases {
		if !slices.Contains(keep, b.ID) {
			continue
		}
		kept = append(kept, b)
		chained[b.ID] = true
		if chain, ok := chainOf(h, b); ok {
			for _, part := range chain {
				chained[part.ID] = true
			}
		}
	}
	return kept, chained
}

// firstKept is the number of the first segment of a timeline that stays.
func firstKept(h *Holdings, kept []Base, t Timeline) uint64 {
	needed, oldest := uint64(math.MaxUint64), uint64(math.MaxUint64)
	for _, b := range kept {
		start := uint64(b.Start) / uint64(h.SegmentSize)
		oldest = min(oldest, start)
		if left, ok := t.History.Left(b.Timeline); b.Timeline == t.ID || (ok && b.Stop <= left) {
			needed = min(needed, start)
		}
	}
	if needed == math.MaxUint64 {
		return oldest
	}
	return needed
}
