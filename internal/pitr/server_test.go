package pitr_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestPlansOnRealServers writes numbered transactions from several sessions on
// two timelines, and recovers to all sorts of targets by the plans: exactly the
// transactions promised must be there.
func TestPlansOnRealServers(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t, "archive_mode = on", "archive_command = 'false'", "wal_level = replica", "timezone = UTC")
	a := archive{filepath.Join(pg.SocketDir, "archive")}
	if err := os.Mkdir(a.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	output(t, exec.Command("chown", "--reference", pg.Dir, a.dir))
	archiveTo := "test ! -f " + a.dir + "/%f && cp %p " + a.dir + "/%f"
	statements(t, pg.URL, "ALTER SYSTEM SET archive_command = '"+archiveTo+"'", "SELECT pg_reload_conf()",
		"CREATE TABLE numbers (n bigint, xid xid8 DEFAULT pg_current_xact_id())")

	first := takeBase(t, pg, pg.URL, "base1")
	writeNumbers(t, pg.URL, 1)
	statements(t, pg.URL, "SELECT pg_create_restore_point('half')", "SELECT pg_switch_wal()")
	second := takeBase(t, pg, pg.URL, "base2")
	writeNumbers(t, pg.URL, 2)
	archived(t, pg.URL)

	h := a.holdings(t, first, second)
	truth := newTruth(t, a, h, 1, first.Stop, rows[uint64](t, pg.URL, "SELECT xid::text::bigint FROM numbers"))
	middle := truth.endings[len(truth.endings)*3/4]
	t.Run("one timeline", func(t *testing.T) { truth.check(t, pg, a, h, truth.targets(1)) })

	// A server that was recovered goes on writing, on timeline 2.
	plan, err := pitr.Choose(t.Context(), h, a, pitr.Target{Kind: pitr.AtTime, Time: middle.At})
	if err != nil {
		t.Fatal(err)
	}
	url := recovered(t, pg, a, h, plan, archiveTo)
	writeNumbers(t, url, 3)
	archived(t, url)
	h = a.holdings(t, first, second)
	truth = newTruth(t, a, h, 2, first.Stop, rows[uint64](t, url, "SELECT xid::text::bigint FROM numbers"))
	t.Run("two timelines", func(t *testing.T) { truth.check(t, pg, a, h, truth.targets(2)) })
	window, err := pitr.Assess(t.Context(), h, a)
	if err != nil || len(window.Gaps) > 0 || window.UsableBases != 2 || window.Timeline != 2 {
		t.Errorf("window %+v, %v", window, err)
	}
}

func statements(t *testing.T, url string, all ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, statement := range all {
		if _, err := conn.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// writeNumbers has several sessions commit and roll back.
func writeNumbers(t *testing.T, url string, seed uint64) {
	t.Helper()
	var sessions sync.WaitGroup
	for session := range 4 {
		sessions.Go(func() {
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close(context.Background())
			random := rand.New(rand.NewPCG(seed, uint64(session)))
			for n := range 60 {
				end := "COMMIT"
				if random.IntN(5) == 0 {
					end = "ROLLBACK"
				}
				if random.IntN(40) == 0 {
					end += "; SELECT pg_switch_wal()"
				}
				statement := fmt.Sprintf("BEGIN; INSERT INTO numbers VALUES (%d); %s", n, end)
				if _, err := conn.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	sessions.Wait()
}

// archived waits until all that was written is in the archive.
func archived(t *testing.T, url string) {
	t.Helper()
	name := rows[string](t, url, "SELECT pg_walfile_name(pg_switch_wal())")[0]
	deadline := time.Now().Add(time.Minute)
	for rows[string](t, url, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver")[0] != name {
		if time.Now().After(deadline) {
			t.Fatalf("the server did not archive %s", name)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// truth is what happened after the first base backup: the transactions in the
// order of the WAL, and which of them wrote a number.
type truth struct {
	timeline uint32
	endings  []wal.Ending
	wrote    map[uint32]bool
}

func newTruth(t *testing.T, a archive, h pitr.Holdings, timeline uint32, from wal.LSN, written []uint64) truth {
	t.Helper()
	all := truth{timeline: timeline, wrote: map[uint32]bool{}}
	for _, e := range a.endings(t, h, timeline) {
		if e.Start >= from {
			all.endings = append(all.endings, e)
		}
	}
	committed := map[uint32]bool{}
	for _, e := range all.endings {
		committed[e.XID] = e.Committed
	}
	for _, xid := range written {
		all.wrote[uint32(xid)] = true
		if !committed[uint32(xid)] {
			t.Fatalf("transaction %d wrote a number, but is not in the WAL", xid)
		}
	}
	return all
}

// targetsOfAKind is how often every kind of target is tried on each timeline.
const targetsOfAKind = 1

// goal is a target with the number of endings that are to be replayed.
type goal struct {
	target  pitr.Target
	endings int
}

// targets picks some of every kind behind the first base.
func (all truth) targets(seed uint64) map[string]goal {
	random := rand.New(rand.NewPCG(seed, 99))
	n := len(all.endings)
	pick := func() int { return n/10 + random.IntN(n*8/10) }
	until := func(stop func(wal.Ending) bool) int {
		if i := slices.IndexFunc(all.endings, stop); i >= 0 {
			return i
		}
		return n
	}
	goals := map[string]goal{
		"latest": {pitr.Target{Kind: pitr.AtLatest}, n},
	}
	last := all.endings[n-1]
	for _, e := range all.endings {
		if e.At.After(last.At) {
			last = e
		}
	}
	goals["the last moment"] = goal{pitr.Target{Kind: pitr.AtTime, Time: last.At}, n}
	for i := range targetsOfAKind {
		e := all.endings[pick()]
		goals[fmt.Sprintf("time %d", i)] = goal{pitr.Target{Kind: pitr.AtTime, Time: e.At}, until(func(o wal.Ending) bool { return o.At.After(e.At) })}
		e = all.endings[pick()]
		goals[fmt.Sprintf("time %d, exclusive", i)] = goal{pitr.Target{Kind: pitr.AtTime, Time: e.At, Exclusive: true}, until(func(o wal.Ending) bool { return !o.At.Before(e.At) })}
		k := pick()
		goals[fmt.Sprintf("transaction %d", i)] = goal{pitr.Target{Kind: pitr.AtXID, XID: all.endings[k].XID}, k + 1}
		k = pick()
		goals[fmt.Sprintf("position %d", i)] = goal{pitr.Target{Kind: pitr.AtLSN, LSN: all.endings[k].Start}, k + 1}
		k = pick()
		goals[fmt.Sprintf("position %d, exclusive", i)] = goal{pitr.Target{Kind: pitr.AtLSN, LSN: all.endings[k].End, Exclusive: true}, k + 1}
	}
	return goals
}

func (all truth) check(t *testing.T, pg *servers.PG, a archive, h pitr.Holdings, goals map[string]goal) {
	for name, g := range goals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := pitr.Choose(t.Context(), h, a, g.target)
			if err != nil {
				t.Fatal(err)
			}
			if plan.Timeline != all.timeline {
				t.Errorf("timeline %d", plan.Timeline)
			}
			var want []uint64
			var expected time.Time
			for _, e := range all.endings[:g.endings] {
				if e.Committed && e.At.After(expected) {
					expected = e.At
				}
				if all.wrote[e.XID] {
					want = append(want, uint64(e.XID))
				}
			}
			slices.Sort(want)
			url := recovered(t, pg, a, h, plan, "true")
			got := rows[uint64](t, url, "SELECT xid::text::bigint FROM numbers ORDER BY xid")
			if !slices.Equal(got, want) {
				t.Errorf("%s: %d transactions, want %d\nplan %+v", g.target, len(got), len(want), plan)
			}
			if plan.Expected.After(expected) || expected.Sub(plan.Expected) > time.Millisecond {
				t.Errorf("the last commit is of %s, the plan expected %s", expected, plan.Expected)
			}
		})
	}
}
