package reconcile

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/all"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func objectsIn(store, query string) drill.Reconcile {
	return drill.Reconcile{Kind: drill.ReconcileObjects, Surface: "main", Query: query, Store: store}
}

func openStore(t *testing.T, c store.Config) store.Store {
	t.Helper()
	s, err := all.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// upload writes objects of 3 bytes into a store, and rows about them into the table files.
func upload(t *testing.T, w *world, name string, count int) {
	t.Helper()
	w.exec(t, "CREATE TABLE files (id serial PRIMARY KEY, key text, version text, size bigint)")
	keys, versions := make([]string, count), make([]string, count)
	var group errgroup.Group
	group.SetLimit(8)
	for i := range count {
		group.Go(func() error {
			keys[i] = fmt.Sprintf("files/%04d", i)
			o, err := w.Stores[name].Put(t.Context(), keys[i], strings.NewReader("abc"), store.PutOptions{})
			versions[i] = o.Version
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	w.exec(t, "INSERT INTO files (key, version, size) SELECT k, v, 3 FROM unnest($1::text[], $2::text[]) AS o(k, v)", keys, versions)
}

const allFiles = "SELECT key, version, size FROM files ORDER BY id"

func TestObjectsInS3(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := openStore(t, servers.S3(t).LockedBucket(t))
	w.Stores = map[string]store.Store{"primary": s}
	upload(t, w, "primary", 300)
	got := w.run(t, objectsIn("primary", allFiles), drill.Pass)
	wantDetail(t, got, "300 objects are in store primary as the database has them; 50 of 300 comparisons are listed: 0 failed, 0 warn, 300 passed")

	// What was written over or deleted since is still there at its version, and not without.
	if _, err := s.Put(t.Context(), "files/0007", strings.NewReader("other"), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "files/0008", "files/0009"); err != nil {
		t.Fatal(err)
	}
	w.run(t, objectsIn("primary", allFiles), drill.Pass)
	got = w.run(t, objectsIn("primary", "SELECT key FROM files ORDER BY id"), drill.Fail)
	wantDetail(t, got, "2 of 300 objects are not in store primary as the database has them")
	if got.Items[0].Name != "files/0008" || got.Items[1].Name != "files/0009" || got.Items[1].Observed != "missing" {
		t.Errorf("got %+v", got.Items[:2])
	}
	got = w.run(t, objectsIn("primary", "SELECT key, NULL, size FROM files WHERE key = 'files/0007'"), drill.Fail)
	wantDetail(t, got, "another size")

	w.exec(t, `UPDATE files SET version = (SELECT version FROM files WHERE key = 'files/0001') WHERE key = 'files/0100'`)
	w.exec(t, `UPDATE files SET key = 'lost' WHERE key = 'files/0200'`)
	w.exec(t, `UPDATE files SET size = 4 WHERE key = 'files/0250'`)
	got = w.run(t, objectsIn("primary", allFiles), drill.Fail)
	wantDetail(t, got, "3 of 300 objects")
	if got.Items[0].Name != "files/0100" || got.Items[1].Name != "lost" || got.Items[2].Name != "files/0250" || got.Items[3].Result != drill.Pass {
		t.Errorf("got %+v", got.Items[:4])
	}
}

func TestObjectRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Stores = map[string]store.Store{"folder": openStore(t, store.Config{Kind: "local", Dir: t.TempDir()})}
	upload(t, w, "folder", 3)
	w.do(t, "SADD files files/0000 files/0001", "SADD lost files/0000 files/0009")
	for name, c := range map[string]struct{ query, want, says string }{
		"all":              {allFiles, drill.Pass, "3 objects are in store folder"},
		"key":              {"SELECT key FROM files", drill.Pass, "3 objects"},
		"no version":       {"SELECT key, NULL FROM files UNION ALL SELECT key, '' FROM files", drill.Pass, "6 objects"},
		"numeric size":     {"SELECT key, NULL, size::numeric(10,2) FROM files", drill.Pass, "3 objects"},
		"any size":         {"SELECT key, NULL, NULL FROM files", drill.Pass, "3 objects"},
		"version":          {"SELECT key, '7' FROM files", drill.Fail, "store folder keeps no versions, and the row names one"},
		"missing":          {"SELECT 'lost'", drill.Fail, "1 of 1 objects"},
		"no row":           {"SELECT key FROM files WHERE false", drill.Warn, "nothing was looked for"},
		"NULL":             {"SELECT NULL", drill.Fail, "a row without a key"},
		"columns":          {"SELECT key, '', 1, 2 FROM files", drill.Fail, "a row of 4 columns"},
		"size":             {"SELECT key, '', 'big' FROM files", drill.Fail, "a size that is no number"},
		"key that is none": {"SELECT '../etc/passwd'", drill.Fail, "not readable"},
		"wrong SQL":        {"SELECT nothing", drill.Fail, `column "nothing" does not exist`},
		"error at the end": {"SELECT CASE WHEN id < 3 THEN key ELSE (1/(id-3))::text END FROM files ORDER BY id", drill.Fail, "division by zero"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDetail(t, w.run(t, objectsIn("folder", c.query), c.want), c.says)
		})
	}
	inRedis := objectsIn("folder", "SMEMBERS files")
	inRedis.Surface = "redis"
	wantDetail(t, w.run(t, inRedis, drill.Pass), "2 objects")
	inRedis.Query = "SMEMBERS lost"
	wantDetail(t, w.run(t, inRedis, drill.Fail), "files/0009")
	wantDetail(t, w.run(t, objectsIn("other", allFiles), drill.Fail), "no store other in the configuration")
}

func TestObjectsInGCS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := openStore(t, servers.GCS(t).VersionedBucket(t))
	w.Stores = map[string]store.Store{"gcs": s}
	upload(t, w, "gcs", 20)
	if err := s.Delete(t.Context(), "files/0003"); err != nil {
		t.Fatal(err)
	}
	wantDetail(t, w.run(t, objectsIn("gcs", allFiles), drill.Pass), "20 objects")
	w.exec(t, "UPDATE files SET version = 1 + version::bigint WHERE key = 'files/0004'")
	wantDetail(t, w.run(t, objectsIn("gcs", allFiles), drill.Fail), "files/0004")
}

// TestObjectsInAzure has an account without versions: a row that names one is
// never taken for what is there now.
func TestObjectsInAzure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Stores = map[string]store.Store{"azure": openStore(t, servers.Azure(t).Container(t))}
	upload(t, w, "azure", 5)
	wantDetail(t, w.run(t, objectsIn("azure", "SELECT key, NULL, size FROM files"), drill.Pass), "5 objects")
	got := w.run(t, objectsIn("azure", "SELECT key, '2026-01-02T03:04:05.0000000Z' FROM files"), drill.Fail)
	wantDetail(t, got, "5 of 5 objects")
}

// TestStoreGoesAway has a store that is reached no more while thousands of rows are looked for.
func TestStoreGoesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := servers.S3(t)
	c, proxy := server.Proxied(t, server.Bucket(t))
	cut := &cutting{Store: openStore(t, c), after: 20, cut: proxy.Refuse}
	w.Stores = map[string]store.Store{"s3": cut}
	upload(t, w, "s3", 50)
	w.exec(t, "INSERT INTO files (key) SELECT 'files/0001' FROM generate_series(1, 5000)")
	got, err := w.Run(t.Context(), objectsIn("s3", "SELECT key FROM files"))
	if !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), c.SecretAccessKey.Reveal()) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// cutting is a store whose network is cut after some lookups.
type cutting struct {
	store.Store
	seen, after int64
	cut         func()
}

func (c *cutting) Stat(ctx context.Context, key string) (store.Object, error) {
	if atomic.AddInt64(&c.seen, 1) == c.after {
		c.cut()
	}
	return c.Store.Stat(ctx, key)
}
