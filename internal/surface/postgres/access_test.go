package postgres_test

import (
	"io"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/postgres"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestUsersWithFewerRights(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	run(t, src.url(), `CREATE ROLE plain LOGIN PASSWORD 'p';
		CREATE ROLE backup LOGIN PASSWORD 'p' IN ROLE pg_read_all_data;
		CREATE TABLE open AS SELECT 1 AS i;
		CREATE TABLE filtered AS SELECT 1 AS i;
		ALTER TABLE filtered ENABLE ROW LEVEL SECURITY;
		CREATE SEQUENCE s`)
	as := func(role, password string) *postgres.Surface {
		return newSurface(t, strings.Replace(src.url(), strings.SplitAfter(src.url(), "@")[0], "postgres://"+role+":"+password+"@", 1))
	}
	if _, err := as("plain", "wrong").Probe(t.Context()); !fault.Is(err, fault.Denied) {
		t.Errorf("a wrong password: %v", err)
	} else if strings.Contains(err.Error(), "wrong") {
		t.Errorf("the password stands in the error: %v", err)
	}
	if _, err := as("plain", "p").Hold(t.Context()); !fault.Is(err, fault.Denied) {
		t.Errorf("a user who may read nothing: %v", err)
	}
	backup := as("backup", "p")
	view, err := backup.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	var denied error
	for _, part := range view.Parts() {
		if part.Role == surface.RoleData {
			_, denied = backup.Dump(t.Context(), view.Token(), part, io.Discard)
		}
	}
	if !fault.Is(denied, fault.Denied) {
		t.Errorf("rows would be left out by row-level security: %v", denied)
	}
	run(t, src.url(), "ALTER ROLE backup BYPASSRLS")
	point := surfacetest.Take(t, backup)
	restore(t, src, newTarget(t, src.PG), point)
}

func TestUnusableURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "redis://x", "host=/tmp", "postgres://u:s3cret@h:port/db", "postgres://u:s3cret@h/db?sslmode=nonsense", "postgres://u:s3cret@h/%zz", "postgres://u:s3cret@h/db?%zz"} {
		_, err := postgres.New("main", surface.Config{URL: secret.String(url)})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", url, err)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the password stands in the error: %v", err)
		}
	}
}

func TestMissingTools(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	s, err := postgres.New("main", surface.Config{URL: secret.String(src.url()), BinDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Hold(t.Context()); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "install postgresql-client-") {
		t.Errorf("no tools: %v", err)
	}
}

// Without its roles a database can't be what it was: nothing is restored half.
func TestTargetWithoutTheRoles(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	run(t, src.url(), "CREATE ROLE owner; CREATE TABLE t (i int); ALTER TABLE t OWNER TO owner")
	point := surfacetest.Take(t, src.surface)
	target := newTarget(t, servers.Postgres(t))
	if err := src.surface.Begin(t.Context(), target, point); !fault.Is(err, fault.Missing) || !strings.Contains(err.Error(), `role "owner" does not exist`) {
		t.Errorf("a target without the roles: %v", err)
	}
	target.Throwaway = true
	surfacetest.Restore(t, src.surface, target, point)
}
