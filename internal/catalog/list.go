package catalog

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// readers is how many manifests are read at once.
const readers = 8

// List returns points, newest first. What it costs grows with Limit, not with
// what is stored: IDs are looked for backwards from the newest, and only the
// manifests of the wanted ones are read. Any store that can't be listed is an error.
func (c *Catalog) List(ctx context.Context, q Query) ([]Point, error) {
	var all []Point
	for _, st := range c.stores {
		if q.Store != "" && q.Store != st.Name {
			continue
		}
		points, err := list(ctx, st, q)
		if err != nil {
			return nil, fault.While(err, "list store %s", st.Name)
		}
		all = join(all, points)
	}
	slices.SortStableFunc(all, newestFirst)
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[:q.Limit]
	}
	return all, nil
}

func newestFirst(a, b Point) int {
	return cmp.Or(cmp.Compare(b.ID, a.ID), cmp.Compare(a.Surface, b.Surface))
}

// join adds the points of another store: those that are known already are copies.
func join(all, more []Point) []Point {
	known := make(map[string]int, len(all))
	for i, p := range all {
		known[p.Dir] = i
	}
	for _, p := range more {
		if i, ok := known[p.Dir]; ok {
			all[i].Copies = append(all[i].Copies, p.Store)
			continue
		}
		all = append(all, p)
	}
	return all
}

// list returns the newest points of one store.
func list(ctx context.Context, in Named, q Query) ([]Point, error) {
	var out []Point
	before := q.Before
	for {
		wanted := q.Limit - len(out)
		dirs, err := newestDirs(ctx, in, q.Surface, before, wanted)
		if err != nil {
			return nil, err
		}
		points, err := readAll(ctx, in, dirs)
		if err != nil {
			return nil, err
		}
		out = append(out, points...)
		// Folders without a manifest are no points: look further back for as many.
		if q.Limit <= 0 || len(out) >= q.Limit || len(dirs) < wanted {
			return out, nil
		}
		_, before, _ = archive.ParseDir(dirs[len(dirs)-1])
	}
}

// readAll reads points, several at once, in the order of their folders.
func readAll(ctx context.Context, in Named, dirs []string) ([]Point, error) {
	points := make([]Point, len(dirs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, dir := range dirs {
		group.Go(func() error {
			p, err := read(ctx, in, dir)
			if fault.Is(err, fault.Missing) {
				return nil
			}
			points[i] = p
			return err
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(points, func(p Point) bool { return p.ID == "" || p.State == "" }), err
}

// newestDirs returns the folders of the newest points below the prefix, newest
// first; limit below 1 means all.
func newestDirs(ctx context.Context, in Named, surface, before string, limit int) ([]string, error) {
	var dirs []string
	roots := []string{StaticPrefix(in.Prefix)}
	for range levels(in.Prefix) {
		var err error
		if roots, err = foldersBelow(ctx, in.Store, roots); err != nil {
			return nil, err
		}
	}
	// The folders of a template with dates are in order of time: the newest come first.
	slices.Sort(roots)
	slices.Reverse(roots)
	for _, root := range roots {
		found, err := dirsBelow(ctx, in.Store, root, surface, before, limit-len(dirs))
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, found...)
		if limit > 0 && len(dirs) >= limit {
			return dirs[:limit], nil
		}
	}
	return dirs, nil
}

func foldersBelow(ctx context.Context, st store.Store, roots []string) ([]string, error) {
	var out []string
	for _, root := range roots {
		for entry, err := range st.List(ctx, store.ListOptions{Prefix: root, Shallow: true}) {
			if err != nil {
				return nil, err
			}
			if entry.Dir {
				out = append(out, entry.Key)
			}
		}
	}
	return out, nil
}

// dirsBelow returns the newest folders of points in root, of all its surfaces.
func dirsBelow(ctx context.Context, st store.Store, root, surface, before string, limit int) ([]string, error) {
	surfaces := []string{root + surface + "/"}
	if surface == "" {
		var err error
		if surfaces, err = foldersBelow(ctx, st, []string{root}); err != nil {
			return nil, err
		}
	}
	var dirs []string
	for _, folder := range surfaces {
		found, err := newestIDs(ctx, st, folder, before, limit)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, found...)
	}
	slices.SortFunc(dirs, func(a, b string) int {
		return cmp.Or(cmp.Compare(idOf(b), idOf(a)), cmp.Compare(a, b))
	})
	if limit > 0 && len(dirs) > limit {
		dirs = dirs[:limit]
	}
	return dirs, nil
}

// windows are how far back a listing begins, one after the other, until it has
// found enough: stores list keys in ascending order only.
var windows = []time.Duration{24 * time.Hour, 8 * 24 * time.Hour, 64 * 24 * time.Hour, 2 * 365 * 24 * time.Hour}

func newestIDs(ctx context.Context, st store.Store, folder, before string, limit int) ([]string, error) {
	end := time.Now()
	if at, err := archive.ParseID(before); err == nil {
		end = at
	}
	if limit > 0 {
		for _, window := range windows {
			after := folder + end.Add(-window).UTC().Format("20060102T150405")
			found, err := ids(ctx, st, folder, after, before)
			if err != nil || len(found) >= limit {
				return newest(found, limit), err
			}
		}
	}
	found, err := ids(ctx, st, folder, "", before)
	return newest(found, limit), err
}

func ids(ctx context.Context, st store.Store, folder, after, before string) ([]string, error) {
	var out []string
	for entry, err := range st.List(ctx, store.ListOptions{Prefix: folder, After: after, Shallow: true}) {
		if err != nil {
			return nil, err
		}
		dir := strings.TrimSuffix(entry.Key, "/")
		if _, id, err := archive.ParseDir(dir); err != nil || !entry.Dir || (before != "" && id >= before) {
			continue
		}
		out = append(out, dir)
	}
	return out, nil
}

func newest(dirs []string, limit int) []string {
	if limit > 0 && len(dirs) > limit {
		return dirs[len(dirs)-limit:]
	}
	return dirs
}

func idOf(dir string) string { return dir[strings.LastIndex(dir, "/")+1:] }
