package walarchive

import (
	"cmp"
	"context"
	"maps"
	"path"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Holdings lists what is stored: everything but the base backups. It reads no
// WAL: beside the listing, only the cluster's and the stream's markers and the
// histories that were not read before. Without any WAL it returns no timelines
// and a segment size of 0.
func (a *Archive) Holdings(ctx context.Context) (pitr.Holdings, error) {
	return a.holdings(ctx, a.list)
}

// holdings makes them of a listing.
func (a *Archive) holdings(ctx context.Context, list func(ctx context.Context, l *listing) error) (pitr.Holdings, error) {
	c, err := a.Cluster(ctx)
	if fault.Is(err, fault.Missing) {
		return pitr.Holdings{}, nil
	} else if err != nil {
		return pitr.Holdings{}, err
	}
	l := listing{size: c.SegmentSize, timelines: make(map[uint32]*pitr.Timeline)}
	if err := list(ctx, &l); err != nil {
		return pitr.Holdings{}, err
	}
	a.remembered(&l)
	l.addChunks()
	h := pitr.Holdings{SegmentSize: c.SegmentSize, SystemID: c.SystemID}
	for _, id := range slices.Sorted(maps.Keys(l.timelines)) {
		t := l.timelines[id]
		t.History, err = a.ancestors(ctx, id)
		if err != nil && !fault.Is(err, fault.Missing) {
			return pitr.Holdings{}, err
		}
		h.Timelines = append(h.Timelines, *t)
	}
	return h, a.addKnownUntil(ctx, h)
}

// list lists all there is.
func (a *Archive) list(ctx context.Context, l *listing) error {
	for entry, err := range a.store.List(ctx, store.ListOptions{Prefix: a.key() + "/"}) {
		if err != nil {
			return err
		}
		l.add(entry)
	}
	return nil
}

// addKnownUntil adds what the marker of the stream's life says.
func (a *Archive) addKnownUntil(ctx context.Context, h pitr.Holdings) error {
	s, err := a.Stream(ctx)
	switch fault.KindOf(err) {
	case fault.Missing, fault.Corrupt, fault.Unsupported:
		// It says nothing, and is of no other use.
		return nil
	}
	for i := range h.Timelines {
		if h.Timelines[i].ID == s.Timeline {
			h.Timelines[i].KnownUntil = s.KnownUntil
		}
	}
	return err
}

// listing gathers what the keys of a surface's WAL say.
type listing struct {
	size      int64
	timelines map[uint32]*pitr.Timeline
	chunks    []chunk
}

func (l *listing) timeline(id uint32) *pitr.Timeline {
	t := l.timelines[id]
	if t == nil {
		t = &pitr.Timeline{ID: id}
		l.timelines[id] = t
	}
	return t
}

func (l *listing) add(entry store.Entry) {
	if c, ok := parseChunk(entry.Key, l.size); ok && path.Base(path.Dir(entry.Key)) == openFolder {
		l.chunks = append(l.chunks, c)
		return
	}
	name, ok := plainName(path.Base(entry.Key))
	if !ok {
		return
	}
	if id, ok := wal.ParseHistoryName(name); ok {
		l.timeline(id)
		return
	}
	s, err := wal.ParseSegment(name, l.size)
	if err != nil || path.Base(path.Dir(entry.Key)) != timelineFolder(s.Timeline) {
		return
	}
	t := l.timeline(s.Timeline)
	held := pitr.Held{Number: s.Number, Bytes: entry.Size, StoredAt: entry.Modified.UTC()}
	// One that was stored both encrypted and in the clear comes twice.
	if n := len(t.Segments); n == 0 || t.Segments[n-1].Number != s.Number {
		t.Segments = append(t.Segments, held)
	}
}

// addChunks adds those of segments that aren't whole, joined where they touch.
// A chunk of a whole segment was left behind.
func (l *listing) addChunks() {
	slices.SortFunc(l.chunks, func(a, b chunk) int {
		return cmp.Or(cmp.Compare(a.segment.Timeline, b.segment.Timeline), cmp.Compare(a.segment.Number, b.segment.Number), cmp.Compare(a.from, b.from))
	})
	for _, c := range l.chunks {
		t := l.timeline(c.segment.Timeline)
		if _, whole := held(t.Segments, c.segment.Number); whole {
			continue
		}
		start := c.segment.Start(l.size)
		from, to := start+wal.LSN(c.from), start+wal.LSN(c.to)
		if n := len(t.Open); n > 0 && t.Open[n-1].To >= from && t.Open[n-1].From >= start {
			t.Open[n-1].To = max(t.Open[n-1].To, to)
		} else {
			t.Open = append(t.Open, pitr.OpenChunk{From: from, To: to})
		}
	}
}

func held(segments []pitr.Held, number uint64) (int, bool) {
	return slices.BinarySearchFunc(segments, number, func(h pitr.Held, n uint64) int { return cmp.Compare(h.Number, n) })
}
