// Package catalog finds recovery points by what is on the stores, and nothing
// else: a new Lifeboat, pointed at a store, knows all of them.
package catalog

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Named is one store of the configuration.
type Named struct {
	Name  string
	Store store.Store
	// Prefix is the template of the folder that points go to; see ExpandPrefix.
	Prefix string
}

// Catalog lists the points on some stores. It may be used by many goroutines.
type Catalog struct {
	stores []Named
}

// New makes a catalog. Where a point is on several stores, the first of them
// in this order is the one that is shown; the others have copies.
func New(stores []Named) *Catalog { return &Catalog{stores: slices.Clone(stores)} }

// Query chooses what List returns.
type Query struct {
	// Surface and Store are names; empty means all.
	Surface string
	Store   string
	// Limit is how many points at most; 0 means all.
	Limit int
	// Before is the ID of a point: only older ones are listed.
	Before string
}

// readers is how many points are read at once.
const readers = 8

// List returns points, the newest first. What it costs grows with the limit,
// not with what is stored. A folder without a manifest is no point; one whose
// manifest can't be read is, with StateCorrupt. When a store can't be listed
// or read the points of the others are returned beside the error, which is of
// the kind that the store gave; an unknown store is fault.Missing.
func (c *Catalog) List(ctx context.Context, q Query) ([]Point, error) {
	var failed failure
	walks, err := c.walks(ctx, q, &failed)
	if err != nil {
		return nil, err
	}
	next, stop := iter.Pull(groups(merge(walks)))
	defer stop()
	var points []Point
	for q.Limit < 1 || len(points) < q.Limit {
		batch := take(next, batchSize(q.Limit-len(points)))
		if len(batch) == 0 {
			break
		}
		points = append(points, c.read(ctx, batch, &failed)...)
	}
	if q.Limit > 0 && len(points) > q.Limit {
		points = points[:q.Limit]
	}
	return points, failed.err
}

// batchSize is how many folders are read together when so many points are
// still wanted; below one means all there are.
func batchSize(wanted int) int {
	const most = 32 * readers
	if wanted < 1 {
		return most
	}
	return min(max(wanted, readers), most)
}

func take(next func() (group, bool), n int) []group {
	var batch []group
	for len(batch) < n {
		g, ok := next()
		if !ok {
			break
		}
		batch = append(batch, g)
	}
	return batch
}

// walks begins one sequence of candidates for each store that is asked for.
func (c *Catalog) walks(ctx context.Context, q Query, failed *failure) ([]iter.Seq2[candidate, error], error) {
	from := time.Now()
	if q.Before != "" {
		var err error
		if from, err = archive.ParseID(q.Before); err != nil {
			return nil, err
		}
	}
	var walks []iter.Seq2[candidate, error]
	for i, n := range c.stores {
		if q.Store != "" && q.Store != n.Name {
			continue
		}
		levels, err := parseTemplate(n.Prefix)
		if err != nil {
			return nil, err
		}
		w := walk{store: n.Store, index: i, surface: q.Surface, before: q.Before, from: from, all: q.Limit < 1}
		walks = append(walks, failed.catch(n.Name, w.points(ctx, levels)))
	}
	if q.Store != "" && len(walks) == 0 {
		return nil, fault.New(fault.Missing, "store %q is not in the configuration", q.Store)
	}
	return walks, nil
}

// read reads the points of groups, in their order.
func (c *Catalog) read(ctx context.Context, batch []group, failed *failure) []Point {
	points := make([]*Point, len(batch))
	var work errgroup.Group
	work.SetLimit(readers)
	for i, g := range batch {
		work.Go(func() error {
			points[i] = c.readGroup(ctx, g, failed)
			return nil
		})
	}
	// No reader returns an error: those of stores are noted as failures.
	_ = work.Wait()
	var found []Point
	for _, p := range points {
		if p != nil {
			found = append(found, *p)
		}
	}
	return found
}

// failure keeps the first error of a store; what other stores have counts all the same.
type failure struct {
	mu  sync.Mutex
	err error
}

func (f *failure) note(store string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = cmp.Or(f.err, fault.While(err, "store %q", store))
}

// catch ends a store's sequence at its error.
func (f *failure) catch(store string, seq iter.Seq2[candidate, error]) iter.Seq2[candidate, error] {
	return func(yield func(candidate, error) bool) {
		for found, err := range seq {
			if err != nil {
				f.note(store, err)
				return
			}
			if !yield(found, nil) {
				return
			}
		}
	}
}
