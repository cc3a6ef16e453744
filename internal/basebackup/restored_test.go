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
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

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
