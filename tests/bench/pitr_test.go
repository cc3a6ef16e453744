//go:build bench

package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// BenchmarkPITR compares base backups, WAL and recovery with pgBackRest on a
// cluster of LIFEBOAT_BENCH_GB (4 unless it is set).
func BenchmarkPITR(b *testing.B) {
	size := 4.0
	if os.Getenv("LIFEBOAT_BENCH_GB") != "" {
		size = gigabytes
	}
	if _, err := exec.LookPath("pgbackrest"); err != nil {
		b.Skip("pgBackRest is not installed: apt-get install pgbackrest")
	}
	r := newRescue(b, size)
	b.Run("base", r.bases)
	b.Run("recover", r.recoveries)
	b.Run("replay", r.replays)
	b.Run("ship", r.shipping)
	b.Run("lag", r.lags)
}

// rescue is a cluster with both ways to save it.
type rescue struct {
	source *source
	size   float64
	site   *site
	// engine is Lifeboat without a worker, worker the one it has, a process of its own.
	engine, worker int
	peer           *pgBackRest
}

// What a cluster for PITR needs of its settings. archive_command changes.
var archiving = []string{
	"shared_buffers = 256MB", "max_wal_size = 16GB", "checkpoint_timeout = 1h", "autovacuum = off",
	"archive_mode = on", "archive_command = 'true'",
}

const pitrPolicies = `  base: {surface: main, kind: base, store: folder, verify: never, paused: true}
  wal: {surface: main, kind: wal, store: folder, holdBack: 32GiB}
`

func newRescue(b *testing.B, size float64) *rescue {
	b.Helper()
	r := &rescue{source: newCluster(b, size), size: size}
	r.site = newSite(b, r.source.url, "", pitrPolicies)
	r.peer = newPgBackRest(b, r.source)
	r.engine = r.site.start(b, "up", "--worker=false").PID()
	r.worker = r.site.start(b, "worker").PID()
	r.until(b, "the WAL is streamed", func() bool { return r.streamed(b) > 0 })
	return r
}

// newCluster is three quarters pgbench's tables, and prose.
func newCluster(b *testing.B, size float64) *source {
	b.Helper()
	began := time.Now()
	pg := servers.Postgres(b, archiving...)
	s := &source{PG: pg, url: pg.DatabaseURL(database)}
	execute(b, pg.URL, "CREATE DATABASE "+database)
	// A unit of scale takes 15 MB on disk.
	scale := max(1, int(0.75*size*1e9/15e6))
	init := exec.Command(pg.Tool("pgbench"), "--initialize", "--quiet", "--scale", strconv.Itoa(scale), s.url)
	if out, err := init.CombinedOutput(); err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	execute(b, s.url, schema)
	m := newRowMaker(1)
	prose := &rowReader{size: int64(0.25 * size * 1e9), row: func(id int) string { return m.article(id) }}
	if err := copyRows(s.url, "articles", prose); err != nil {
		b.Fatal(err)
	}
	execute(b, s.url, "VACUUM (FREEZE, ANALYZE)")
	execute(b, s.url, "CHECKPOINT")
	fmt.Fprintf(os.Stdout, "cluster of %.2f GB made in %.0f s\n", s.size(b)/1e9, time.Since(began).Seconds())
	return s
}

func (r *rescue) until(b *testing.B, what string, done func() bool) {
	b.Helper()
	for deadline := time.Now().Add(10 * time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) || syscall.Kill(r.worker, 0) != nil {
			b.Fatal("waited in vain until " + what)
		}
	}
}

// number is the one value of a query.
func (r *rescue) number(b *testing.B, sql string, args ...any) (n int64) {
	b.Helper()
	ctx := context.Background()
	db, err := pgx.Connect(ctx, r.source.url)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close(ctx)
	if err := db.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		b.Fatalf("%s: %v", sql, err)
	}
	return n
}

// written is where the server's WAL ends; streamed up to where Lifeboat has
// confirmed it as durable, 0 without a stream.
const (
	writtenSQL  = `SELECT (pg_current_wal_flush_lsn() - '0/0')::int8`
	streamedSQL = `SELECT coalesce(max(flush_lsn - '0/0'), 0)::int8 FROM pg_stat_replication`
)

func (r *rescue) written(b *testing.B) int64  { return r.number(b, writtenSQL) }
func (r *rescue) streamed(b *testing.B) int64 { return r.number(b, streamedSQL) }

func (r *rescue) shipped(b *testing.B) {
	b.Helper()
	until := r.written(b)
	r.until(b, "Lifeboat has stored all WAL", func() bool { return r.streamed(b) >= until })
}

// archive sets archive_command.
func (r *rescue) archive(b *testing.B, command string) {
	b.Helper()
	execute(b, r.source.url, "ALTER SYSTEM SET archive_command = '"+command+"'")
	execute(b, r.source.url, "SELECT pg_reload_conf()")
}

// bulk is a transaction of many rows: those of one row write little WAL once
// every page has been in it as a whole.
const bulk = `\set from random(1, 1000000000)
INSERT INTO events SELECT md5((:from + n)::text)::uuid, now(), 'load', jsonb_build_object('n', n, 'text', md5(n::text))
FROM generate_series(1, 200) n;
`

// write lets four clients write as fast as they can, one transaction in five
// with many rows, until so many bytes of WAL have come. As after any
// checkpoint, pages come as a whole first.
func (r *rescue) write(b *testing.B, bytes int64) {
	b.Helper()
	script := filepath.Join(b.TempDir(), "bulk.sql")
	if err := os.WriteFile(script, []byte(bulk), 0o600); err != nil {
		b.Fatal(err)
	}
	execute(b, r.source.url, "CHECKPOINT")
	until := r.written(b) + bytes
	load := r.load(b, "--client=4", "--jobs=2", "--builtin=tpcb-like@4", "--file="+script+"@1")
	r.until(b, "the WAL is written", func() bool { return r.written(b) >= until })
	load.Stop()
	execute(b, r.source.url, "SELECT pg_switch_wal()")
}

func (r *rescue) load(b *testing.B, args ...string) *servers.Process {
	b.Helper()
	args = append(args, "--no-vacuum", "--protocol=prepared", "--time=3600", r.source.url)
	cmd := exec.Command(r.source.Tool("pgbench"), args...)
	cmd.Env = append(os.Environ(), "PGOPTIONS=-c synchronous_commit=off")
	return servers.Start(b, cmd, func() error { return nil })
}

// forget lets the worker's peak of memory begin anew; peak prints it.
func (r *rescue) forget(b *testing.B) {
	b.Helper()
	// 5 resets the peak of resident memory: proc(5).
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", r.worker), []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
}

func (r *rescue) peak(b *testing.B, during string) {
	b.Helper()
	peak := peakMemory(b, r.worker)
	fmt.Fprintf(os.Stdout, "peak memory of the worker, %s: %d MiB [under %d: %s]\n", during, peak>>20, memoryGoal>>20, verdict(peak < memoryGoal))
	b.ReportMetric(float64(peak>>20), "MiB")
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "MISSED"
}

// bytesIn is how much the files below a folder have.
func bytesIn(b *testing.B, dir string) (total int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		b.Fatal(err)
	}
	return total
}
