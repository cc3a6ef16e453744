package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// behind returns a database URL whose connections go through a proxy.
func behind(t *testing.T, address string) (string, *servers.Proxy) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := servers.NewProxy(t, u.Host)
	u.Host = p.Address
	return u.String(), p
}

// create asks for a snapshot of main and returns its ID.
func (s *site) create(t *testing.T) string {
	t.Helper()
	var started struct{ ID string }
	if status := s.call(t, http.MethodPost, "/v1/admin/snapshots/create", `{"database":"main"}`, &started); status != http.StatusAccepted {
		t.Fatalf("create answers %d", status)
	}
	return started.ID
}

// verified waits until a snapshot reads back well, and checks what must hold of every one.
func (s *site) verified(t *testing.T, id string, pg *servers.PG) {
	t.Helper()
	eventually(t, 3*time.Minute, "the snapshot is verified", func() bool {
		var p struct{ State, Error string }
		if _, err := s.try(http.MethodGet, "/v1/admin/snapshots/"+id, "", &p); err != nil {
			return false
		}
		if p.State == "failed" {
			t.Fatalf("the snapshot failed: %s", p.Error)
		}
		return p.State == "verified"
	})
	var listed []point
	s.ask(t, &listed, "snapshot", "list")
	if len(listed) != 1 || listed[0].ID != id {
		t.Errorf("the catalog has %+v", listed)
	}
	s.run(t, "snapshot", "verify", id)
	eventually(t, time.Minute, "no session is left on the source", func() bool { return openTransactions(t, pg) == "0" })
}

// dumping waits until the source serves a dump that moves rows.
func dumping(t *testing.T, pg *servers.PG) {
	t.Helper()
	eventually(t, time.Minute, "rows are dumped", func() bool {
		return text(t, pg.URL, `SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'lifeboat%' AND query ILIKE 'copy%'`) != "0"
	})
}

const durableRows = 60000

// TestWorkerKilledWhileItDumps kills a worker whose dump hangs: another one
// does that part again, and no other.
func TestWorkerKilledWhileItDumps(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, durableRows)
	s := siteFor(t, live, rd.URL)
	s.start(t, "up", "--worker=false")
	s.start(t, "worker")
	slow, proxy := behind(t, live)
	hanging := s.with(t, "POSTGRES", live, slow)
	proxy.Stall()
	victim := hanging.start(t, "worker")
	id := s.create(t)
	eventually(t, time.Minute, "both workers have a part", func() bool {
		return s.runningSteps(t, id, "Dump") > 0 && proxy.Connections() > 0
	})
	victim.Kill()
	s.verified(t, id, pg)
}

// TestHolderKilled kills the only worker while it holds the view and dumps.
func TestHolderKilled(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, durableRows)
	slow, proxy := behind(t, live)
	s := siteFor(t, slow, rd.URL)
	s.start(t, "up", "--worker=false")
	victim := s.start(t, "worker")
	proxy.CutAfter(4 << 20)
	id := s.create(t)
	eventually(t, time.Minute, "the dump is under way", proxy.Cut)
	victim.Kill()
	proxy.Heal()
	s.start(t, "worker")
	s.verified(t, id, pg)
}

// TestEngineKilled kills everything at once in the middle of a dump.
func TestEngineKilled(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, durableRows)
	slow, proxy := behind(t, live)
	s := siteFor(t, slow, rd.URL)
	victim := s.start(t, "up")
	id := s.create(t)
	proxy.Stall()
	victim.Kill()
	proxy.Heal()
	s.start(t, "up")
	s.verified(t, id, pg)
}

// TestSourceRestarts restarts PostgreSQL under a dump.
func TestSourceRestarts(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, durableRows)
	slow, proxy := behind(t, live)
	s := siteFor(t, slow, rd.URL)
	s.start(t, "up")
	id := s.create(t)
	dumping(t, pg)
	proxy.Stall()
	pg.Restart(t)
	proxy.Heal()
	s.verified(t, id, pg)
}

// TestAPIKilledBetweenRequestAndAnswer kills the API server at many moments
// after a request; the same request again never makes a second snapshot.
func TestAPIKilledBetweenRequestAndAnswer(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	s := siteFor(t, shop(t, pg, 100), rd.URL)
	s.start(t, "up", "--api=false")
	const tries = 6
	ids := map[string]bool{}
	for n := range tries {
		api := s.start(t, "apiserver")
		key := fmt.Sprintf("try-%d", n)
		var asked sync.WaitGroup
		asked.Go(func() {
			// Whether this one is answered is what the test leaves to chance.
			_, _ = s.try(http.MethodPost, "/v1/admin/snapshots/create", `{"database":"main"}`, nil, "Idempotency-Key", key)
		})
		time.Sleep(time.Duration(n) * 4 * time.Millisecond)
		api.Kill()
		asked.Wait()
		again := s.start(t, "apiserver")
		var started struct{ ID string }
		if status := s.call(t, http.MethodPost, "/v1/admin/snapshots/create", `{"database":"main"}`, &started, "Idempotency-Key", key); status != http.StatusAccepted {
			t.Fatalf("the repeated request: %d", status)
		}
		ids[started.ID] = true
		again.Stop()
	}
	s.start(t, "apiserver")
	eventually(t, 2*time.Minute, "all snapshots are verified", func() bool {
		var listed []point
		s.ask(t, &listed, "snapshot", "list")
		done := 0
		for _, p := range listed {
			if !ids[p.ID] {
				t.Fatalf("%s was never told to anybody", p.ID)
			}
			if p.State == "verified" {
				done++
			}
		}
		return done == tries && len(ids) == tries
	})
}

// with is the same site for another process, with one text of the configuration replaced.
func (s *site) with(t *testing.T, name, old, replacement string) *site {
	t.Helper()
	other := *s
	other.config = s.config + "." + strings.ToLower(name)
	rewrite(t, s.config, other.config, old, replacement)
	other.env = append(cleanEnv(), "LIFEBOAT_CONFIG="+other.config, "LIFEBOAT_ADMIN_KEY="+adminKey)
	return &other
}

// runningSteps counts the steps of a kind that are under way for a point.
func (s *site) runningSteps(t *testing.T, id, kind string) int {
	t.Helper()
	c := s.temporal(t)
	found, err := c.DescribeWorkflowExecution(context.Background(), "snapshot/main/"+id, "")
	if err != nil {
		return 0
	}
	n := 0
	for _, step := range found.GetPendingActivities() {
		if step.GetActivityType().GetName() == kind && step.GetLastStartedTime() != nil {
			n++
		}
	}
	return n
}
