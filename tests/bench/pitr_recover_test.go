//go:build bench

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// recovery is what pitr restore prints.
type recovery struct {
	ID, URL string
	Steps   []struct {
		Name    string
		Seconds float64
	}
}

// folderSteps are those at whose end the data directory is there and checked.
var folderSteps = map[string]bool{"choosing a base backup": true, "preparing": true, "fetching the base backup": true}

// recover restores with Lifeboat. toFolder is the wall time to a data directory.
func (r *rescue) recover(b *testing.B, at string) (got recovery, took usage, toFolder time.Duration) {
	b.Helper()
	took = watch(b, []int{r.engine, r.worker}, func() time.Duration {
		return r.site.ask(b, &got, "pitr", "restore", "main", "--at", at)
	})
	for _, step := range got.Steps {
		fmt.Fprintf(os.Stdout, "    %-26s %6.1f s\n", step.Name, step.Seconds)
		if folderSteps[step.Name] {
			toFolder += time.Duration(step.Seconds * float64(time.Second))
		}
	}
	return got, took, toFolder
}

// recoveries compares a restore of the base backup, and everything from the
// question to the answer, with a quarter of the cluster's size of WAL to replay.
func (r *rescue) recoveries(b *testing.B) {
	r.both(b, "")
	r.write(b, int64(r.size/4*1e9))
	at := r.now(b)
	r.write(b, 1<<20)
	r.archived(b)
	r.shipped(b)
	r.forget(b)
	var ourFolder, theirFolder []usage
	const theirs = "pgBackRest restore"
	results := contest(b,
		contender{"lifeboat", func(int) usage {
			got, took, folder := r.recover(b, at.Format(time.RFC3339Nano))
			ourFolder = append(ourFolder, usage{wall: folder, cpu: took.cpu})
			r.site.ask(b, nil, "environment", "stop", got.ID)
			return took
		}},
		contender{theirs + ", start", func(round int) usage {
			took, folder := r.peerRecover(b, fmt.Sprintf("recovered-%d", round), at)
			theirFolder = append(theirFolder, folder)
			return took
		}})
	r.peak(b, "recovery")
	compare(b, "restore to a data directory (wall; Lifeboat's CPU is that of all)", ourFolder, theirFolder, theirs, goal{wall: 0.65})
	compare(b, "from asked to answering at the target (CPU without pgBackRest's server)", results["lifeboat"], results[theirs+", start"], theirs+", start", goal{wall: 0.6})
}

// both takes a base backup with each side, and has WAL kept by both from then
// on, and by what comes before pgBackRest's archive_command.
func (r *rescue) both(b *testing.B, first string) {
	b.Helper()
	r.archive(b, first+r.peer.command("archive-push", "%p"))
	r.base(b)
	r.backRest(b, 1, nil, "")
}

// now is the server's clock after a commit of which it is sure that it is before.
func (r *rescue) now(b *testing.B) time.Time {
	b.Helper()
	execute(b, r.source.url, "SELECT pg_create_restore_point('before')")
	return time.UnixMicro(r.number(b, `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8`)).UTC()
}

// peerRecover restores with pgBackRest, starts the server, and waits until it answers at the target.
func (r *rescue) peerRecover(b *testing.B, name string, at time.Time) (took, folder usage) {
	b.Helper()
	dir := r.peer.folder(b, name)
	defer os.RemoveAll(dir)
	var process *servers.Process
	took = watch(b, nil, func() time.Duration {
		began := time.Now()
		cpu := r.peer.run(b, "restore", "--pg1-path="+dir, "--type=time", "--target="+at.Format("2006-01-02 15:04:05.999999+00"), "--target-action=promote")
		folder = usage{wall: time.Since(began), cpu: cpu}
		var pg *servers.PG
		pg, process = r.peer.start(b, dir, "fsync=on")
		r.until(b, "pgBackRest's server is promoted", func() bool { return promoted(b, pg, process) })
		return cpu
	})
	process.Stop()
	return took, folder
}

// promoted reports whether a server answers and has left recovery.
func promoted(b *testing.B, pg *servers.PG, process *servers.Process) bool {
	b.Helper()
	if syscall.Kill(process.PID(), 0) != nil {
		b.Fatalf("the server has ended:\n%s", process.Output())
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	db, err := pgx.Connect(ctx, pg.URL)
	if err != nil {
		return false
	}
	defer db.Close(ctx)
	var recovering bool
	return db.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&recovering) == nil && !recovering
}

// redone is PostgreSQL's own measure of replay, from 15 on.
var redone = regexp.MustCompile(`redo done at .* elapsed: ([0-9.]+) s`)

// replayed is how long a server replayed, by its log.
func replayed(b *testing.B, log string) usage {
	b.Helper()
	found := redone.FindStringSubmatch(log)
	if found == nil {
		b.Fatal("the log does not say how long the replay took: PostgreSQL 15 or newer is needed")
	}
	seconds, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	return usage{wall: time.Duration(seconds * float64(time.Second))}
}

// replays compares how long PostgreSQL replays, by how the WAL comes to it.
func (r *rescue) replays(b *testing.B) {
	folder := r.peer.folder(b, "wal")
	r.both(b, "cp %p "+folder+"/%f && ")
	r.write(b, int64(r.size/2*1e9))
	r.archived(b)
	r.shipped(b)
	r.forget(b)
	const local, copied, fetched = "WAL in pg_wal", "restore_command = 'cp'", "pgBackRest archive-get, archive-async=y"
	results := contest(b,
		contender{"lifeboat", func(int) usage { return r.replay(b) }},
		contender{local, func(int) usage { return r.peerReplay(b, folder, "restore_command=false") }},
		contender{copied, func(int) usage { return r.peerReplay(b, "", "restore_command=cp "+folder+`/%f "%p"`) }},
		contender{fetched, func(int) usage { return r.peerReplay(b, "") }})
	r.peak(b, "replay")
	for _, side := range []struct {
		name string
		goal float64
	}{{fetched, 0}, {copied, 0}, {local, 1.1}} {
		we, they := medians(results["lifeboat"]).wall.Seconds(), medians(results[side.name]).wall.Seconds()
		fmt.Fprintf(os.Stdout, "replay of WAL: lifeboat %.1f s, %s %.1f s, ratio %.2f %s\n", we, side.name, they, we/they, goal{wall: side.goal}.judge(we/they, 0))
		b.ReportMetric(we/they, "wall-ratio")
	}
	b.ReportMetric(0, "ns/op")
}

func (r *rescue) replay(b *testing.B) usage {
	b.Helper()
	got, _, _ := r.recover(b, "latest")
	log, err := os.ReadFile(filepath.Join(r.site.dataDir, "environments", got.ID, "server.log"))
	if err != nil {
		b.Fatal(err)
	}
	r.site.ask(b, nil, "environment", "stop", got.ID)
	return replayed(b, string(log))
}

// peerReplay restores with pgBackRest and replays what a folder has, if one is
// given, or what the settings or pgBackRest deliver. The server has the
// settings that Lifeboat would give it.
func (r *rescue) peerReplay(b *testing.B, segments string, settings ...string) usage {
	b.Helper()
	dir := r.peer.folder(b, "replayed")
	defer os.RemoveAll(dir)
	r.peer.run(b, "restore", "--pg1-path="+dir)
	if segments != "" {
		if err := errors.Join(os.RemoveAll(filepath.Join(dir, "pg_wal")), os.CopyFS(filepath.Join(dir, "pg_wal"), os.DirFS(segments)), ownAll(dir, r.peer.owner)); err != nil {
			b.Fatal(err)
		}
	}
	settings = append([]string{"fsync=off", "full_page_writes=off", "max_wal_size=8GB", "shared_buffers=1GB"}, settings...)
	pg, process := r.peer.start(b, dir, settings...)
	r.until(b, "the WAL is replayed", func() bool { return promoted(b, pg, process) })
	took := replayed(b, process.Output())
	process.Stop()
	return took
}
