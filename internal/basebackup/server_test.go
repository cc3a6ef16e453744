package basebackup

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// collector keeps the parts of a backup, and the archives that they were cut from.
type collector struct {
	t        *testing.T
	size     int64
	splitter *Splitter
	whole    map[string]*bytes.Buffer
	manifest bytes.Buffer

	mu    sync.Mutex
	parts map[string][]byte
	specs map[string]Spec
}

func newCollector(t *testing.T, size int64) *collector {
	return &collector{t: t, size: size, whole: make(map[string]*bytes.Buffer), parts: make(map[string][]byte), specs: make(map[string]Spec)}
}

func (c *collector) write(part surface.Part, produce func(io.Writer) error) error {
	var out bytes.Buffer
	if err := produce(&out); err != nil {
		return err
	}
	spec, err := PartSpec(part)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts[part.Name], c.specs[part.Name] = out.Bytes(), spec
	return err
}

func (c *collector) Begin(replication.BaseStart) error { return nil }
func (c *collector) Progress(int64)                    {}

func (c *collector) Archive(name, _ string) (io.Writer, error) {
	if err := c.end(); err != nil {
		return nil, err
	}
	var err error
	c.splitter, err = NewSplitter(name, c.size, c.write)
	c.whole[name] = new(bytes.Buffer)
	return io.MultiWriter(c.splitter, c.whole[name]), err
}

func (c *collector) Manifest() (io.Writer, error) { return &c.manifest, c.end() }

func (c *collector) end() error {
	if c.splitter == nil {
		return nil
	}
	last := c.splitter
	c.splitter = nil
	return last.Close()
}

// cluster is a server with tablespaces, and one backup of it.
type cluster struct {
	*servers.PG
	*collector
	linked, inPlace uint32
	owner           *syscall.Credential
}

func backedUp(t *testing.T) *cluster {
	t.Helper()
	pg := servers.Postgres(t, "wal_level = replica", "allow_in_place_tablespaces = on")
	c := &cluster{PG: pg, collector: newCollector(t, 1<<20), owner: owner(t)}
	db, err := pgx.Connect(t.Context(), pg.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	for _, sql := range []string{
		"CREATE TABLESPACE linked LOCATION '" + c.folder(t, "linked") + "'",
		"CREATE TABLESPACE inside LOCATION ''",
		"CREATE TABLE a AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g",
		"CREATE TABLE b TABLESPACE linked AS SELECT * FROM a",
		"CREATE TABLE c TABLESPACE inside AS SELECT * FROM a",
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if err := db.QueryRow(t.Context(), `SELECT (SELECT oid FROM pg_tablespace WHERE spcname = 'linked'), (SELECT oid FROM pg_tablespace WHERE spcname = 'inside')`).
		Scan(&c.linked, &c.inPlace); err != nil {
		t.Fatal(err)
	}
	conn, err := replication.Connect(t.Context(), replication.Config{URL: secret.String(pg.URL)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.BaseBackup(t.Context(), replication.BaseOptions{Label: "test", Fast: true}, c.collector); err != nil {
		t.Fatal(err)
	}
	return c
}

// owner is who a server runs as, when the test runs as root.
func owner(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// folder is a new one beside the cluster, of the server's account.
func (c *cluster) folder(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(c.SocketDir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if c.owner != nil {
		if err := os.Chown(dir, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (c *cluster) options(tablespaces map[uint32]string) Options {
	o := Options{Tablespaces: tablespaces, FSync: true}
	if c.owner != nil {
		o.Own, o.UID, o.GID = true, int(c.owner.Uid), int(c.owner.Gid)
	}
	return o
}

// extract puts all parts in place, several at once, the last first.
func (c *cluster) extract(t *testing.T, dir string, o Options) []Extracted {
	t.Helper()
	names := slices.Sorted(maps.Keys(c.parts))
	slices.Reverse(names)
	got := make([]Extracted, len(names))
	var group errgroup.Group
	group.SetLimit(4)
	for i, name := range names {
		o := o
		o.Tablespace = c.specs[name].Tablespace
		group.Go(func() (err error) {
			got[i], err = Extract(t.Context(), bytes.NewReader(c.parts[name]), dir, o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return got
}
