package catalog

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Find returns one point, by its ID or by its URI: the folder with or without
// a leading slash, after "STORE:" where only that store is meant. One whose
// manifest can't be read has StateCorrupt. The error is of kind fault.Missing
// when no store has it, or that of a store when no other one has it.
func (c *Catalog) Find(ctx context.Context, idOrURI string) (Point, error) {
	name, rest, named := strings.Cut(idOrURI, ":")
	if !named || strings.Contains(name, "/") {
		name, rest = "", idOrURI
	}
	dir := strings.Trim(rest, "/")
	_, errID := archive.ParseID(dir)
	_, _, errDir := archive.ParseDir(dir)
	if errID != nil && errDir != nil {
		return Point{}, fault.New(fault.Missing, "%q is neither the ID nor the URI of a recovery point", idOrURI)
	}
	var failed failure
	var g group
	known := name == ""
	for i, n := range c.stores {
		if name != "" && name != n.Name {
			continue
		}
		known = true
		found, err := n.look(ctx, i, dir)
		if err != nil {
			failed.note(n.Name, err)
		}
		g = append(g, found...)
	}
	if !known {
		return Point{}, fault.New(fault.Missing, "store %q is not in the configuration", name)
	}
	return c.only(ctx, g, idOrURI, &failed)
}

// FindSnapshot is Find for a snapshot of a surface that can be read. The error
// is of kind fault.Invalid where the point is something else.
func (c *Catalog) FindSnapshot(ctx context.Context, idOrURI, surface string) (Point, error) {
	p, err := c.Find(ctx, idOrURI)
	if err == nil && (p.Surface != surface || p.Kind != archive.KindSnapshot || p.State == StateCorrupt) {
		err = fault.New(fault.Invalid, "point %s is no readable snapshot of %s: it is a %s of %s, %s", p.ID, surface, p.Kind, p.Surface, p.State)
	}
	return p, err
}

// only reads the point of a group with at most one folder of each store.
func (c *Catalog) only(ctx context.Context, g group, asked string, failed *failure) (Point, error) {
	p := c.readGroup(ctx, g, failed)
	switch {
	case p == nil && failed.err != nil:
		return Point{}, fault.While(failed.err, "looking for recovery point %s", asked)
	case p == nil:
		return Point{}, fault.New(fault.Missing, "there is no recovery point %s on any store: see lifeboat snapshot list", asked)
	}
	return *p, nil
}

// look finds the folder of a point on one store: by its key, or by its ID,
// whose time says where it is.
func (n Named) look(ctx context.Context, index int, dir string) (group, error) {
	if strings.Contains(dir, "/") {
		surface, id, err := archive.ParseDir(dir)
		return group{{store: index, dir: dir, surface: surface, id: id}}, err
	}
	at, err := archive.ParseID(dir)
	if err != nil {
		return nil, err
	}
	levels, err := parseTemplate(n.Prefix)
	if err != nil {
		return nil, err
	}
	w := walk{store: n.Store, index: index, from: at}
	var g group
	w.near(ctx, "", levels, func(prefix string, e error) bool {
		if err = e; err == nil {
			g, err = w.under(ctx, prefix, dir)
		}
		return err == nil && g == nil
	})
	return g, err
}

// near yields the folders of a template that can hold a point of the walk's
// time: the one of that time without looking, then those of the days beside it.
func (w walk) near(ctx context.Context, parent string, levels []level, yield func(string, error) bool) bool {
	if len(levels) == 0 {
		return yield(parent, nil)
	}
	l := levels[0]
	exact := l.at(w.from)
	if !w.near(ctx, parent+exact+"/", levels[1:], yield) {
		return false
	}
	if l.names == nil {
		return true
	}
	names := timed{store: w.store, parent: parent, at: l.at, matches: l.names.MatchString}
	beside, _, err := names.between(ctx, l.at(w.from.Add(-daySlack)), l.at(w.from.Add(daySlack))+"/", pageOfNames)
	if err != nil {
		return yield("", err)
	}
	for _, name := range beside {
		if name != exact && !w.near(ctx, parent+name+"/", levels[1:], yield) {
			return false
		}
	}
	return true
}

// under finds the one surface under a prefix that has a point of that ID.
func (w walk) under(ctx context.Context, prefix, id string) (group, error) {
	surfaces, err := w.surfaces(ctx, prefix)
	if err != nil {
		return nil, err
	}
	found := make([]bool, len(surfaces))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(readers)
	for i, name := range surfaces {
		work.Go(func() error {
			_, err := w.store.Stat(ctx, prefix+name+"/"+id+"/"+archive.ManifestName)
			found[i] = err == nil
			if fault.Is(err, fault.Missing) {
				return nil
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	if i := slices.Index(found, true); i >= 0 {
		return group{{store: w.index, dir: prefix + surfaces[i] + "/" + id, surface: surfaces[i], id: id}}, nil
	}
	return nil, nil
}
