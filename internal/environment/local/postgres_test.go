package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestPostgresLoadsFastAndEndsDurable(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	s := start(t, e, "pg-1", Spec{Kind: "postgres", Major: 15, Surface: "main", Point: "p1"})
	if !s.Running() || s.Durable || s.Major < 15 || s.Surface != "main" || s.Point != "p1" {
		t.Errorf("a started server is %+v", s)
	}
	for setting, want := range map[string]string{
		"fsync": "off", "wal_level": "minimal", "autovacuum": "off", "full_page_writes": "off",
		"listen_addresses": "127.0.0.1", "server_encoding": "UTF8", "lc_collate": "C.UTF-8",
	} {
		if got := query(t, s, "SHOW "+setting); got != want {
			t.Errorf("while loading, %s is %s, not %s", setting, got, want)
		}
	}
	query(t, s, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n; SELECT 1")

	durable, err := e.MakeDurable(t.Context(), "pg-1")
	if err != nil {
		t.Fatal(err)
	}
	if durable.URL != s.URL || !durable.Durable || !durable.Running() {
		t.Errorf("made durable, %+v became %+v", s, durable)
	}
	for setting, want := range map[string]string{
		"fsync": "on", "wal_level": "replica", "autovacuum": "on", "full_page_writes": "on",
		"synchronous_commit": "on", "listen_addresses": "127.0.0.1",
	} {
		if got := query(t, durable, "SHOW "+setting); got != want {
			t.Errorf("made durable, %s is %s, not %s", setting, got, want)
		}
	}
	if got := query(t, durable, "SELECT count(*) FROM t"); got != "1000" {
		t.Errorf("%s rows are left of 1000", got)
	}
	again, err := e.MakeDurable(t.Context(), "pg-1")
	if err != nil || again.PID != durable.PID {
		t.Errorf("made durable twice, the server was started anew: %v", err)
	}
	if err := e.Stop(t.Context(), "pg-1"); err != nil {
		t.Fatal(err)
	}
	requireGone(t, s)
}

func TestPostgresIsIsolated(t *testing.T) {
	t.Parallel()
	t.Run("secrets", func(t *testing.T) {
		e := New(dataDir(t))
		s := start(t, e, "pg", Spec{Kind: "postgres"})
		query(t, s, "CREATE ROLE app LOGIN SUPERUSER PASSWORD 'known'; SELECT 1")
		for _, login := range []string{"app:known", "lifeboat:wrong", "lifeboat:"} {
			url := strings.Replace(s.URL.Reveal(), "lifeboat:"+password(t, s), login, 1)
			_, err := pgx.Connect(t.Context(), url)
			if _, refused := errors.AsType[*pgconn.PgError](err); !refused {
				t.Errorf("%s was not refused: %v", login, err)
			}
		}
		for path, want := range map[string]os.FileMode{recordName: 0o600, "server.log": 0o600, "data": 0o700, "run": 0o700} {
			info, err := os.Stat(filepath.Join(s.Dir, path))
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("%s has mode %o, not %o", path, got, want)
			}
		}
		if _, err := os.Stat(filepath.Join(s.Dir, "password")); !os.IsNotExist(err) {
			t.Error("the file that initdb took the password from is still there")
		}
	})
}

func TestPostgresTakesOnlyAFittingVersion(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	stopAtEnd(t, e, "pg")
	_, err := e.Start(t.Context(), "pg", Spec{Kind: "postgres", Major: 99})
	if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "PostgreSQL 99") {
		t.Errorf("start PostgreSQL 99: %v", err)
	}
	_, err = e.Start(t.Context(), "pg", Spec{Kind: "postgres", Major: 15, BinDir: t.TempDir()})
	if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "binDir") {
		t.Errorf("start PostgreSQL of an empty folder: %v", err)
	}
	if servers, err := e.List(); err != nil || len(servers) != 0 {
		t.Errorf("what failed to start is listed: %v, %v", servers, err)
	}
}

func TestVersionsAreChosen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := func(name, prints string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+prints+"'\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	paths := []string{
		filepath.Join(dir, "absent"), program("broken", "no version"),
		program("14", "postgres (PostgreSQL) 14.20"), program("17", "postgres (PostgreSQL) 17.2 (Debian 17.2-1)"),
		program("16", "postgres (PostgreSQL) 16beta1"), program("18", "postgres (PostgreSQL) 18.0"),
	}
	for wanted, want := range map[int]string{0: "18.0", 14: "14.20", 15: "16beta1", 16: "16beta1", 17: "17.2"} {
		got, err := choose(t.Context(), "PostgreSQL", wanted, paths)
		if err != nil || got.version != want {
			t.Errorf("for version %d, %q was chosen, not %s: %v", wanted, got.version, want, err)
		}
	}
	valkey, ok := lookUp(t.Context(), program("valkey", "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"))
	if !ok || valkey.version != "8.0.1" || valkey.major != 8 {
		t.Errorf("Valkey's version was read as %+v", valkey)
	}
}
