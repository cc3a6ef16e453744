package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// lookupsAtOnce is how many objects are looked for at the same time.
const lookupsAtOnce = 16

// wanted is an object that the database names.
type wanted struct {
	row int64
	key string
	// version is empty where any will do.
	version string
	// size is below zero where any will do.
	size int64
}

// objects wants every object that the query's rows name to be in the store. A
// row is (key), (key, version) or (key, version, size in bytes). Keys are
// relative to the store's prefix.
func (r *Runner) objects(ctx context.Context, rec drill.Reconcile, found *tally) error {
	in, ok := r.Stores[rec.Store]
	if !ok {
		return fault.New(fault.Missing, "there is no store %s in the configuration", rec.Store)
	}
	asked, err := r.open(ctx, rec.Surface, rec.Query)
	if err != nil {
		return err
	}
	defer asked.close()
	l := &lookups{store: in, name: rec.Store, found: found}
	l.versions, _ = in.(store.Versioner)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookupsAtOnce)
	rows, err := l.start(ctx, group, asked)
	// A lookup that could not be made ends the reading as well.
	if failed := group.Wait(); failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	switch {
	case rows == 0:
		found.doubt("the query answered no row: nothing was looked for")
	case l.bad > 0:
		found.say("%d of %d objects are not in store %s as the database has them", l.bad, rows, rec.Store)
	default:
		found.say("%d objects are in store %s as the database has them", rows, rec.Store)
	}
	return nil
}

// lookups are under way at the same time.
type lookups struct {
	store store.Store
	// versions is nil in a store without.
	versions store.Versioner
	name     string

	mu    sync.Mutex
	found *tally
	bad   int64
}

// start begins a lookup for every row, and returns how many rows there were.
func (l *lookups) start(ctx context.Context, group *errgroup.Group, asked rows) (int64, error) {
	for row := int64(1); ; row++ {
		cells, err := asked.next()
		if errors.Is(err, errEnd) {
			return row - 1, nil
		}
		if err != nil {
			return row - 1, err
		}
		if ctx.Err() != nil {
			return row - 1, context.Cause(ctx)
		}
		w, err := want(row, cells)
		if err != nil {
			l.done(w, err.Error(), drill.Fail, "row "+strconv.FormatInt(row, 10)+" can't be looked for")
			continue
		}
		group.Go(func() error { return l.look(ctx, w) })
	}
}

// want reads a row. An error says what is wrong with it.
func want(row int64, cells [][]byte) (wanted, error) {
	w := wanted{row: row, size: -1}
	if len(cells) < 1 || len(cells) > 3 {
		return w, fmt.Errorf("a row of %d columns, in place of a key, its version and its size", len(cells))
	}
	if w.key = string(cells[0]); w.key == "" {
		return w, errors.New("a row without a key")
	}
	if len(cells) > 1 {
		w.version = string(cells[1])
	}
	if len(cells) > 2 && cells[2] != nil {
		size, err := strconv.ParseInt(string(trimmed(cells[2])), 10, 64)
		if err != nil || size < 0 {
			return w, fmt.Errorf("a size that is no number of bytes: %s", excerpt(cells[2]))
		}
		w.size = size
	}
	return w, nil
}

// look looks for one object. Its error is for what may pass.
func (l *lookups) look(ctx context.Context, w wanted) error {
	var o store.Object
	var err error
	switch {
	case w.version == "":
		o, err = l.store.Stat(ctx, w.key)
	case l.versions == nil:
		l.done(w, "no version", drill.Fail, "store "+l.name+" keeps no versions, and the row names one: leave the version out, or name a store that has them")
		return nil
	default:
		o, err = l.versions.StatVersion(ctx, w.key, w.version)
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return err
	case fault.Is(err, fault.Missing):
		l.done(w, "missing", drill.Fail, fault.Line(err))
		return nil
	case fault.KindOf(err).Retryable():
		return fault.While(err, "look for an object in store %s", l.name)
	default:
		l.done(w, "not readable", drill.Fail, fault.Line(err))
		return nil
	}
	observed := described(o.Version, o.Size)
	if w.size >= 0 && o.Size != w.size {
		l.done(w, observed, drill.Fail, "the object has another size than the database says")
		return nil
	}
	l.done(w, observed, drill.Pass, "")
	return nil
}

// done records what became of a row.
func (l *lookups) done(w wanted, observed, result, detail string) {
	item := drill.Item{
		Name: w.key, Subject: l.name, Expected: described(w.version, w.size), Observed: observed, Result: result, Detail: detail,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if result != drill.Pass {
		l.bad++
	}
	l.found.add(w.row, item)
}

// described names a version and a size; an empty version and a size below zero say nothing.
func described(version string, size int64) string {
	text := "any version"
	if version != "" {
		text = "version " + version
	}
	if size >= 0 {
		text += fmt.Sprintf(", %d bytes", size)
	}
	return text
}
