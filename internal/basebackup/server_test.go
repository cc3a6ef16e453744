package basebackup

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

// headers reads an archive with another reader than this package's.
func headers(t *testing.T, r io.Reader) []string {
	t.Helper()
	var found []string
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, fmt.Sprintf("%s %c %o %d %x %s", h.Name, h.Typeflag, h.Mode, h.Size, sumOf(data), h.Linkname))
	}
	// Nothing but the end follows.
	if rest, err := io.ReadAll(r); err != nil || !zeros(rest) {
		t.Errorf("%d bytes after the end, %v", len(rest), err)
	}
	return found
}

func TestPartsHoldTheArchives(t *testing.T) {
	t.Parallel()
	c := backedUp(t)
	if len(c.parts) < 8 {
		t.Errorf("%d parts only: %v", len(c.parts), slices.Sorted(maps.Keys(c.parts)))
	}
	for name, whole := range c.whole {
		stem := "base-"
		if name != "base.tar" {
			stem = "ts-" + strings.TrimSuffix(name, ".tar") + "-"
		}
		var got []string
		for _, part := range slices.Sorted(maps.Keys(c.parts)) {
			if strings.HasPrefix(part, stem) {
				got = append(got, headers(t, bytes.NewReader(c.parts[part]))...)
			}
		}
		if want := headers(t, whole); !slices.Equal(got, want) {
			t.Errorf("%s: %d members in its parts, %d in the archive", name, len(got), len(want))
		}
	}
}

func TestExtractedClusterIsWhatWasBackedUp(t *testing.T) {
	t.Parallel()
	c := backedUp(t)
	dir, tablespaces := filepath.Join(c.SocketDir, "restored"), map[uint32]string{c.linked: filepath.Join(c.SocketDir, "new", "linked")}
	o := c.options(tablespaces)
	if c.owner != nil {
		c.folder(t, "new")
	}
	extracted := c.extract(t, dir, o)
	m, err := ReadManifest(bytes.NewReader(c.manifest.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CheckExtracted(extracted...); err != nil {
		t.Error(err)
	}
	if err := CheckManifest(t.Context(), dir, bytes.NewReader(c.manifest.Bytes()), tablespaces); err != nil {
		t.Error(err)
	}
	if len(m.WAL) != 1 || m.WAL[0].Timeline != 1 || m.WAL[0].End <= m.WAL[0].Start {
		t.Errorf("WAL to replay: %v", m.WAL)
	}
	if link, err := os.Readlink(filepath.Join(dir, "pg_tblspc", strconv.FormatUint(uint64(c.linked), 10))); err != nil || link != tablespaces[c.linked] {
		t.Errorf("the tablespace is linked to %q, %v", link, err)
	}
	c.verify(t, dir)
	c.startsOn(t, dir)
}

// verify asks PostgreSQL's own tool.
func (c *cluster) verify(t *testing.T, dir string) {
	t.Helper()
	manifest := filepath.Join(c.SocketDir, "backup_manifest")
	if err := os.WriteFile(manifest, c.manifest.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(c.Tool("pg_verifybackup"), "--no-parse-wal", "--manifest-path="+manifest, dir)
	cmd.Dir, cmd.SysProcAttr = c.SocketDir, &syscall.SysProcAttr{Credential: c.owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("pg_verifybackup: %v\n%s", err, out)
	}
}

// startsOn recovers the restored cluster with the source's WAL.
func (c *cluster) startsOn(t *testing.T, dir string) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), c.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(t.Context(), "SELECT pg_switch_wal()")
	db.Close(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "recovery.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	port := servers.FreePort(t)
	cmd := exec.Command(c.Tool("postgres"), "-D", dir, "-c", fmt.Sprintf("port=%d", port),
		"-c", "restore_command=cp "+filepath.Join(c.Dir, "pg_wal")+"/%f %p")
	cmd.Dir, cmd.SysProcAttr = c.SocketDir, &syscall.SysProcAttr{Credential: c.owner}
	url := strings.Replace(c.URL, ":"+strconv.Itoa(c.Port)+"/", ":"+strconv.Itoa(port)+"/", 1)
	p := servers.Start(t, cmd, func() error {
		db, err := pgx.Connect(t.Context(), url)
		if err != nil {
			return err
		}
		defer db.Close(context.Background())
		var n int
		if err := db.QueryRow(t.Context(), "SELECT count(*) FROM a JOIN b USING (g, md5) JOIN c USING (g, md5)").Scan(&n); err != nil {
			return err
		}
		if n != 20000 {
			t.Errorf("%d rows are the same in all tables, want 20000", n)
		}
		return nil
	})
	p.Kill()
}
