package walspool

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// passable is a folder that the server's account gets to.
func passable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// program is a lifeboat that knows `wal fetch` alone, which any account may run.
func program(t *testing.T) string {
	t.Helper()
	dir := passable(t)
	text, err := os.ReadFile(mustExecutable(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "test"), text, 0o755); err != nil {
		t.Fatal(err)
	}
	lifeboat := filepath.Join(dir, "life boat")
	if err := os.WriteFile(lifeboat, []byte("#!/bin/sh\n"+playFetch+"=1m exec "+dir+"/test \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return lifeboat
}

func TestPostgresRecoversThroughASpool(t *testing.T) {
	t.Parallel()
	archive := filepath.Join(passable(t), "archive")
	if err := os.Mkdir(archive, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(archive, 0o777); err != nil {
		t.Fatal(err)
	}
	pg := servers.Postgres(t, "archive_mode = on", "wal_level = replica", "max_wal_senders = 4",
		"archive_command = 'cp %p "+archive+"/%f.tmp && mv "+archive+"/%f.tmp "+archive+"/%f'")
	conn, err := pgx.Connect(t.Context(), pg.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	ask := func(sql string) (out string) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), sql).Scan(&out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	e := local.New(filepath.Join(passable(t), `o'dd % "data"`))
	p, err := e.Prepare(t.Context(), "pg", local.Spec{Kind: "postgres", Major: 15})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(context.Background(), "pg"); err != nil {
			t.Error(err)
		}
	})
	backup := exec.Command(pg.Tool("pg_basebackup"), "-d", pg.URL, "-D", p.DataDir, "-c", "fast", "-X", "none", "--no-sync")
	if p.Owner.Name != "" {
		backup.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(p.Owner.UID), Gid: uint32(p.Owner.GID)}}
	}
	backup.Dir = p.DataDir
	if out, err := backup.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ask("WITH x AS (SELECT 1) SELECT pg_create_restore_point('before')::text FROM x")
	if _, err := conn.Exec(t.Context(), "CREATE TABLE t AS SELECT n, repeat('x', 500) FROM generate_series(1, 200000) AS n"); err != nil {
		t.Fatal(err)
	}
	name := ask("SELECT pg_walfile_name(pg_switch_wal())")
	await(t, "archive "+name, func() bool { return exists(filepath.Join(archive, name)) })

	fetched := 0
	fetch := func(_ context.Context, name string, w io.Writer) error {
		f, err := os.Open(filepath.Join(archive, name))
		if os.IsNotExist(err) {
			return fault.New(fault.Missing, "there is no %s", name)
		}
		if err != nil {
			return err
		}
		defer f.Close()
		fetched++
		_, err = io.Copy(w, f)
		return err
	}
	prefetcher := Prefetcher{Dir: p.Spool, Fetch: fetch, Parallel: 1, Ahead: 3}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	run := func(ctx context.Context) {
		ended <- prefetcher.Run(ctx, wal.Segment{Timeline: 1, Number: 2}, wal.Segment{})
	}
	go run(ctx)
	// The prefetcher dies in the middle, and another one goes on.
	died := false
	got, err := e.Recover(t.Context(), "pg", local.Recovery{RestoreCommand: Command(program(t), p.Spool), Superuser: "postgres"}, func(state local.RecoveryState) {
		if state.Segment != "" && !died {
			died = true
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			go run(t.Context())
		}
	})
	if err != nil {
		log, _ := e.Log("pg")
		t.Fatalf("%v\n%s", err, log)
	}
	restored, err := pgx.Connect(t.Context(), got.Server.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close(context.Background())
	var rows int
	if err := restored.QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&rows); err != nil || rows != 200000 {
		t.Errorf("%d rows: %v", rows, err)
	}
	if !died || fetched < 6 || got.Bytes < 80<<20 || time.Since(got.LastCommit) > time.Hour {
		t.Errorf("%d segments were fetched, the prefetcher died: %v; %+v", fetched, died, got)
	}
}
