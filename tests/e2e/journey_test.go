package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// point is what the command line and the API print of a recovery point.
type point struct {
	ID, Surface, Kind, State, URI, Store, WorkflowID, Policy string
	Bytes                                                    int64
	Parts                                                    int
}

type restoredServer struct {
	ID, URL, Point, State, Kept, SafetyPoint string
	Compared                                 int
}

const siteConfig = `listen: %LISTEN%
dataDir: %DATA%
encryption: {identity: IDENTITY}
stores:
  primary: {kind: local, dir: %STORE%}
  second:  {kind: local, dir: %STORE%-second}
surfaces:
  main:  {kind: postgres, url: "POSTGRES"}
  redis: {kind: redis, url: "REDIS"}
policies:
  main-daily:  {surface: main, kind: snapshot, cron: "0 2 * * *", store: primary, copies: [second], keep: {last: 2}}
  redis-daily: {surface: redis, kind: snapshot, cron: "30 2 * * *", store: primary}
`

func siteFor(t *testing.T, postgres, redis string) *site {
	t.Helper()
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return newSite(t, strings.NewReplacer("IDENTITY", identity.Reveal(), "POSTGRES", postgres, "REDIS", redis).Replace(siteConfig))
}

// TestMainJob is the whole job on one site: snapshot, list, verify, restore
// into an isolated server, restore in place; by command line and by REST.
func TestMainJob(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 20000)
	s := siteFor(t, live, rd.URL)
	s.start(t, "up")

	var made point
	s.ask(t, &made, "snapshot", "create", "main", "--wait")
	if made.State != "verified" || made.Surface != "main" || made.Kind != "snapshot" || made.URI != "/points/main/"+made.ID {
		t.Fatalf("created %+v", made)
	}
	if _, err := os.Stat(filepath.Join(s.storeDir, made.URI, "manifest.json")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(s.storeDir+"-second", made.URI, "manifest.json")); err != nil {
		t.Errorf("the copy: %v", err)
	}
	var listed []point
	s.ask(t, &listed, "snapshot", "list")
	if len(listed) != 1 || listed[0].ID != made.ID {
		t.Fatalf("listed %+v", listed)
	}
	var got point
	if status := s.call(t, http.MethodGet, "/v1/admin/snapshots/"+made.ID, "", &got); status != http.StatusOK || got.State != "verified" {
		t.Errorf("GET says %d %+v", status, got)
	}

	var copyOf restoredServer
	s.ask(t, &copyOf, "snapshot", "restore", made.ID)
	for _, query := range []string{
		`SELECT count(*) || ' ' || sum(length(note)) FROM orders`, `SELECT sum(price) FROM lines`,
		`SELECT last_value || ' ' || is_called FROM tickets`, `SELECT count(*) FROM pg_constraint WHERE contype = 'f'`,
	} {
		if a, b := text(t, live, query), text(t, copyOf.URL, query); a != b {
			t.Errorf("%s: source %s, restored %s", query, a, b)
		}
	}
	s.restoreInPlace(t, live, made)
	if n := sessions(t, live); n != "0" {
		t.Errorf("%s sessions are left on the source", n)
	}
}

// restoreInPlace changes the live database, restores it by its URI, and finds it as it was.
func (s *site) restoreInPlace(t *testing.T, live string, p point) {
	t.Helper()
	execSQL(t, live, `DROP TABLE lines`, `DELETE FROM orders WHERE id > 10`)
	if _, stderr, code := s.run(t, "snapshot", "restore", p.URI, "--in-place"); code != 2 || !strings.Contains(stderr, "--confirm main") {
		t.Errorf("without --confirm: exit %d, %q", code, stderr)
	}
	var back restoredServer
	s.ask(t, &back, "snapshot", "restore", p.URI, "--in-place", "--confirm", "main")
	if n := text(t, live, `SELECT count(*) FROM orders`); n != "20000" {
		t.Errorf("%s orders after the restore in place", n)
	}
	if n := text(t, live, `SELECT count(*) FROM lines`); n != "40000" {
		t.Errorf("%s lines after the restore in place", n)
	}
	if back.SafetyPoint == "" || back.Kept == "" {
		t.Errorf("nothing is said of what was replaced: %+v", back)
	}
	var listed []point
	s.ask(t, &listed, "snapshot", "list", "--surface", "main")
	if len(listed) != 2 || listed[0].ID != back.SafetyPoint {
		t.Errorf("the safety copy is not listed first: %+v", listed)
	}
}

// TestRESTCreateIsIdempotent asks twice with one key, and gets one snapshot.
func TestRESTCreateIsIdempotent(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	s := siteFor(t, shop(t, pg, 100), rd.URL)
	s.start(t, "up")
	var first, second struct{ ID, WorkflowID string }
	for _, into := range []any{&first, &second} {
		status := s.call(t, http.MethodPost, "/v1/admin/snapshots/create", `{"database":"main"}`, into, "Idempotency-Key", "k-1")
		if status != http.StatusAccepted {
			t.Fatalf("status %d", status)
		}
	}
	if first.ID == "" || first != second {
		t.Errorf("first %+v, second %+v", first, second)
	}
	if status := s.call(t, http.MethodPost, "/v1/admin/snapshots/create", `{"database":"redis"}`, nil, "Idempotency-Key", "k-1"); status != http.StatusUnprocessableEntity {
		t.Errorf("another request with the same key: %d", status)
	}
	eventually(t, time.Minute, "the snapshot is verified", func() bool {
		var p point
		status := s.call(t, http.MethodGet, "/v1/admin/snapshots/"+first.ID, "", &p)
		if status != http.StatusOK {
			t.Fatalf("GET the snapshot: %d", status)
		}
		return p.State == "verified"
	})
	var listed []point
	s.ask(t, &listed, "snapshot", "list")
	if len(listed) != 1 {
		t.Errorf("%d points", len(listed))
	}
}
