//go:build bench

package bench

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// shipping compares the processor time that the same WAL takes: Lifeboat
// streams it while it is written, pgBackRest archives it afterwards.
func (r *rescue) shipping(b *testing.B) {
	const theirs = "pgBackRest, archive-push, archive-async=y"
	amount := int64(r.size / 2 * 1e9)
	var ours, others []usage
	for round := range rounds {
		r.archive(b, "false")
		r.forget(b)
		from := r.written(b)
		engine, sender := processorTime(b, []int{r.engine}), r.sender(b)
		took := watch(b, []int{r.worker, sender}, func() time.Duration {
			r.write(b, amount)
			r.shipped(b)
			return 0
		})
		ours = append(ours, took)
		wrote := float64(r.written(b)-from) / 1e6
		fmt.Fprintf(os.Stdout, "  round %d: lifeboat %.2f CPU s for %.0f MB, written in %.1f s; its engine beside %.2f\n", round+1,
			took.cpu.Seconds(), wrote, took.wall.Seconds(), (processorTime(b, []int{r.engine}) - engine).Seconds())
		archiver := int(r.number(b, `SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'`))
		before := orphansTime(b, "pgbackrest")
		took = watch(b, []int{archiver}, func() time.Duration {
			r.archive(b, r.peer.command("archive-push", "%p"))
			r.archived(b)
			return 0
		})
		took.cpu += orphansTime(b, "pgbackrest") - before
		others = append(others, took)
		fmt.Fprintf(os.Stdout, "  round %d: %s %.2f CPU s\n", round+1, theirs, took.cpu.Seconds())
	}
	r.peak(b, "shipping WAL")
	compare(b, "WAL shipped (the wall time of Lifeboat's is the writer's)", ours, others, theirs, goal{cpu: 0.5})
}

// sender is the server's process that streams to Lifeboat.
func (r *rescue) sender(b *testing.B) int {
	b.Helper()
	return int(r.number(b, `SELECT coalesce(max(pid), 0) FROM pg_stat_replication`))
}

// archived waits until archive_command has taken every closed segment.
func (r *rescue) archived(b *testing.B) {
	b.Helper()
	execute(b, r.source.url, "SELECT pg_switch_wal()")
	r.until(b, "all WAL is archived", func() bool {
		return r.number(b, `SELECT count(*) FROM pg_ls_dir('pg_wal/archive_status') f WHERE f LIKE '%.ready'`) == 0
	})
}

// lagGoal is how long a commit may wait for the store, nearly always.
const lagGoal = 6 * time.Second

// lags shows how far the store is behind a server that writes as fast as it
// can, and behind one that writes a little, and what the little ones cost.
func (r *rescue) lags(b *testing.B) {
	r.archive(b, "true")
	r.forget(b)
	r.lag(b, "as fast as four clients write", func() { r.write(b, int64(r.size/2*1e9)) })
	r.lag(b, "at 100 transactions a second", func() {
		load := r.load(b, "--client=2", "--rate=100")
		time.Sleep(time.Minute)
		load.Stop()
	})
	r.peak(b, "streaming")
}

func (r *rescue) lag(b *testing.B, title string, load func()) {
	b.Helper()
	r.shipped(b)
	from, stored, wrote := r.written(b), bytesIn(b, r.site.storeDir), r.wrote(b)
	began := time.Now()
	ctx, stop := context.WithCancel(b.Context())
	found := make(chan []time.Duration)
	go func() { found <- r.follow(ctx, b) }()
	load()
	took := time.Since(began)
	end := r.written(b)
	behind := end - r.streamed(b)
	r.shipped(b)
	caught := time.Since(began) - took
	stop()
	all := <-found
	slices.Sort(all)
	worst := all[len(all)*95/100]
	grown, put := bytesIn(b, r.site.storeDir)-stored, r.wrote(b)-wrote
	fmt.Fprintf(os.Stdout, "lag %s: %.1f MB of WAL at %.1f MB/s; commit to durable: median %.2f s, 95 of 100 %.2f s, most %.2f s [under %v: %s]\n",
		title, float64(end-from)/1e6, float64(end-from)/1e6/took.Seconds(), all[len(all)/2].Seconds(), worst.Seconds(), all[len(all)-1].Seconds(), lagGoal, verdict(worst < lagGoal))
	fmt.Fprintf(os.Stdout, "  at the end %.1f MB behind, caught up in %.1f s; the worker wrote %.1f MB, the store grew by %.1f MB\n",
		float64(behind)/1e6, caught.Seconds(), float64(put)/1e6, float64(grown)/1e6)
	b.ReportMetric(worst.Seconds(), "lag-s")
	b.ReportMetric(0, "ns/op")
}

// follow notes where the WAL ends, ten times a second, until ctx ends, and
// returns how long each of these positions took to be confirmed.
func (r *rescue) follow(ctx context.Context, b *testing.B) (lags []time.Duration) {
	db, err := pgx.Connect(ctx, r.source.url)
	if err != nil {
		b.Error(err)
		return []time.Duration{0}
	}
	defer db.Close(context.Background())
	type commit struct {
		lsn int64
		at  time.Time
	}
	var waiting []commit
	for ctx.Err() == nil {
		var written, durable int64
		at := time.Now()
		if err := db.QueryRow(ctx, `SELECT (`+writtenSQL+`), (`+streamedSQL+`)`).Scan(&written, &durable); err != nil {
			break
		}
		now := time.Now()
		for len(waiting) > 0 && waiting[0].lsn <= durable {
			lags, waiting = append(lags, now.Sub(waiting[0].at)), waiting[1:]
		}
		if len(waiting) == 0 || waiting[len(waiting)-1].lsn < written {
			waiting = append(waiting, commit{written, at})
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(lags) == 0 {
		return []time.Duration{0}
	}
	return lags
}

// wrote is how many bytes the worker has written so far, to files and sockets.
func (r *rescue) wrote(b *testing.B) int64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", r.worker))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if text, ok := strings.CutPrefix(line, "wchar: "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatal("the kernel does not count what is written")
	return 0
}
