package pitr

import (
	"context"
	"slices"
	"sort"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// spot is where a target lies on a path.
type spot struct {
	// at is the position at which the restored cluster must be consistent already.
	at wal.LSN
	// until is where the WAL may end that recovery reads.
	until wal.LSN
	// endOfWAL says that nothing follows at which PostgreSQL could stop.
	endOfWAL bool
	// expected is the last commit that will be there; zero where it is not known yet.
	expected time.Time
	// stretch is the one in which recovery stops.
	stretch int
}

// locate finds a target behind the stretch from which recovery may begin at all.
func (r *reader) locate(ctx context.Context, bases []usable, t Target, from int) (spot, error) {
	switch t.Kind {
	case AtTime:
		return r.locateTime(ctx, bases, t, from)
	case AtLSN:
		return r.locateLSN(ctx, t, from)
	case AtXID:
		return r.locateXID(ctx, t, from)
	case AtName:
		return r.locateName(ctx, t, from)
	default:
		return r.locateEnd(ctx, from)
	}
}

// locateEnd is the end of everything that is held.
func (r *reader) locateEnd(ctx context.Context, from int) (spot, error) {
	last := len(r.stretches) - 1
	end, err := r.end(ctx, from, last)
	return spot{at: end, until: end, endOfWAL: true, stretch: last}, err
}

// stopsAt reports whether recovery to a time stops before a transaction that
// ended at another one.
func (t Target) stopsAt(end time.Time) bool {
	if t.Exclusive {
		return !end.Before(t.Time)
	}
	return end.After(t.Time)
}

// locateTime finds the first transaction that ended too late.
func (r *reader) locateTime(ctx context.Context, bases []usable, t Target, from int) (spot, error) {
	i, err := r.firstStretch(ctx, from, func(index wal.Index) (late, told bool) {
		return t.stopsAt(index.LastEnd), !index.LastEnd.IsZero()
	})
	if err != nil {
		return spot{}, err
	}
	if i == len(r.stretches) {
		return r.locateAfterLast(ctx, bases, t, from)
	}
	found := spot{at: r.stretches[i].segment.Start(r.size), until: r.stretches[i].end, stretch: i}
	err = r.transactions(ctx, i, func(e wal.Ending) bool {
		if t.stopsAt(e.At) {
			found.at, found.until = e.Start, e.End
			return false
		}
		if e.Committed && e.At.After(found.expected) {
			found.expected = e.At
		}
		return true
	})
	return found, err
}

// locateAfterLast answers for a time after which no transaction ended: the end
// of the WAL is the state of that moment if all WAL until then is known to be held.
func (r *reader) locateAfterLast(ctx context.Context, bases []usable, t Target, from int) (spot, error) {
	last := r.lastRun()
	known, err := r.knownIn(ctx, bases, last)
	if err != nil {
		return spot{}, err
	}
	if t.Time.After(known) {
		return spot{}, fault.New(fault.Missing, "what happened until %s is not known: the WAL held tells of nothing after %s; ask for that or for latest", showTime(t.Time), showTime(known))
	}
	return r.locateEnd(ctx, from)
}

// knownIn is the last moment of which the WAL of a run tells the state: that of
// its last transaction, or of the end of a base backup, or, when nothing comes
// after the run, the one until which all WAL is held.
func (r *reader) knownIn(ctx context.Context, bases []usable, in run) (time.Time, error) {
	known, err := r.lastEnd(ctx, in.first, in.last)
	for _, b := range bases {
		if b.run == in && b.StoppedAt.After(known) {
			known = b.StoppedAt
		}
	}
	if last := r.lastRun(); in == last && r.knownUntil.After(known) {
		known = r.knownUntil
	}
	return known, err
}

// lookBack is how many stretches before the one found are looked at as well:
// sessions that end at once may write their times, or get their IDs, in another order.
const lookBack = 2

// firstStretch finds the first stretch, at or after from, whose index has a
// property that the later ones have too. Stretches that tell nothing are passed over.
func (r *reader) firstStretch(ctx context.Context, from int, has func(wal.Index) (yes, told bool)) (int, error) {
	var failed error
	test := func(i int) (yes, told bool) {
		index, err := r.index(ctx, i)
		if err != nil && failed == nil {
			failed = err
		}
		return has(index)
	}
	n := len(r.stretches) - from
	found := from + sort.Search(n, func(k int) bool {
		// A stretch that tells nothing is like the next one that does.
		for i := from + k; i < len(r.stretches) && failed == nil; i++ {
			if yes, told := test(i); told {
				return yes
			}
		}
		return true
	})
	for i, looked := found-1, 0; i >= from && looked < lookBack && failed == nil; i, looked = i-1, looked+1 {
		if yes, told := test(i); told && yes {
			found, looked = i, -1
		}
	}
	for ; found < len(r.stretches) && failed == nil; found++ {
		if yes, told := test(found); told && yes {
			break
		}
	}
	return found, failed
}

// locateLSN finds the first record that begins at or after a position.
func (r *reader) locateLSN(ctx context.Context, t Target, from int) (spot, error) {
	first, _ := r.find(t.LSN)
	for i := max(first, from); i < len(r.stretches); i++ {
		index, err := r.index(ctx, i)
		if err != nil {
			return spot{}, err
		}
		if index.LastRecord >= t.LSN {
			return spot{at: t.LSN, until: index.End, stretch: i}, nil
		}
		if i+1 < len(r.stretches) && r.stretches[i].end != r.stretches[i+1].segment.Start(r.size) {
			// A gap, which no base before it gets over.
			return spot{at: t.LSN, until: r.stretches[i+1].end, stretch: i}, nil
		}
	}
	end, err := r.locateEnd(ctx, from)
	if err == nil && t.LSN > afterHeader(end.until, r.size) {
		err = fault.New(fault.Missing, "%s is behind the end of the WAL held, which is %s: ask for that or for latest", t.LSN, end.until)
	}
	end.at = min(end.at, t.LSN)
	return end, err
}

// afterHeader is where the next record begins when the last one ended at a position.
// Servers tell either of the two as their own position.
func afterHeader(end wal.LSN, size int64) wal.LSN {
	switch {
	case uint64(end)%uint64(size) == 0:
		return end + 40
	case uint64(end)%wal.PageSize == 0:
		return end + 24
	default:
		return end
	}
}

// locateXID finds where a transaction ended: mostly in or soon after the first
// stretch that tells of it or of later ones.
func (r *reader) locateXID(ctx context.Context, t Target, from int) (spot, error) {
	first, err := r.firstStretch(ctx, from, func(index wal.Index) (later, told bool) {
		return int32(index.MaxXID-t.XID) >= 0, index.MaxXID != 0
	})
	if err != nil {
		return spot{}, err
	}
	for k := range len(r.stretches) - from {
		i := first + k
		if i >= len(r.stretches) {
			// IDs come in no strict order: look at those before, too.
			i = len(r.stretches) - 1 - k
		}
		found, ok, err := r.ending(ctx, t, i)
		if err != nil || ok {
			return found, err
		}
	}
	return spot{}, fault.New(fault.Missing, "no transaction %d ended in the WAL that recovery can read (subtransactions, and transactions that wrote nothing, do not count)", t.XID)
}

// ending finds the end of the target's transaction in one stretch.
func (r *reader) ending(ctx context.Context, t Target, i int) (found spot, ok bool, err error) {
	index, err := r.index(ctx, i)
	if err != nil || !index.MayHold(t.XID) {
		return spot{}, false, err
	}
	found.stretch = i
	err = r.transactions(ctx, i, func(e wal.Ending) bool {
		ok = e.XID == t.XID
		found.at, found.until = e.Start, e.End
		if e.Committed && e.At.After(found.expected) && !(ok && t.Exclusive) {
			found.expected = e.At
		}
		return !ok
	})
	return found, ok, err
}

// locateName finds the newest restore point of a name.
func (r *reader) locateName(ctx context.Context, t Target, from int) (spot, error) {
	for i := len(r.stretches) - 1; i >= from; i-- {
		index, err := r.index(ctx, i)
		if err != nil {
			return spot{}, err
		}
		for _, point := range slices.Backward(index.RestorePoints) {
			if point.Name == t.Name {
				return spot{at: point.LSN, until: point.LSN, stretch: i}, nil
			}
		}
	}
	return spot{}, fault.New(fault.Missing, "no restore point %q is in the WAL that recovery can read", t.Name)
}
