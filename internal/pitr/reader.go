package pitr

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// reader reads the indexes of a path's stretches, each no more than once.
type reader struct {
	*path
	indexes Indexes
	known   map[int]wal.Index
}

func newReader(p *path, indexes Indexes) *reader {
	return &reader{path: p, indexes: indexes, known: make(map[int]wal.Index)}
}

// index is the index of a stretch. It tells nothing of what lies behind its end:
// what a timeline wrote after it was left, what follows a hole in an open
// segment, or has come since the holdings were listed.
func (r *reader) index(ctx context.Context, i int) (wal.Index, error) {
	if index, ok := r.known[i]; ok {
		return index, nil
	}
	s := r.stretches[i]
	read := r.indexes.Index
	if s.open {
		read = r.indexes.OpenIndex
	}
	index, err := read(ctx, s.segment)
	if err == nil && (s.cut || index.End > s.end) {
		err = r.trim(ctx, i, &index)
	}
	if err != nil {
		return wal.Index{}, err
	}
	r.known[i] = index
	return index, nil
}

// trim takes out of an index what lies behind the end of its stretch.
func (r *reader) trim(ctx context.Context, i int, index *wal.Index) error {
	end := r.stretches[i].end
	before := *index
	*index = wal.Index{Timeline: before.Timeline, Start: before.Start, End: min(before.End, end), SystemID: before.SystemID}
	// Which other records begin before the end is not told: the last one that is
	// known for sure is the last transaction's.
	index.LastRecord = before.Start
	for _, point := range before.RestorePoints {
		if point.LSN <= end {
			index.RestorePoints = append(index.RestorePoints, point)
		}
	}
	index.MinXID, index.MaxXID = before.MinXID, before.MaxXID
	return r.transactions(ctx, i, func(e wal.Ending) bool {
		index.LastRecord = e.Start
		if e.At.After(index.LastEnd) {
			index.LastEnd = e.At
		}
		if e.Committed {
			index.Commits++
			if e.At.After(index.LastCommit) {
				index.LastCommit = e.At
			}
			if index.FirstCommit.IsZero() || e.At.Before(index.FirstCommit) {
				index.FirstCommit = e.At
			}
		}
		return true
	})
}

// transactions calls each for those that ended in a stretch.
func (r *reader) transactions(ctx context.Context, i int, each func(wal.Ending) bool) error {
	s := r.stretches[i]
	return r.indexes.Transactions(ctx, s.segment, func(e wal.Ending) bool {
		return e.End <= s.end && each(e)
	})
}

// lastCommit is the time of the last commit in the stretches from first to
// last; zero when there is none.
func (r *reader) lastCommit(ctx context.Context, first, last int) (time.Time, error) {
	for i := last; i >= first; i-- {
		index, err := r.index(ctx, i)
		if err != nil || !index.LastCommit.IsZero() {
			return index.LastCommit, err
		}
	}
	return time.Time{}, nil
}

// lastEnd is the time at which a transaction last ended, commit or not.
func (r *reader) lastEnd(ctx context.Context, first, last int) (time.Time, error) {
	for i := last; i >= first; i-- {
		index, err := r.index(ctx, i)
		if err != nil || !index.LastEnd.IsZero() {
			return index.LastEnd, err
		}
	}
	return time.Time{}, nil
}

// end is the position after the last complete record of the stretches from
// first to last.
func (r *reader) end(ctx context.Context, first, last int) (wal.LSN, error) {
	for i := last; i >= first; i-- {
		index, err := r.index(ctx, i)
		if err != nil || index.LastRecord != 0 {
			return index.End, err
		}
	}
	return r.stretches[first].segment.Start(r.size), nil
}
