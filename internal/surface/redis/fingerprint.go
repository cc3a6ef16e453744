package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The kinds of entries.
const (
	keysKind      = "keys"
	functionsKind = "functions"
)

// A key with a TTL is counted with those that expire in the same hour (UTC):
// their entry has the hour in its name, and Unexpired can leave it out when
// some of them may have gone.
const (
	untilWord = " until "
	hourForm  = "2006-01-02T15"
)

// clockSkew is by how much the clocks of a server and of its reader may differ.
const clockSkew = 5 * time.Minute

// Unexpired implements surface.Expirer: it leaves out the keys that expire
// before the end of an hour that has begun, or does within five minutes.
func (s *Surface) Unexpired(f surface.Fingerprint, now time.Time) surface.Fingerprint {
	return slices.DeleteFunc(slices.Clone(f), func(e surface.Entry) bool {
		_, hour, volatile := strings.Cut(e.Name, untilWord)
		if e.Kind != keysKind || !volatile {
			return false
		}
		begin, err := time.Parse(hourForm, hour)
		return err == nil && !begin.After(now.Add(clockSkew))
	})
}

// entryName is the entry that a key is counted under.
func entryName(db int, kind string, expiry int64) string {
	name := fmt.Sprintf("db%d/%s", db, kind)
	if expiry == noExpiry {
		return name
	}
	hour := min(time.UnixMilli(expiry).UTC().Unix(), lastHour)
	return name + untilWord + time.Unix(hour, 0).UTC().Format(hourForm)
}

// lastHour is the last that has a year of four digits.
var lastHour = time.Date(9999, 12, 31, 23, 0, 0, 0, time.UTC).Unix()

// fingerprint reads all databases and functions of a server.
func fingerprint(ctx context.Context, a address) (surface.Fingerprint, error) {
	own, err := a.probe(ctx)
	if err != nil {
		return nil, err
	}
	var out surface.Fingerprint
	for _, db := range slices.Sorted(maps.Keys(own.Databases)) {
		entries, err := a.readDatabase(ctx, own, db)
		if err != nil {
			return nil, err
		}
		out = append(out, entries...)
	}
	c := a.open(ctx, 0)
	defer c.Close()
	libraries, err := a.functions(ctx, c, own)
	if err != nil {
		return nil, err
	}
	if len(libraries) > 0 {
		out = append(out, libraryEntry(libraries))
	}
	out.Sort()
	return out, nil
}

// readDatabase reads one database until the keys it has seen are as many as
// the server counts: no key was then seen twice. Where others write meanwhile
// that may never be so, and the last reading counts.
func (a address) readDatabase(ctx context.Context, own info, db int) (surface.Fingerprint, error) {
	for attempt := 1; ; attempt++ {
		t := tally{db: db, sums: map[string]*tallied{}}
		if err := a.tally(ctx, own, &t); err != nil {
			return nil, err
		}
		after, err := a.probe(ctx)
		if err != nil {
			return nil, err
		}
		counted := after.Databases[db]
		if counted.Keys-counted.Volatile == t.persistent || attempt == scanAttempts {
			return t.entries(), nil
		}
	}
}

// tally adds up the keys of one database.
type tally struct {
	db int

	mu   sync.Mutex
	sums map[string]*tallied
	// persistent counts the keys without a TTL of their own.
	persistent int64
}

type tallied struct {
	count int64
	sum   total
}

func (a address) tally(ctx context.Context, own info, t *tally) error {
	c := a.open(ctx, t.db)
	defer c.Close()
	r := &reader{address: a, c: c, own: own, fieldTTLs: own.Databases[t.db].VolatileFields > 0}
	group, ctx := errgroup.WithContext(ctx)
	// The server works on one batch while we digest another.
	group.SetLimit(readers)
	err := a.scan(ctx, c, func(names []string) error {
		group.Go(func() error { return r.read(ctx, names, t) })
		return ctx.Err()
	})
	// Where a reader failed, that is why the listing ended.
	if failed := group.Wait(); failed != nil {
		return failed
	}
	return err
}

// readers is how many batches of one database are in work at once.
const readers = 2

func (r *reader) read(ctx context.Context, names []string, t *tally) error {
	keys, err := r.address.describe(ctx, r.c, r.own, names)
	if err != nil {
		return err
	}
	for _, batch := range batches(keys) {
		values, err := r.values(ctx, batch)
		if err != nil {
			return err
		}
		for n, v := range values {
			if v != nil {
				t.add(batch[n], v)
			}
		}
	}
	return nil
}

func (t *tally) add(k key, v *value) {
	digest := keyDigest(k, v)
	t.mu.Lock()
	defer t.mu.Unlock()
	if k.expiry == noExpiry {
		t.persistent++
	}
	if t.db == 0 && k.name == markerKey {
		return
	}
	until := k.expiry
	if v.until != noExpiry && (until == noExpiry || v.until < until) {
		until = v.until
	}
	name := entryName(t.db, k.kind, until)
	e := t.sums[name]
	if e == nil {
		e = &tallied{}
		t.sums[name] = e
	}
	e.count++
	e.sum.add(digest)
}

func (t *tally) entries() surface.Fingerprint {
	out := make(surface.Fingerprint, 0, len(t.sums))
	for name, e := range t.sums {
		out = append(out, surface.Entry{Kind: keysKind, Name: name, Count: e.count, Digest: e.sum.String()})
	}
	return out
}
