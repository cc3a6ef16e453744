package walarchive

import (
	"context"
	"path"

	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// deleteAtOnce is how many keys one deletion names.
const deleteAtOnce = 1000

// Delete removes segments with all that belongs to them: sidecars, chunks and
// backups' histories. What isn't there is no error.
func (a *Archive) Delete(ctx context.Context, segments ...wal.Segment) error {
	if len(segments) == 0 {
		return nil
	}
	c, err := a.Cluster(ctx)
	if err != nil {
		return err
	}
	names := make(map[uint32]map[string]bool)
	for _, s := range segments {
		if names[s.Timeline] == nil {
			names[s.Timeline] = make(map[string]bool)
		}
		names[s.Timeline][s.Name(c.SegmentSize)] = true
	}
	for timeline, gone := range names {
		if err := a.deleteNamed(ctx, timeline, gone); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range segments {
		delete(a.indexes, s)
	}
	return nil
}

// deleteNamed removes what begins with the name of a segment in a timeline's folder.
func (a *Archive) deleteNamed(ctx context.Context, timeline uint32, segments map[string]bool) error {
	const nameLength = 24
	var keys []string
	for entry, err := range a.store.List(ctx, store.ListOptions{Prefix: a.key(timelineFolder(timeline)) + "/"}) {
		if err != nil {
			return err
		}
		if name := path.Base(entry.Key); len(name) > nameLength && segments[name[:nameLength]] {
			keys = append(keys, entry.Key)
		}
		if len(keys) == deleteAtOnce {
			if err := a.store.Delete(ctx, keys...); err != nil {
				return err
			}
			keys = keys[:0]
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return a.store.Delete(ctx, keys...)
}

// DeleteHistories removes the history files of timelines.
func (a *Archive) DeleteHistories(ctx context.Context, timelines ...uint32) error {
	for _, t := range timelines {
		name := wal.HistoryName(t)
		if err := a.store.Delete(ctx, a.fileKey(name, encrypted), a.fileKey(name, compressed)); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range timelines {
		delete(a.ancestry, t)
	}
	return nil
}
