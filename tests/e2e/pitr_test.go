package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const pitrConfig = `listen: %LISTEN%
dataDir: %DATA%
encryption: {identity: IDENTITY}
stores:
  primary: {kind: local, dir: %STORE%}
surfaces:
  main:  {kind: postgres, url: "POSTGRES"}
policies:
  main-base: {surface: main, kind: base, cron: "0 1 * * *", store: primary, keep: {days: 7}}
  main-wal:  {surface: main, kind: wal, store: primary, interval: 500ms, marker: true}
`

// window is what pitr status and GET /v1/pitr/SURFACE print.
type window struct {
	Surface, Store, ServerProblem string
	Earliest, Latest              time.Time
	LatestLSN                     string
	Bases, Segments               int
	Gaps                          []struct{ From, To string }
	Alarms                        []string
	Lag                           *struct {
		Bytes, HeldBack int64
		Slot            string
		Active          bool
	}
}

type recoveredServer struct {
	ID, URL, Point, State, Asked, Dir, WorkflowID string
	Reached                                       struct {
		LSN         string
		Time        time.Time
		Timeline    int
		Marker      time.Time
		LossSeconds *float64
	}
	Checks []struct{ Name, Result string }
}

// pitrSite is a site that ships the WAL of a PostgreSQL server.
func pitrSite(t *testing.T, postgres string) *site {
	t.Helper()
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return newSite(t, strings.NewReplacer("IDENTITY", identity.Reveal(), "POSTGRES", postgres).Replace(pitrConfig))
}

// ship adds to a site's configuration a policy that ships the WAL of main.
func (s *site) ship(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(s.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("  main-wal:  {surface: main, kind: wal, store: primary, interval: 500ms}\n"); err != nil {
		t.Fatal(err)
	}
}

// streams waits until WAL is shipped: only what is written from then on can be recovered.
func (s *site) streams(t *testing.T, surface string) {
	t.Helper()
	eventually(t, time.Minute, "the WAL is streamed", func() bool {
		var w window
		stdout, _, code := s.run(t, "pitr", "status", surface, "-o", "json")
		return code == 0 && json.Unmarshal([]byte(stdout), &w) == nil && w.Lag != nil && w.Lag.Active
	})
}

// shipped waits until everything that a server has written is on the store.
func (s *site) shipped(t *testing.T, surface, live string) {
	t.Helper()
	at := text(t, live, `SELECT pg_current_wal_flush_lsn()`)
	eventually(t, time.Minute, "the WAL up to "+at+" is stored", func() bool {
		var w window
		s.ask(t, &w, "pitr", "status", surface)
		return text(t, live, fmt.Sprintf(`SELECT '%s'::pg_lsn >= '%s'::pg_lsn`, w.LatestLSN, at)) == "true"
	})
}

// TestPointInTimeRecovery is an accident: a table is dropped at a known second,
// and comes back as it was the second before.
func TestPointInTimeRecovery(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	live := shop(t, pg, 5000)
	s := pitrSite(t, live)
	s.start(t, "up")
	s.streams(t, "main")
	var base point
	s.ask(t, &base, "snapshot", "create", "main", "--kind", "base", "--wait")
	if base.Kind != "base" || base.State != "verified" {
		t.Fatalf("the base backup: %+v", base)
	}

	execSQL(t, live, `DELETE FROM lines WHERE order_id % 7 = 0`)
	want := text(t, live, `SELECT count(*) FROM lines`)
	before := text(t, live, `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`)
	execSQL(t, live, `SELECT pg_create_restore_point('before the accident')`, `DROP TABLE lines`)
	after := text(t, live, `SELECT count(*) FROM orders`)
	s.shipped(t, "main", live)

	var w window
	if status := s.call(t, http.MethodGet, "/v1/pitr/main", "", &w); status != http.StatusOK || w.Bases != 1 || len(w.Gaps) != 0 || len(w.Alarms) != 0 {
		t.Errorf("GET the window: %d %+v", status, w)
	}
	for _, at := range []string{before, "before the accident"} {
		var back recoveredServer
		s.ask(t, &back, "pitr", "restore", "main", "--at", at)
		if back.State != "restored" || back.Asked != at || back.Point != base.ID || back.Reached.LSN == "" {
			t.Fatalf("restored to %s: %+v", at, back)
		}
		if got := text(t, back.URL, `SELECT count(*) FROM lines`); got != want {
			t.Errorf("at %s there are %s lines, want %s", at, got, want)
		}
		if len(back.Checks) < 3 || back.Reached.Marker.IsZero() {
			t.Errorf("checked %+v, marker %v", back.Checks, back.Reached.Marker)
		}
	}
	var latest recoveredServer
	s.ask(t, &latest, "pitr", "restore", "main", "--at", "latest")
	if got := text(t, latest.URL, `SELECT to_regclass('lines') IS NULL AND count(*) = `+after+` FROM orders`); got != "true" {
		t.Error("the latest state is not that of the source")
	}
	place, port := filepath.Join(s.dir, "placed", "here"), servers.FreePort(t)
	var placed recoveredServer
	s.ask(t, &placed, "pitr", "restore", "main", "--at", "latest", "--dir", place, "--port", strconv.Itoa(port))
	if placed.Dir != place || !strings.Contains(placed.URL, fmt.Sprintf("127.0.0.1:%d/", port)) {
		t.Errorf("placed at %s, %s", placed.Dir, placed.URL)
	}
	if _, err := os.Stat(filepath.Join(place, "PG_VERSION")); err != nil {
		t.Error(err)
	}
	if _, stderr, code := s.run(t, "pitr", "restore", "main", "--at", "latest", "--dir", place); code != 1 || !strings.Contains(stderr, "is not empty") {
		t.Errorf("into a folder that is taken: exit %d, %q", code, stderr)
	}
	for at, reason := range map[string]string{
		"2001-01-01T00:00:00Z": "earliest", "2101-01-01T00:00:00Z": "latest", "no such name": "no such name", "FF/0": "latest", "yesterday": "yesterday",
	} {
		stdout, stderr, code := s.run(t, "pitr", "restore", "main", "--at", at)
		if code == 0 || strings.Count(stderr, "\n") != 1 {
			t.Errorf("to %s: exit %d, %q %q (want %s)", at, code, stdout, stderr, reason)
		}
	}
}

// TestRecoveryByREST recovers by the API into a server whose URL works at once.
func TestRecoveryByREST(t *testing.T) {
	t.Parallel()
	live := shop(t, servers.Postgres(t), 100)
	s := pitrSite(t, live)
	s.start(t, "up")
	s.streams(t, "main")
	if status := s.call(t, http.MethodPost, "/v1/admin/snapshots/create", `{"database":"main","kind":"base"}`, nil); status != http.StatusAccepted {
		t.Fatalf("status %d", status)
	}
	eventually(t, time.Minute, "the base backup stands", func() bool {
		var w window
		return s.call(t, http.MethodGet, "/v1/pitr/main", "", &w) == http.StatusOK && w.Bases == 1
	})
	execSQL(t, live, `INSERT INTO orders (id, note) VALUES (-1, 'the last one')`)
	s.shipped(t, "main", live)
	var run started
	if status := s.call(t, http.MethodPost, "/v1/pitr/main/restore", `{"at":"latest"}`, &run); status != http.StatusAccepted {
		t.Fatalf("status %d", status)
	}
	var got struct {
		State, URL, Error string
		Result            recoveredServer
	}
	eventually(t, 2*time.Minute, "the recovery is done", func() bool {
		s.call(t, http.MethodGet, "/v1/admin/recoveries/"+run.ID, "", &got)
		return got.State != "running" && got.State != ""
	})
	if got.State != "done" {
		t.Fatalf("the recovery: %+v", got)
	}
	if n := text(t, got.URL, `SELECT count(*) FROM orders WHERE note = 'the last one'`); n != "1" {
		t.Errorf("%s of the last order", n)
	}
	for body, want := range map[string]int{`{"at":"never"}`: http.StatusAccepted, `{"at":""}`: http.StatusBadRequest, `{"at":"latest","store":"x"}`: http.StatusNotFound} {
		if status := s.call(t, http.MethodPost, "/v1/pitr/main/restore", body, nil); status != want {
			t.Errorf("%s: status %d, want %d", body, status, want)
		}
	}
	if status := s.call(t, http.MethodGet, "/v1/pitr/other", "", nil); status != http.StatusNotFound {
		t.Errorf("an unknown surface: %d", status)
	}
}
