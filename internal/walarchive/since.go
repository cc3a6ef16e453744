package walarchive

import (
	"context"
	"path"
	"slices"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// overlap is how many of the newest segments are listed again: several are
// stored at once, and the one that is done first need not be the oldest.
const overlap = 32

// HoldingsSince is Holdings at the cost of what has come since they were listed
// last, by this or by Holdings: a request for the timelines, and one for each of
// them. What was removed since shows among the newest 32 segments of a timeline
// and in timelines that are gone; what was removed or added before those shows
// when Holdings lists all again.
func (a *Archive) HoldingsSince(ctx context.Context) (pitr.Holdings, error) {
	return a.holdings(ctx, a.listSince)
}

func (a *Archive) listSince(ctx context.Context, l *listing) error {
	for entry, err := range a.store.List(ctx, store.ListOptions{Prefix: a.key() + "/", Shallow: true}) {
		if err != nil {
			return err
		}
		folder := path.Base(entry.Key)
		id, err := strconv.ParseUint(folder, 16, 32)
		if !entry.Dir || err != nil || folder != timelineFolder(uint32(id)) {
			continue
		}
		if err := a.listTimeline(ctx, l, uint32(id)); err != nil {
			return err
		}
	}
	return nil
}

// listTimeline lists the end of a timeline, or all of it where that is not as it was.
func (a *Archive) listTimeline(ctx context.Context, l *listing, id uint32) error {
	a.mu.Lock()
	known := a.listed[id]
	a.mu.Unlock()
	before := known[:max(0, len(known)-overlap)]
	from := store.ListOptions{Prefix: a.key(timelineFolder(id)) + "/"}
	if n := len(before); n > 0 {
		l.timeline(id).Segments = slices.Clone(before)
		last := wal.Segment{Timeline: id, Number: before[n-1].Number}
		// All that belongs to a segment begins with its name and a point.
		from.After = a.fileKey(last.Name(l.size), ".~")
	}
	for entry, err := range a.store.List(ctx, from) {
		if err != nil {
			return err
		}
		l.add(entry)
	}
	if len(before) == 0 || follows(l.timeline(id).Segments, known) {
		return nil
	}
	delete(l.timelines, id)
	l.chunks = slices.DeleteFunc(l.chunks, func(c chunk) bool { return c.segment.Timeline == id })
	a.mu.Lock()
	delete(a.listed, id)
	a.mu.Unlock()
	return a.listTimeline(ctx, l, id)
}

// follows reports whether all that was known is still there.
func follows(found, known []pitr.Held) bool {
	for _, k := range known[len(known)-overlap:] {
		if _, there := held(found, k.Number); !there {
			return false
		}
	}
	return true
}

// remembered keeps what was listed of whole segments for HoldingsSince.
func (a *Archive) remembered(l *listing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listed = make(map[uint32][]pitr.Held, len(l.timelines))
	for id, t := range l.timelines {
		a.listed[id] = t.Segments
	}
}
