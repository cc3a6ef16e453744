//go:build bench

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// BenchmarkTools compares snapshots and restores with PostgreSQL's own tools.
func BenchmarkTools(b *testing.B) {
	src := newSource(b, gigabytes)
	s3 := servers.S3(b).Bucket(b)
	s := newSite(b, src.url, s3Settings(s3))
	up := s.start(b, "up")
	t := &tools{source: src, site: s, up: up.PID()}
	b.Run("snapshot-local", func(b *testing.B) { t.snapshots(b, "folder", nil) })
	b.Run("snapshot-s3", func(b *testing.B) { t.snapshots(b, "s3", &s3) })
	b.Run("restore", t.restores)
}

type tools struct {
	source *source
	site   *site
	up     int
}

// snapshot makes a point with Lifeboat.
func (t *tools) snapshot(b *testing.B, storeName string) (made point, took usage) {
	b.Helper()
	roots := []int{t.up, postmaster(b, t.source.PG)}
	took = watch(b, roots, func() time.Duration {
		return t.site.ask(b, &made, "snapshot", "create", "main", "--store", storeName, "--wait")
	})
	return made, took
}

func (t *tools) snapshots(b *testing.B, storeName string, s3 *store.Config) {
	var made point
	contenders := []contender{{"lifeboat", func(int) (took usage) {
		made, took = t.snapshot(b, storeName)
		if err := os.RemoveAll(filepath.Join(t.site.storeDir, "points")); err != nil {
			b.Fatal(err)
		}
		return took
	}}}
	plain, pipeline := "pg_dump 15 -Fd -j2 -Z0, zstd -1, age", script(dumpPlain, zstdAge)
	packed, packedPipeline := "pg_dump 17 -Fd -j2 --compress=zstd:1, age", script(dumpZstd, ageOnly)
	if s3 != nil {
		plain, pipeline = plain+", curl", script(dumpPlain, zstdAge+upload)
		packed, packedPipeline = packed+", curl", script(dumpZstd, ageOnly+upload)
	}
	add := func(name, text string) {
		l := baseline{source: t.source, recipient: t.site.recipient, script: text, s3: s3}
		contenders = append(contenders, contender{name, func(int) usage { return l.run(b) }})
	}
	add(plain, pipeline)
	if pgDump17() != "" {
		add(packed, packedPipeline)
	}
	results := contest(b, contenders...)
	fmt.Fprintf(os.Stdout, "the point: %d parts, %.2f GB before compression, %.2f GB stored\n", made.Parts, float64(made.PlainBytes)/1e9, float64(made.Bytes)/1e9)
	if pgDump17() != "" {
		compare(b, "snapshot to "+storeName, results["lifeboat"], results[packed], packed, goal{1, 1})
	} else {
		fmt.Fprintln(os.Stdout, "no comparison with pg_dump 17: it is not installed")
	}
	compare(b, "snapshot to "+storeName, results["lifeboat"], results[plain], plain, goal{0.7, 0.7})
}

// restores compares restores into a server of their own.
func (t *tools) restores(b *testing.B) {
	made, _ := t.snapshot(b, "folder")
	dump := filepath.Join(b.TempDir(), "dump")
	runCommand(b, exec.Command("pg_dump", "-Fd", "-j2", "-Z0", "-f", dump, t.source.url))
	var uncompared []usage
	const theirs = "pg_restore -j2, unencrypted, settings of initdb"
	results := contest(b,
		contender{"lifeboat", func(int) usage {
			took, comparing := t.restore(b, made)
			uncompared = append(uncompared, usage{wall: took.wall - comparing, cpu: took.cpu})
			return took
		}},
		contender{theirs, func(int) usage { return pgRestore(b, dump) }})
	compare(b, "restore, with comparing every row to the source's fingerprint", results["lifeboat"], results[theirs], theirs, goal{wall: 0.8})
	with := medians(results["lifeboat"]).wall.Seconds() / medians(results[theirs]).wall.Seconds()
	compare(b, "restore, without the step that compares (wall only)", uncompared, results[theirs], theirs, goal{wall: 0.8})
	b.ReportMetric(with, "wall-ratio-compared")
}

// restore restores a point with Lifeboat, and says how long comparing took.
func (t *tools) restore(b *testing.B, p point) (took usage, comparing time.Duration) {
	b.Helper()
	var restored struct {
		ID    string `json:"id"`
		Steps []struct {
			Name    string  `json:"name"`
			Seconds float64 `json:"seconds"`
		} `json:"steps"`
	}
	took = watch(b, []int{t.up}, func() time.Duration { return t.site.ask(b, &restored, "snapshot", "restore", p.ID) })
	for _, step := range restored.Steps {
		fmt.Fprintf(os.Stdout, "    %-22s %6.1f s\n", step.Name, step.Seconds)
		if step.Name == "comparing" {
			comparing = time.Duration(step.Seconds * float64(time.Second))
		}
	}
	if comparing == 0 {
		b.Fatal("the restore has no step named comparing")
	}
	t.site.ask(b, nil, "environment", "stop", restored.ID)
	return took, comparing
}

// pgRestore restores a directory dump into a new server, whose making is not counted.
func pgRestore(b *testing.B, dump string) usage {
	b.Helper()
	pg := servers.Postgres(b, "fsync = on", "shared_buffers = 128MB", "max_connections = 100")
	defer os.RemoveAll(pg.SocketDir)
	defer pg.Kill()
	execute(b, pg.URL, "CREATE DATABASE "+database)
	cmd := exec.Command("pg_restore", "-j2", "-d", pg.DatabaseURL(database), dump)
	return watch(b, []int{postmaster(b, pg)}, func() time.Duration { return runCommand(b, cmd) })
}
