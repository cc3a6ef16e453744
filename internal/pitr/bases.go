package pitr

import (
	"cmp"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// usable is a base from which recovery along a path becomes consistent.
type usable struct {
	Base
	chain []Base
	run   run // the one in which its replay begins
}

// usableBases lists the bases that a path serves, ascending by where they end.
func usableBases(h *Holdings, p *path) []usable {
	var all []usable
	for _, b := range h.Bases {
		r, held := p.runOf(b.Start)
		if !held || r.to < b.Stop || !p.reaches(b) {
			continue
		}
		if chain, ok := chainOf(h, b); ok {
			all = append(all, usable{b, chain, r})
		}
	}
	slices.SortFunc(all, func(a, b usable) int {
		return cmp.Or(cmp.Compare(a.Stop, b.Stop), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// chainOf lists what a base is combined from, the full one first and the base
// itself last. It is false when one of them is missing.
func chainOf(h *Holdings, b Base) ([]Base, bool) {
	chain := []Base{b}
	for b.Parent != "" {
		i := slices.IndexFunc(h.Bases, func(other Base) bool { return other.ID == b.Parent })
		if i < 0 || len(chain) > len(h.Bases) {
			return nil, false
		}
		b = h.Bases[i]
		chain = append(chain, b)
	}
	slices.Reverse(chain)
	return chain, true
}

// firstNeeded is where the WAL begins that any base on the path needs, at its
// segment's first byte; false without such a base.
func firstNeeded(h *Holdings, p *path) (wal.LSN, bool) {
	first, any := wal.LSN(0), false
	for _, b := range h.Bases {
		if p.reaches(b) && (!any || b.Start < first) {
			first, any = b.Start, true
		}
	}
	return wal.SegmentAt(p.timeline, first, p.size).Start(p.size), any
}
