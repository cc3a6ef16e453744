package replication_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// archives keeps a base backup in memory.
type archives struct {
	start    replication.BaseStart
	names    []string
	places   map[string]string
	data     map[string]*bytes.Buffer
	manifest bytes.Buffer
	done     int64
	// onArchive is called when an archive begins.
	onArchive func(name string) (io.Writer, error)
}

func (a *archives) Begin(start replication.BaseStart) error {
	a.start, a.places, a.data = start, map[string]string{}, map[string]*bytes.Buffer{}
	return nil
}

func (a *archives) Archive(name, location string) (io.Writer, error) {
	if a.onArchive != nil {
		return a.onArchive(name)
	}
	a.names = append(a.names, name)
	a.places[name], a.data[name] = location, &bytes.Buffer{}
	return a.data[name], nil
}

func (a *archives) Manifest() (io.Writer, error) { return &a.manifest, nil }

func (a *archives) Progress(done int64) { a.done = done }

// unpack extracts an archive; links into a folder of tablespaces lead to where that is now.
func unpack(t testing.TB, archive io.Reader, dir string, moved map[string]string) {
	t.Helper()
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(name, 0o700)
		case tar.TypeSymlink:
			err = os.Symlink(moved[h.Linkname], name)
		default:
			var data []byte
			if data, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(name, data, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func newTablespace(t testing.TB, pg *servers.PG, name string) string {
	t.Helper()
	dir := filepath.Join(pg.SocketDir, name)
	who := owner(t, pg)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, int(who.Uid), int(who.Gid))); err != nil {
		t.Fatal(err)
	}
	run(t, pg.URL, "CREATE TABLESPACE "+name+" LOCATION '"+dir+"'")
	return dir
}

func TestBaseBackup(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	location := newTablespace(t, pg, "elsewhere")
	write(t, pg.URL, 20)
	run(t, pg.URL, "CREATE TABLE far TABLESPACE elsewhere AS SELECT generate_series(1, 100000) i")
	conn := dial(t, at(pg.URL))
	for range 2 {
		kept := &archives{}
		result, err := conn.BaseBackup(t.Context(), replication.BaseOptions{Label: "it's ours", Fast: true}, kept)
		if err != nil {
			t.Fatal(err)
		}
		checkBackup(t, pg, kept, result, location)
	}
	if end := flushed(t, pg.URL); end == 0 {
		t.Error("the server has no WAL")
	}
}

func checkBackup(t *testing.T, pg *servers.PG, kept *archives, result replication.BaseResult, location string) {
	t.Helper()
	oid := value[uint32](t, pg.URL, "SELECT oid FROM pg_tablespace WHERE spcname = 'elsewhere'")
	if result.Timeline != 1 || result.StopTimeline != 1 || result.Start == 0 || result.Stop <= result.Start || result.Stop > flushed(t, pg.URL) {
		t.Errorf("result %+v", result)
	}
	if len(result.Tablespaces) != 1 || result.Tablespaces[0].OID != oid || result.Tablespaces[0].Location != location || result.Tablespaces[0].Bytes < 3<<20 {
		t.Errorf("tablespaces %+v, want %d at %s", result.Tablespaces, oid, location)
	}
	if result.Checksums || result.ChecksumFailures != nil || result.Warnings != nil {
		t.Errorf("checksums: %+v", result)
	}
	if kept.start.Start != result.Start || kept.start.Estimate < 20<<20 || len(kept.start.Tablespaces) != 1 {
		t.Errorf("start %+v", kept.start)
	}
	far := kept.names[0]
	if len(kept.names) != 2 || kept.names[1] != "base.tar" || !strings.HasSuffix(far, ".tar") || kept.places[far] != location || kept.places["base.tar"] != "" {
		t.Fatalf("archives %q at %q", kept.names, kept.places)
	}
	if total := int64(kept.data[far].Len() + kept.data["base.tar"].Len()); kept.done != total {
		t.Errorf("progress ended with %d of %d bytes", kept.done, total)
	}

	root := t.TempDir()
	data, moved := filepath.Join(root, "data"), filepath.Join(root, "elsewhere")
	if err := errors.Join(os.Mkdir(data, 0o700), os.Mkdir(moved, 0o700)); err != nil {
		t.Fatal(err)
	}
	unpack(t, kept.data[far], moved, nil)
	unpack(t, kept.data["base.tar"], data, map[string]string{location: moved})
	if err := os.WriteFile(filepath.Join(data, "backup_manifest"), kept.manifest.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(pg.Tool("pg_verifybackup"), "--no-parse-wal", data).CombinedOutput(); err != nil {
		t.Errorf("pg_verifybackup: %v\n%s", err, out)
	}
	if !strings.Contains(kept.manifest.String(), `"Checksum-Algorithm": "CRC32C"`) {
		t.Error("the manifest has no CRC32C checksums")
	}
	label, err := os.ReadFile(filepath.Join(data, "backup_label"))
	if err != nil || !strings.Contains(string(label), "LABEL: it's ours\n") {
		t.Errorf("backup_label: %q, %v", label, err)
	}
}

func TestBaseBackupOfAStandby(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	standby := pg.Standby(t)
	kept := &archives{}
	result, err := dial(t, at(standby.URL)).BaseBackup(t.Context(), replication.BaseOptions{Fast: true}, kept)
	if err != nil || result.Stop < result.Start || kept.manifest.Len() == 0 {
		t.Fatalf("result %+v, %v", result, err)
	}
	if !strings.Contains(kept.data["base.tar"].String(), "BACKUP FROM: standby") {
		t.Error("the backup is not a standby's")
	}
}

// A standby that is promoted in the middle spoils the backup.
func TestPromotedDuringBaseBackup(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	write(t, pg.URL, 60)
	standby := pg.Standby(t)
	kept := &archives{}
	kept.onArchive = func(string) (io.Writer, error) {
		run(t, standby.URL, "SELECT pg_promote()")
		return io.Discard, nil
	}
	_, err := dial(t, at(standby.URL)).BaseBackup(t.Context(), replication.BaseOptions{Fast: true}, kept)
	wantKind(t, err, fault.Lost)
}

func TestDamagedPagesAreReported(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	run(t, pg.URL, "CREATE TABLE hurt AS SELECT generate_series(1, 10000) i", "CHECKPOINT")
	file := filepath.Join(pg.Dir, value[string](t, pg.URL, "SELECT pg_relation_filepath('hurt')"))
	for _, args := range [][]string{{"pg_ctl", "stop", "-w", "-m", "fast", "-D", pg.Dir}, {"pg_checksums", "--enable", "-D", pg.Dir}} {
		cmd := exec.Command(pg.Tool(args[0]), args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner(t, pg)}
		cmd.Dir = pg.SocketDir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, out)
		}
	}
	pg.Restart(t)
	conn := dial(t, at(pg.URL))
	result, err := conn.BaseBackup(t.Context(), replication.BaseOptions{Fast: true}, &archives{})
	if err != nil || !result.Checksums || result.ChecksumFailures != nil {
		t.Fatalf("a sound cluster: %+v, %v", result, err)
	}

	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []int64{0, 3} {
		if _, err := f.WriteAt([]byte("not what was written"), page*8192+6000); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	kept := &archives{}
	result, err = conn.BaseBackup(t.Context(), replication.BaseOptions{Fast: true}, kept)
	if err != nil || result.Stop == 0 || kept.manifest.Len() == 0 {
		t.Fatalf("the backup of a damaged cluster is not complete: %+v, %v", result, err)
	}
	said := strings.Join(result.ChecksumFailures, "\n")
	if !strings.Contains(said, filepath.Base(file)) || !strings.Contains(said, "block 3") || result.Warnings != nil {
		t.Errorf("what the server said: %q, warnings %q", said, result.Warnings)
	}
	if _, err := conn.Identify(t.Context()); err != nil {
		t.Errorf("the connection can't be used any more: %v", err)
	}
}

func TestEndedBaseBackups(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	write(t, pg.URL, 60)
	gone := func() bool {
		return value[int](t, pg.URL, "SELECT count(*) FROM pg_stat_progress_basebackup") == 0
	}
	full := errors.New("no room")
	t.Run("by the sink", func(t *testing.T) {
		for name, sink := range map[string]*archives{
			"archive": {onArchive: func(string) (io.Writer, error) { return nil, full }},
			"write":   {onArchive: func(string) (io.Writer, error) { return failing{full}, nil }},
		} {
			if _, err := dial(t, at(pg.URL)).BaseBackup(t.Context(), replication.BaseOptions{Fast: true}, sink); !errors.Is(err, full) {
				t.Errorf("%s: error %v", name, err)
			}
			eventually(t, "the backup has ended on the server", gone)
		}
	})
	t.Run("by a killed server", func(t *testing.T) {
		other := servers.Postgres(t)
		write(t, other.URL, 60)
		sink := &archives{onArchive: func(string) (io.Writer, error) {
			other.Kill()
			return io.Discard, nil
		}}
		_, err := dial(t, at(other.URL)).BaseBackup(t.Context(), replication.BaseOptions{Fast: true}, sink)
		wantKind(t, err, fault.Unavailable)
	})
	t.Run("by the options", func(t *testing.T) {
		conn := dial(t, at(pg.URL))
		for _, rate := range []int{-1, 31, 1<<20 + 1} {
			_, err := conn.BaseBackup(t.Context(), replication.BaseOptions{MaxRateKBps: rate}, &archives{})
			wantKind(t, err, fault.Invalid)
		}
		_, err := conn.BaseBackup(t.Context(), replication.BaseOptions{IncrementalManifest: strings.NewReader("{}")}, &archives{})
		if major, _ := conn.ServerVersion(); major < 17 {
			wantKind(t, err, fault.Unsupported)
		}
	})
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
