package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const (
	// seedVariable repeats a run of TestAnyMoment with the same decisions.
	seedVariable = "PITR_SEED"
	// troubleFor bounds how long new trouble begins.
	troubleFor = 40 * time.Second
)

// aim is a target and the ledger that it must bring back.
type aim struct {
	what, at string
	want     map[entry]bool
}

// TestAnyMoment lets several clients write numbered transactions while workers
// and the server are killed and the store refuses, and then goes back to random
// moments: exactly the transactions that were committed by then are there.
func TestAnyMoment(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if given := os.Getenv(seedVariable); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d repeats this", seedVariable, seed)
	r := rand.New(rand.NewPCG(seed, 0))

	pg := servers.Postgres(t, "wal_keep_size = 4GB", "track_commit_timestamp = on")
	live := shop(t, pg, 10)
	s, link := onBucket(t, live)
	s.start(t, "up", "--worker=false")
	workers := []*servers.Process{s.worker(t), s.start(t, "worker")}
	s.streams(t, "main")
	begin := position(t, text(t, live, `SELECT pg_current_wal_flush_lsn()`))
	l := keepLedger(t, live, 4)
	s.baseBackup(t)
	l.more(t, 20)

	named := s.trouble(t, r, pg, live, link, workers, l)
	all := l.settle(t, live)
	s.shipped(t, "main", live)
	order := endings(t, pg, live, begin)
	l.agrees(t, order)
	for _, a := range s.aims(t, r, pg, l, order, named) {
		restored := s.back(t, a.at)
		same(t, fmt.Sprintf("%s %s (seed %d)", a.what, a.at, seed), entries(t, restored.URL), a.want)
		s.dropServer(t, restored)
	}
	s.sameLatest(t, live, all)
	s.healthy(t)
}

// trouble does every bad thing in a random order, and returns the positions of restore points.
func (s *site) trouble(t *testing.T, r *rand.Rand, pg *servers.PG, live string, link *servers.Proxy, workers []*servers.Process, l *ledger) map[string]wal.LSN {
	t.Helper()
	named := map[string]wal.LSN{}
	kill := func() {
		i := r.IntN(len(workers))
		workers[i].Kill()
		workers[i] = s.start(t, "worker")
	}
	restart := func() {
		crash(t, pg)
		pg.Restart(t)
	}
	troubles := []struct {
		name string
		do   func()
	}{
		{"kill a worker", kill}, {"kill a worker", kill},
		{"kill the server", restart}, {"kill the server", restart},
		{"the store refuses", func() {
			link.Refuse()
			l.more(t, 100+r.IntN(100))
			link.Heal()
		}},
		{"a segment ends", func() { execSQL(t, live, `SELECT pg_switch_wal()`) }},
		{"a base backup", func() {
			if status := s.call(t, http.MethodPost, "/v1/admin/snapshots/create", `{"database":"main","kind":"base"}`, nil); status != http.StatusAccepted {
				t.Errorf("a base backup: status %d", status)
			}
		}},
		{"a restore point", func() {
			name := fmt.Sprintf("point %d", r.IntN(1000))
			named[name] = position(t, text(t, live, `SELECT pg_create_restore_point('`+name+`')`))
		}},
	}
	r.Shuffle(len(troubles), func(i, j int) { troubles[i], troubles[j] = troubles[j], troubles[i] })
	until := time.Now().Add(troubleFor)
	for _, one := range troubles {
		if time.Now().After(until) {
			t.Logf("no time for: %s", one.name)
			continue
		}
		t.Log(one.name)
		one.do()
		l.more(t, 20+r.IntN(100))
	}
	return named
}

// agrees makes sure that the clients and PostgreSQL's reader of the WAL tell the same story.
func (l *ledger) agrees(t *testing.T, order []ending) {
	t.Helper()
	starts := map[entry]wal.LSN{}
	for _, e := range order {
		starts[e.entry] = e.start
	}
	for _, a := range l.acked {
		if start, ok := starts[a.entry]; !ok || start >= a.at {
			t.Fatalf("entry %v was acknowledged at %s, and the WAL has its commit at %s", a.entry, a.at, start)
		}
	}
}

// aims chooses targets of every kind, all of them after the first base backup.
func (s *site) aims(t *testing.T, r *rand.Rand, pg *servers.PG, l *ledger, order []ending, named map[string]wal.LSN) []aim {
	t.Helper()
	earliest := s.window(t).Earliest
	var some []ending
	for _, e := range order {
		if e.entry != (entry{}) && e.at.After(earliest) {
			some = append(some, e)
		}
	}
	if len(some) < 50 {
		t.Fatalf("only %d transactions came after the base backup", len(some))
	}
	// The last one is left out: no later transaction would be known not to belong.
	pick := func() ending { return some[r.IntN(len(some)-1)] }
	exact, chosen, record := pick(), pick(), pick()
	between := earliest.Add(time.Duration(r.Int64N(int64(some[len(some)-1].at.Sub(earliest))))).Truncate(time.Microsecond)
	byTime := func(what string, at time.Time) aim {
		return aim{what, at.Format("2006-01-02T15:04:05.000000Z"), until(order, func(e ending) bool { return e.at.After(at) })}
	}
	byLSN := func(what string, at wal.LSN) aim {
		last := recordFrom(t, pg, at)
		return aim{what, at.String(), until(order, func(e ending) bool { return e.start > last })}
	}
	reached := false
	aims := []aim{
		byTime("the time of a commit", exact.at), byTime("a time", between), byLSN("the position of a commit", record.start),
		{"a transaction", strconv.Itoa(int(chosen.xid)), until(order, func(e ending) bool {
			past := reached
			reached = reached || e.xid == chosen.xid && e.committed
			return past
		})},
	}
	var after []ack
	for _, a := range l.acked {
		if a.at > some[0].start && a.at < some[len(some)-1].start {
			after = append(after, a)
		}
	}
	aims = append(aims, byLSN("a position that a client saw", after[r.IntN(len(after))].at))
	for name, at := range named {
		aims = append(aims, aim{"a restore point", name, until(order, func(e ending) bool { return e.start >= at })})
	}
	return aims
}
