package postgres

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// lag asks the surface at a URL about its only replica; an empty one before that is there.
func lag(t *testing.T, url string) (status.Replica, error) {
	t.Helper()
	s, err := New("main", surface.Config{Kind: Kind, URL: secret.String(url)})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Observe(t.Context())
	if err != nil {
		return status.Replica{}, err
	}
	switch len(found.Replicas) {
	case 0:
		// A standby that has just connected has not said anything yet.
		return status.Replica{}, nil
	case 1:
	default:
		t.Fatalf("replicas: %+v", found.Replicas)
	}
	return found.Replicas[0], nil
}

// within waits for what servers do in their own time.
func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// TestReplicationLag holds up what a standby replays, and lets it catch up.
func TestReplicationLag(t *testing.T) {
	t.Parallel()
	primary := servers.Postgres(t, "wal_level = replica")
	standby := primary.Standby(t)
	do := func(url, sql string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	both := func() (of, itself status.Replica) {
		t.Helper()
		of, err := lag(t, primary.URL)
		if err != nil {
			t.Fatal(err)
		}
		if itself, err = lag(t, standby.URL); err != nil {
			t.Fatal(err)
		}
		return of, itself
	}
	none := func(r status.Replica) bool { return r.LagBytes == 0 && r.LagSeconds != nil && *r.LagSeconds == 0 }
	within(t, "the standby has replayed all", func() bool {
		of, itself := both()
		return none(of) && of.State == "streaming" && none(itself)
	})
	do(primary.URL, `CREATE TABLE rows AS SELECT generate_series(1, 10) AS n`)
	within(t, "the standby has the table", func() bool { of, _ := both(); return none(of) })
	do(standby.URL, `SELECT pg_wal_replay_pause()`)
	do(primary.URL, `INSERT INTO rows SELECT generate_series(1, 20000)`)
	within(t, "the standby is behind by more than a second", func() bool {
		of, itself := both()
		behind := func(r status.Replica) bool { return r.LagBytes > 1<<20 && r.LagSeconds != nil && *r.LagSeconds > 1 }
		return behind(of) && behind(itself) && itself.Name == "itself"
	})
	do(standby.URL, `SELECT pg_wal_replay_resume()`)
	within(t, "the standby has caught up", func() bool { of, itself := both(); return none(of) && none(itself) })
	do(standby.URL, `ALTER SYSTEM SET primary_conninfo = ''`)
	do(standby.URL, `SELECT pg_reload_conf()`)
	within(t, "the standby says that no WAL comes, and counts on", func() bool {
		itself, err := lag(t, standby.URL)
		return err == nil && itself.State == "no WAL comes" && itself.LagSeconds != nil && *itself.LagSeconds > 0 && itself.Itself
	})
}

// TestWhoMaySeeReplicationLag says which right is missing.
func TestWhoMaySeeReplicationLag(t *testing.T) {
	t.Parallel()
	primary := servers.Postgres(t)
	primary.Standby(t)
	conn, err := pgx.Connect(t.Context(), primary.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	if _, err := conn.Exec(t.Context(), `CREATE ROLE "back up" LOGIN PASSWORD 'x'`); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(primary.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("back up", "x")
	within(t, "the standby is there", func() bool {
		_, err := lag(t, u.String())
		return fault.Is(err, fault.Denied) && strings.Contains(err.Error(), `GRANT pg_monitor TO "back up"`)
	})
	if _, err := conn.Exec(t.Context(), `GRANT pg_monitor TO "back up"`); err != nil {
		t.Fatal(err)
	}
	if _, err := lag(t, u.String()); err != nil {
		t.Error(err)
	}
}

func TestStandbysOfOneNameAreToldApart(t *testing.T) {
	t.Parallel()
	named := map[string]int{}
	for i, want := range []string{"walreceiver", "walreceiver@10.0.0.2", "walreceiver#3"} {
		if got := unique(named, "walreceiver", "10.0.0.2"); got != want {
			t.Errorf("number %d is called %s, not %s", i, got, want)
		}
	}
}
