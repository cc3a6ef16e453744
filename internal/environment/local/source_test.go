package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// source is a production server that archives its WAL into a plain folder.
type source struct {
	*servers.PG
	archive string
	conn    *pgx.Conn
}

func production(t *testing.T, settings ...string) *source {
	t.Helper()
	archive := filepath.Join(dataDir(t), "archive")
	s := &source{archive: archive}
	if err := os.Mkdir(archive, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(archive, 0o777); err != nil {
		t.Fatal(err)
	}
	s.PG = servers.Postgres(t, append([]string{
		"archive_mode = on", "archive_command = 'cp %p " + archive + "/%f.tmp && mv " + archive + "/%f.tmp " + archive + "/%f'",
		"max_wal_senders = 4", "wal_level = replica", "track_commit_timestamp = on",
	}, settings...)...)
	s.connect(t)
	s.exec(t, "CREATE TABLE t (n int)")
	return s
}

func (s *source) connect(t *testing.T) {
	t.Helper()
	var err error
	if s.conn, err = pgx.Connect(t.Context(), s.URL); err != nil {
		t.Fatal(err)
	}
	conn := s.conn
	t.Cleanup(func() { conn.Close(context.Background()) })
}

func (s *source) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := s.conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (s *source) ask(t *testing.T, sql string) string {
	t.Helper()
	var out string
	if err := s.conn.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// insert commits one row and returns when that was.
func (s *source) insert(t *testing.T, n int) time.Time {
	t.Helper()
	id := s.ask(t, fmt.Sprintf("INSERT INTO t VALUES (%d) RETURNING xmin::text", n))
	at, err := time.Parse(time.RFC3339Nano, s.ask(t, `SELECT to_char(pg_xact_commit_timestamp('`+id+`'::xid) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// ship closes the segment and waits until it is archived.
func (s *source) ship(t *testing.T) {
	t.Helper()
	name := s.ask(t, "SELECT pg_walfile_name(pg_switch_wal())")
	await(t, "archive "+name, func() bool {
		_, err := os.Stat(filepath.Join(s.archive, name))
		return err == nil
	})
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := poll(ctx, pollEvery, done); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// backup fills a prepared data directory.
func (s *source) backup(t *testing.T, p Prepared, args ...string) {
	t.Helper()
	run(t, p, s.Tool("pg_basebackup"), append([]string{"-d", s.URL, "-D", p.DataDir, "-c", "fast", "-X", "none", "--no-sync"}, args...)...)
}

// run runs a program as the account that is to own the data directory.
func run(t *testing.T, p Prepared, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = p.DataDir
	if p.Owner.Name != "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(p.Owner.UID), Gid: uint32(p.Owner.GID)}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

func prepare(t *testing.T, e *Environment, id string) Prepared {
	t.Helper()
	stopAtEnd(t, e, id)
	p, err := e.Prepare(t.Context(), id, Spec{Kind: "postgres", Major: 15})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *source) to(settings ...string) Recovery {
	r := Recovery{RestoreCommand: "cp '" + s.archive + "/%f' \"%p\"", Superuser: "postgres", Settings: map[string]string{}}
	for n := 0; n < len(settings); n += 2 {
		r.Settings[settings[n]] = settings[n+1]
	}
	return r
}

func recovered(t *testing.T, e *Environment, id string, r Recovery) Recovered {
	t.Helper()
	got, err := e.Recover(t.Context(), id, r, nil)
	if err != nil {
		log, _ := e.Log(id)
		t.Fatalf("%v\n%s", err, log)
	}
	return got
}
