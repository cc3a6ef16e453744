package objects

import (
	"context"
	"iter"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// mostNamed is how many keys an error names.
const mostNamed = 3

// copying is one restore of objects to a location.
type copying struct {
	target bucket.Bucket
	// there lists what is at the location now, in the order of the objects.
	there iter.Seq2[bucket.Version, error]
	// from is the name of the bucket that has the versions; what follows strip
	// in their keys follows prefix in those of the copies.
	from, strip, prefix string
	// conflict is what becomes of what is there already, one of the surface's Conflicts.
	conflict string
	// own says that whatever is there was put there by this restore.
	own bool
}

// copied is what came of it.
type copied struct {
	objects, bytes, copied, left int64
	// uncompared are those left of which only the sizes are known to be equal.
	uncompared int64

	mu   sync.Mutex
	lost named
}

// named counts things and keeps the names of the first.
type named struct {
	count int64
	names []string
}

func (n *named) add(name string) {
	n.count++
	if len(n.names) < mostNamed {
		n.names = append(n.names, name)
	}
}

func (n *named) String() string { return strings.Join(n.names, ", ") }

// run copies objects, whose keys ascend, as many at once as bucket.AtOnce. What
// is there already as it should be is not copied again. A version that is gone
// stops nothing: it is counted, and in the end fault.Missing.
func (c *copying) run(ctx context.Context, objects iter.Seq2[Object, error]) (*copied, error) {
	out := &copied{}
	next, stop := iter.Pull2(at(c.there, time.Time{}, nil))
	defer stop()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(bucket.AtOnce)
	err := c.each(objects, next, func(o Object, key string, current *bucket.Version) error {
		if groupCtx.Err() != nil {
			return groupCtx.Err()
		}
		out.objects++
		out.bytes += o.Size
		needed, err := c.needed(o, current)
		if err != nil {
			return err
		}
		if !needed {
			out.left++
			if equal, known := same(o, *current); !equal && !known {
				out.uncompared++
			}
			return nil
		}
		out.copied++
		group.Go(func() error { return out.note(o, c.one(groupCtx, o, key)) })
		return nil
	})
	// The error of a copy is why the loop ended, if both have one.
	if failed := group.Wait(); failed != nil {
		err = failed
	}
	if err == nil {
		err = missing(&out.lost, out.objects)
	}
	return out, err
}

func (c *copying) one(ctx context.Context, o Object, key string) error {
	_, err := c.target.CopyFrom(ctx, c.from, o.version(), key)
	return err
}

func (out *copied) note(o Object, err error) error {
	if !fault.Is(err, fault.Missing) {
		return err
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	out.lost.add(o.version().String())
	return nil
}

func missing(lost *named, of int64) error {
	if lost.count == 0 {
		return nil
	}
	return fault.New(fault.Missing, "%d of %d objects are not there at the version of the point, such as %s", lost.count, of, lost)
}

// each calls do with every object, the key of its copy, and what is there now, nil for nothing.
func (c *copying) each(objects iter.Seq2[Object, error], next func() (bucket.Version, error, bool), do func(Object, string, *bucket.Version) error) error {
	current, err, more := next()
	for o, broken := range objects {
		if broken != nil {
			return broken
		}
		key := c.prefix + strings.TrimPrefix(o.Key, c.strip)
		for more && err == nil && current.Key < key {
			current, err, more = next()
		}
		if err != nil {
			return err
		}
		var found *bucket.Version
		if more && current.Key == key {
			found = &current
		}
		if err := do(o, key, found); err != nil {
			return err
		}
	}
	return err
}

// needed decides whether an object is copied.
func (c *copying) needed(o Object, current *bucket.Version) (bool, error) {
	if current == nil {
		return true, nil
	}
	switch equal, known := same(o, *current); {
	case equal || !known && (c.own || c.conflict != surface.ConflictUpdate):
		return false, nil
	case c.own || c.conflict == surface.ConflictUpdate:
		return true, nil
	case c.conflict == surface.ConflictSkip:
		return false, nil
	default:
		return false, fault.New(fault.Conflict, "%s/%s is there already, and is not as in the point", c.target, current.Key)
	}
}

// same reports whether two objects have the same contents, and whether that can
// be known: where neither has a digest that the other has too, equal sizes say little.
func same(o Object, v bucket.Version) (equal, known bool) {
	algorithm, _, _ := strings.Cut(o.Digest, ":")
	other, _, _ := strings.Cut(v.Digest, ":")
	switch {
	case o.Size != v.Size:
		return false, true
	case o.Version != "" && o.Key == v.Key && o.Version == v.ID, o.ETag != "" && o.ETag == v.ETag:
		return true, true
	case algorithm != "" && algorithm == other:
		return o.Digest == v.Digest, true
	default:
		return false, false
	}
}

// verifying looks for versions, and copies nothing.
type verifying struct {
	there iter.Seq2[bucket.Version, error]
	strip string
	seen  *tally
}

// run looks for every object in a listing of all versions. What it finds is in
// the tally; what is not there is fault.Missing in the end.
func (v *verifying) run(objects iter.Seq2[Object, error]) error {
	next, stop := iter.Pull2(v.there)
	defer stop()
	var lost named
	var count int64
	current, err, more := next()
	for o, broken := range objects {
		if broken != nil {
			return broken
		}
		for more && err == nil && current.Key < o.Key {
			current, err, more = next()
		}
		found := false
		for more && err == nil && current.Key == o.Key {
			if !found && isVersion(o, current) {
				found = true
				v.seen.add(strings.TrimPrefix(o.Key, v.strip), current.Size, current.Digest)
			}
			current, err, more = next()
		}
		if err != nil {
			return err
		}
		if count++; !found {
			lost.add(o.version().String())
		}
	}
	if err != nil {
		return err
	}
	return missing(&lost, count)
}

// isVersion reports whether a listed version is that of the inventory. What has
// no name of its own is told by its ETag.
func isVersion(o Object, v bucket.Version) bool {
	return !v.Deleted && o.Version == v.ID && o.Size == v.Size && (o.Version != "" || o.ETag == v.ETag)
}
