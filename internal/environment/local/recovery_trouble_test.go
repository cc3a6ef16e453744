package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// held makes a restore command wait before it gives a file, until the test lets it.
func (s *source) held(name, gate string) Recovery {
	r := s.to()
	r.RestoreCommand = fmt.Sprintf("while [ %%f = %s ] && [ ! -e %s ]; do sleep 0.05; done; %s", name, gate, r.RestoreCommand)
	return r
}

func TestARecoveryOutlivesWorkersAndServers(t *testing.T) {
	t.Parallel()
	s := production(t)
	dir := dataDir(t)
	e := New(dir)
	p := prepare(t, e, "pg")
	s.backup(t, p)
	s.insert(t, 1)
	s.ship(t)
	// The server reads ahead: what is at the end of the segment before may wait, too.
	s.exec(t, "CREATE TABLE filler AS SELECT generate_series(1, 50000) AS n")
	s.ship(t)
	last := s.insert(t, 2)
	held := s.ask(t, "SELECT pg_walfile_name(pg_current_wal_lsn())")
	s.ship(t)
	gate := filepath.Join(dataDir(t), "open")
	r := s.held(held, gate)

	// The worker goes away in the middle, and the server does not.
	recoverUntilHeld := func(before int) int {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		pid := 0
		_, err := New(dir).Recover(ctx, "pg", r, func(state RecoveryState) {
			server, err := e.Get("pg")
			if err == nil && state.Consistent && state.Replayed != 0 && !state.LastCommit.IsZero() && server.PID != 0 {
				pid = server.PID
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || pid == 0 {
			log, _ := e.Log("pg")
			t.Fatalf("the recovery was to be held up by a missing segment: %v\n%s", err, log)
		}
		if before != 0 && pid != before {
			t.Errorf("a second server %d was started beside %d", pid, before)
		}
		return pid
	}
	pid := recoverUntilHeld(0)
	recoverUntilHeld(pid)
	other := s.to("recovery_target_time", "2026-01-01 00:00:00+00")
	if _, err := e.Recover(t.Context(), "pg", other, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("another target for a recovery that runs: %v", err)
	}
	// Then the server itself is killed, whose backends and restore command stay behind.
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "end of the server", func() bool { return !worksIn(pid, p.Dir) })
	if again := recoverUntilHeld(0); again == pid {
		t.Error("the server was not started anew")
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got := recovered(t, e, "pg", r)
	if rows := query(t, got.Server, "SELECT count(*) FROM t"); rows != "2" || !got.LastCommit.Equal(last) {
		t.Errorf("%s rows, the last of %s, not of %s", rows, got.LastCommit, last)
	}
	if _, err := e.Prepare(t.Context(), "pg", Spec{Kind: "postgres", Major: 15}); err != nil {
		t.Errorf("prepare what is recovered: %v", err)
	}
}

func TestTheHostWentDownWhileRecovering(t *testing.T) {
	t.Parallel()
	s := production(t)
	e := New(dataDir(t))
	s.backup(t, prepare(t, e, "pg"))
	s.ship(t)
	i, err := e.instance("pg")
	if err != nil {
		t.Fatal(err)
	}
	if err := i.mustLoad(); err != nil {
		t.Fatal(err)
	}
	i.rec.State, i.rec.Boot = stateRecovering, "an earlier one"
	if err := i.save(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Recover(t.Context(), "pg", s.to(), nil); !fault.Is(err, fault.Lost) {
		t.Errorf("recovered over a crash of the host: %v", err)
	}
}

func TestTablespacesAndOddPaths(t *testing.T) {
	t.Parallel()
	s := production(t)
	place := filepath.Join(s.SocketDir, "table space")
	p0 := Prepared{Owner: Owner{UID: -1}, DataDir: "/"}
	e := New(filepath.Join(dataDir(t), `it's 100% "odd" \ $HOME `+strings.Repeat("long", 20)))
	p := prepare(t, e, "pg")
	p0.Owner = p.Owner
	run(t, p0, "/bin/mkdir", place)
	s.exec(t, "CREATE TABLESPACE far LOCATION '"+place+"'")
	s.exec(t, "CREATE TABLE far (n int) TABLESPACE far; INSERT INTO far VALUES (1)")
	oid := s.ask(t, "SELECT oid::text FROM pg_tablespace WHERE spcname = 'far'")

	tars := filepath.Join(s.SocketDir, "tars")
	run(t, p0, s.Tool("pg_basebackup"), "-d", s.URL, "-D", tars, "-Ft", "-c", "fast", "-X", "none", "--no-sync")
	run(t, p, "/bin/tar", "-xf", filepath.Join(tars, "base.tar"))
	var n uint32
	if _, err := fmt.Sscan(oid, &n); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Recover(t.Context(), "pg", s.to(), nil); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "tablespace "+oid) {
		t.Errorf("recovered without the files of a tablespace: %v", err)
	}
	run(t, p, "/bin/mkdir", p.TablespaceDir(n))
	run(t, p, "/bin/tar", "-xf", filepath.Join(tars, oid+".tar"), "-C", p.TablespaceDir(n))
	s.exec(t, "INSERT INTO far VALUES (2)")
	s.ship(t)
	// Where the source had its tablespace there is nothing that a copy may touch.
	if err := s.conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := os.Rename(place, place+" hidden"); err != nil {
		t.Fatal(err)
	}
	got := recovered(t, e, "pg", s.to())
	if rows := query(t, got.Server, "SELECT count(*) || ' in ' || pg_tablespace_location(max(t.oid)) FROM far, pg_tablespace t WHERE spcname = 'far'"); rows != "2 in "+p.TablespaceDir(n) {
		t.Errorf("the tablespace has %s", rows)
	}
	if _, err := os.Stat(place); !os.IsNotExist(err) {
		t.Errorf("the copy wrote where the source has its tablespace: %v", err)
	}
}

func TestTheBootstrapSuperuserNeedNotBeThere(t *testing.T) {
	t.Parallel()
	s := production(t)
	e := New(dataDir(t))
	s.backup(t, prepare(t, e, "pg"))
	s.exec(t, "CREATE ROLE lifeboat LOGIN SUPERUSER; SET SESSION AUTHORIZATION lifeboat; ALTER ROLE postgres RENAME TO root")
	s.insert(t, 1)
	s.ship(t)
	got := recovered(t, e, "pg", s.to())
	if is := query(t, got.Server, "SELECT rolname || (SELECT n FROM t) FROM pg_roles WHERE oid = 10"); is != "root1" {
		t.Errorf("the bootstrap superuser and a row: %s", is)
	}
}

func TestLimitsThatAreRaisedInTheWAL(t *testing.T) {
	t.Parallel()
	s := production(t)
	e := New(dataDir(t))
	s.backup(t, prepare(t, e, "pg"))
	s.insert(t, 1)
	s.exec(t, "ALTER SYSTEM SET max_connections = 277")
	s.conn.Close(t.Context())
	s.Restart(t)
	s.connect(t)
	s.insert(t, 2)
	s.ship(t)
	got := recovered(t, e, "pg", s.to())
	if is := query(t, got.Server, "SELECT count(*) || current_setting('max_connections') FROM t"); is != "2277" {
		t.Errorf("rows and max_connections are %s", is)
	}
}

func TestWhatCannotBeRecovered(t *testing.T) {
	t.Parallel()
	s := production(t)
	e := New(dataDir(t))
	for _, id := range []string{"early", "torn", "gap", "broken command", "timeline", "no label", "library"} {
		s.backup(t, prepare(t, e, strings.ReplaceAll(id, " ", "-")))
	}
	s.insert(t, 1)
	s.ship(t)
	s.insert(t, 2)
	first := s.ask(t, "SELECT pg_walfile_name(pg_current_wal_lsn())")
	for n := range 3 {
		s.insert(t, n)
		s.ship(t)
	}
	end, err := wal.ParseLSN(s.ask(t, "SELECT pg_current_wal_lsn()::text"))
	if err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(dataDir(t), "torn")
	bytes, err := os.ReadFile(filepath.Join(s.archive, first))
	if err != nil {
		t.Fatal(err)
	}
	for n := 40; n < 8192; n++ {
		bytes[n] ^= 0x5a
	}
	if err := os.WriteFile(torn, bytes, 0o644); err != nil {
		t.Fatal(err)
	}
	command := func(text string) Recovery {
		r := s.to()
		r.RestoreCommand = fmt.Sprintf("[ %%f != %s ] || %s; ", first, text) + r.RestoreCommand
		r.AtLeast = end
		return r
	}
	instead := command("{ cp " + torn + ` "%p"; exit; }`)
	library := s.to()
	library.Preload = []string{"not_installed"}
	if err := os.Remove(filepath.Join(mustPrepared(t, e, "no-label").DataDir, "backup_label")); err != nil {
		t.Fatal(err)
	}
	for id, c := range map[string]struct {
		r    Recovery
		kind fault.Kind
		says string
	}{
		"early":          {s.to("recovery_target_lsn", "0/1000000"), fault.Invalid, "later target"},
		"torn":           {instead, fault.Corrupt, "before " + end.String() + " that it had to reach: invalid"},
		"gap":            {command("exit 1"), fault.Corrupt, "before " + end.String()},
		"broken-command": {command("exit 200"), fault.Unavailable, first},
		"timeline":       {s.to("recovery_target_timeline", "7"), fault.Invalid, "timeline 7"},
		"no-label":       {s.to(), fault.Corrupt, "backup_label"},
		"library":        {library, fault.Unsupported, "not_installed"},
		"absent":         {s.to(), fault.Missing, "absent"},
	} {
		for _, turn := range []string{"once", "twice"} {
			_, err := e.Recover(t.Context(), id, c.r, nil)
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				log, _ := e.Log(id)
				t.Errorf("%s, tried %s: %v\n%s", id, turn, err, log)
			}
		}
	}
}

func mustPrepared(t *testing.T, e *Environment, id string) Prepared {
	t.Helper()
	p, err := e.Prepare(t.Context(), id, Spec{Kind: "postgres", Major: 15})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
