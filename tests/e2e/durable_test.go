package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// started is the answer to a request for a snapshot.
type started struct{ ID, WorkflowID, RunID string }

// noiseRows makes about 8 MB of rows that hardly compress, and 4 MB on a store.
const noiseRows = 8000

// middle is how many bytes a source has sent when its dump is under way.
const middle = 4 << 20

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

// create asks for a snapshot of main.
func (s *site) create(t *testing.T) started {
	t.Helper()
	var run started
	if status := s.call(t, http.MethodPost, "/v1/admin/snapshots/create", `{"database":"main"}`, &run); status != http.StatusAccepted {
		t.Fatalf("create answers %d", status)
	}
	return run
}

// createStalled asks for a snapshot whose dump stops in the middle, behind a
// proxy of the source, until that is healed.
func (s *site) createStalled(t *testing.T, source *servers.Proxy) started {
	t.Helper()
	source.StallAfter(middle)
	run := s.create(t)
	c := s.temporal(t)
	eventually(t, time.Minute, "a dump is under way", func() bool {
		return source.Waiting() > 0 && len(pending(t, c, run, "Dump", nil)) > 0
	})
	s.nothingListed(t)
	return run
}

// nothingListed makes sure that what is in the making is in no catalog.
func (s *site) nothingListed(t *testing.T) {
	t.Helper()
	var listed []point
	s.ask(t, &listed, "snapshot", "list")
	for _, p := range listed {
		if p.State != "verified" {
			t.Errorf("the catalog has %+v", p)
		}
	}
}

// verified waits until a snapshot reads back well, and checks what must hold
// of every one: it is listed once, and nothing of ours is left on the source.
func (s *site) verified(t *testing.T, run started, source string) {
	t.Helper()
	eventually(t, 3*time.Minute, "the snapshot is verified", func() bool {
		var p struct{ State, Error string }
		if _, err := s.try(http.MethodGet, "/v1/admin/snapshots/"+run.ID, "", &p); err != nil {
			return false
		}
		if p.State == "failed" {
			t.Fatalf("the snapshot failed: %s", p.Error)
		}
		return p.State == "verified"
	})
	var listed []point
	s.ask(t, &listed, "snapshot", "list", "--surface", "main")
	if len(listed) == 0 || listed[0].ID != run.ID {
		t.Errorf("the catalog has %+v, want %s first", listed, run.ID)
	}
	if _, stderr, code := s.run(t, "snapshot", "verify", run.ID); code != 0 {
		t.Errorf("verify once more: exit %d, %s", code, stderr)
	}
	eventually(t, time.Minute, "no session is left on the source", func() bool { return sessions(t, source) == "0" })
}

// TestWorkerKilledWhileItDumps kills a worker in the middle of a dump: another
// one does that part again, and no other, from the same view.
func TestWorkerKilledWhileItDumps(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 100)
	noise(t, live, noiseRows)
	manyTables(t, live, 400)
	viaA, a := behind(t, live)
	viaB, b := behind(t, live)
	s := siteFor(t, viaA, rd.URL)
	s.start(t, "up", "--worker=false")
	c := s.temporal(t)
	s.start(t, "worker")
	run := s.createStalled(t, a)
	// The first worker has the view and two parts. Whatever the second one takes, it never reads.
	b.Stall()
	victim := s.with(t, viaA, viaB).start(t, "worker")
	eventually(t, time.Minute, "the second worker takes steps", func() bool { return polls(t, c, victim) })
	a.Heal()
	var had []string
	eventually(t, time.Minute, "the second worker dumps", func() bool {
		had = nil
		for _, one := range pending(t, c, run, "Dump", victim) {
			had = append(had, one.GetActivityId())
		}
		return len(had) > 0
	})
	victim.Kill()
	s.verified(t, run, live)
	all := s.stepsOf(t, run)
	if held := ofKind(all, "Hold"); len(held) != 1 || held[0].Attempts != 1 {
		t.Errorf("the view was held by %+v, want one", held)
	}
	for _, dump := range ofKind(all, "Dump") {
		if again := slices.Contains(had, dump.ID); again != (dump.Attempts == 2) || dump.Attempts > 2 {
			t.Errorf("dump %s was begun %d times; the killed worker had %v", dump.ID, dump.Attempts, had)
		}
	}
}

// TestHolderKilled kills the worker that holds the view and dumps: the whole
// point starts afresh, for a view can't be taken over.
func TestHolderKilled(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 100)
	noise(t, live, noiseRows)
	slow, proxy := behind(t, live)
	s := siteFor(t, slow, rd.URL)
	s.start(t, "up", "--worker=false")
	victim := s.start(t, "worker")
	run := s.createStalled(t, proxy)
	victim.Kill()
	proxy.Heal()
	s.start(t, "worker")
	s.verified(t, run, live)
	if held := ofKind(s.stepsOf(t, run), "Hold"); len(held) != 2 {
		t.Errorf("the view was held by %+v, want a second one after the first was lost", held)
	}
}

// TestEverythingKilled kills engine, API and worker in the middle of a dump.
func TestEverythingKilled(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 100)
	noise(t, live, noiseRows)
	slow, proxy := behind(t, live)
	s := siteFor(t, slow, rd.URL)
	victim := s.start(t, "up")
	run := s.createStalled(t, proxy)
	victim.Kill()
	proxy.Heal()
	s.start(t, "up")
	s.verified(t, run, live)
}

// TestEngineKilled kills the engine alone: the worker and the API server of
// other processes find it again, and what they do goes on.
func TestEngineKilled(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 100)
	noise(t, live, noiseRows)
	slow, proxy := behind(t, live)
	s := siteFor(t, slow, rd.URL)
	victim := s.start(t, "up", "--worker=false", "--api=false")
	s.start(t, "worker")
	s.start(t, "apiserver")
	run := s.createStalled(t, proxy)
	victim.Kill()
	s.start(t, "up", "--worker=false", "--api=false")
	proxy.Heal()
	s.verified(t, run, live)
}

// TestSourceRestarts restarts PostgreSQL under a dump.
func TestSourceRestarts(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 100)
	noise(t, live, noiseRows)
	slow, proxy := behind(t, live)
	s := siteFor(t, slow, rd.URL)
	s.start(t, "up")
	run := s.createStalled(t, proxy)
	pg.Restart(t)
	proxy.Heal()
	s.verified(t, run, live)
}

// TestCancelledSnapshot gives up in the middle: there is no point, and nothing
// of ours is left on the source.
func TestCancelledSnapshot(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 100)
	noise(t, live, noiseRows)
	slow, proxy := behind(t, live)
	s := siteFor(t, slow, rd.URL)
	s.start(t, "up")
	run := s.createStalled(t, proxy)
	if err := s.temporal(t).CancelWorkflow(t.Context(), run.WorkflowID, run.RunID); err != nil {
		t.Fatal(err)
	}
	proxy.Heal()
	eventually(t, time.Minute, "the run says that it was cancelled", func() bool {
		var p point
		return s.call(t, http.MethodGet, "/v1/admin/snapshots/"+run.ID, "", &p) == http.StatusOK && p.State == "cancelled"
	})
	var listed []point
	s.ask(t, &listed, "snapshot", "list")
	if len(listed) != 0 {
		t.Errorf("the catalog has %+v", listed)
	}
	eventually(t, time.Minute, "no session is left on the source", func() bool { return sessions(t, live) == "0" })
}

// manyTables adds small tables, so that they make more than one part.
func manyTables(t *testing.T, url string, n int) {
	t.Helper()
	execSQL(t, url, fmt.Sprintf(`DO $$ BEGIN FOR i IN 1..%d LOOP EXECUTE format('CREATE TABLE small_%%s (a int)', i); END LOOP; END $$`, n))
}
