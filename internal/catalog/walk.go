package catalog

import (
	"cmp"
	"context"
	"iter"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// candidate is a folder that has a point's name; whether it has a manifest is not known.
type candidate struct {
	store   int
	dir     string
	surface string
	id      string
}

// order puts candidates as the catalog lists them: the newest first, then by surface.
func (c candidate) order(o candidate) int {
	return cmp.Or(cmp.Compare(o.id, c.id), cmp.Compare(c.surface, o.surface))
}

// walk goes through one store's folders of points, the newest first.
type walk struct {
	store store.Store
	index int
	// surface limits the walk to one; empty means all.
	surface string
	// before is the ID below which it begins, at its time; empty and now for the newest.
	before string
	from   time.Time
	// all is set when everything is wanted.
	all bool
}

// daySlack is how much a folder's date may differ from the time of the IDs in it.
const daySlack = 24 * time.Hour

// prefixes yields the folders that a template stands for, the newest first.
func (w walk) prefixes(ctx context.Context, parent string, levels []level, yield func(string, error) bool) bool {
	if len(levels) == 0 {
		return yield(parent, nil)
	}
	l := levels[0]
	if l.names == nil {
		return w.prefixes(ctx, parent+l.text+"/", levels[1:], yield)
	}
	upper := ""
	if w.before != "" {
		upper = l.at(w.from.Add(daySlack)) + "/"
	}
	names := timed{store: w.store, parent: parent, at: l.at, matches: l.names.MatchString}
	for name, err := range names.descending(ctx, w.from.Add(daySlack), upper, w.all) {
		if err != nil {
			return yield("", err)
		}
		if !w.prefixes(ctx, parent+name+"/", levels[1:], yield) {
			return false
		}
	}
	return true
}

// points yields the candidates under a template. An error is the last pair.
func (w walk) points(ctx context.Context, levels []level) iter.Seq2[candidate, error] {
	return func(yield func(candidate, error) bool) {
		w.prefixes(ctx, "", levels, func(prefix string, err error) bool {
			if err != nil {
				yield(candidate{}, err)
				return false
			}
			surfaces, err := w.surfaces(ctx, prefix)
			if err != nil {
				yield(candidate{}, err)
				return false
			}
			var each []iter.Seq2[candidate, error]
			for _, name := range surfaces {
				each = append(each, w.ofSurface(ctx, prefix, name))
			}
			for c, err := range merge(each) {
				if !yield(c, err) || err != nil {
					return false
				}
			}
			return true
		})
	}
}

// surfaces lists the surfaces that have a folder under a prefix.
func (w walk) surfaces(ctx context.Context, prefix string) ([]string, error) {
	if w.surface != "" {
		return []string{w.surface}, nil
	}
	all := timed{store: w.store, parent: prefix, matches: archive.ValidSurface}
	names, _, err := all.between(ctx, "", "", maxSurfaces)
	return names, err
}

// maxSurfaces bounds what is taken for surfaces under one prefix.
const maxSurfaces = 10_000

func (w walk) ofSurface(ctx context.Context, prefix, surface string) iter.Seq2[candidate, error] {
	ids := timed{store: w.store, parent: prefix + surface + "/", at: archive.IDTime, matches: archive.ValidID}
	return func(yield func(candidate, error) bool) {
		for id, err := range ids.descending(ctx, w.from, w.before, w.all) {
			c := candidate{store: w.index, dir: prefix + surface + "/" + id, surface: surface, id: id}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}
