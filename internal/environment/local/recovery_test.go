package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestRecoverToEveryKindOfTarget(t *testing.T) {
	t.Parallel()
	s := production(t)
	e := New(dataDir(t))
	ids := []string{"time", "lsn", "name", "xid", "latest", "immediate", "missed"}
	for _, id := range ids {
		s.backup(t, prepare(t, e, id))
	}
	first := s.insert(t, 1)
	second := s.insert(t, 2)
	s.exec(t, "SELECT pg_create_restore_point('two'' \\ of them')")
	at := s.ask(t, "SELECT pg_current_wal_insert_lsn()::text")
	xid := s.ask(t, "INSERT INTO t VALUES (3) RETURNING xmin::text")
	last := s.insert(t, 4)
	s.ship(t)

	missed := s.to("recovery_target_time", last.Add(time.Hour).Format("2006-01-02 15:04:05.999999-07"))
	if _, err := e.Recover(t.Context(), "missed", missed, nil); !fault.Is(err, fault.Missing) || !strings.Contains(err.Error(), last.Format(time.RFC3339Nano)) {
		t.Errorf("a time after the last commit: %v", err)
	}
	wantLSN, err := wal.ParseLSN(at)
	if err != nil {
		t.Fatal(err)
	}
	for id, c := range map[string]struct {
		r    Recovery
		rows string
		last time.Time
	}{
		"time":      {s.to("recovery_target_time", first.Format("2006-01-02 15:04:05.999999-07")), "1", first},
		"lsn":       {s.to("recovery_target_lsn", at, "recovery_target_inclusive", "off"), "1,2", second},
		"name":      {s.to("recovery_target_name", `two' \ of them`), "1,2", second},
		"xid":       {s.to("recovery_target_xid", xid), "1,2,3", time.Time{}},
		"latest":    {s.to(), "1,2,3,4", last},
		"immediate": {s.to("recovery_target", "immediate", "recovery_target_action", "promote"), "", time.Time{}},
		// An earlier target on what is left of the recovery that failed is refused by nobody but served.
		"missed": {s.to(), "1,2,3,4", last},
	} {
		t.Run(id, func(t *testing.T) {
			got := recovered(t, e, id, c.r)
			if rows := query(t, got.Server, "SELECT coalesce(string_agg(n::text, ',' ORDER BY n), '') FROM t"); rows != c.rows {
				t.Errorf("rows %s, not %s", rows, c.rows)
			}
			if !c.last.IsZero() && !got.LastCommit.Equal(c.last) {
				t.Errorf("the last commit is of %s, not %s", got.LastCommit, c.last)
			}
			if id == "lsn" && got.ReachedLSN != wantLSN {
				t.Errorf("reached %s, not %s", got.ReachedLSN, wantLSN)
			}
			if got.Timeline != 2 || got.From != 1 || got.Bytes == 0 || !got.Server.Durable {
				t.Errorf("recovered: %+v", got)
			}
			for setting, want := range map[string]string{"fsync": "on", "full_page_writes": "on", "listen_addresses": "127.0.0.1", "track_commit_timestamp": "on"} {
				if is := query(t, got.Server, "SHOW "+setting); is != want {
					t.Errorf("%s is %s, not %s", setting, is, want)
				}
			}
			again := recovered(t, e, id, c.r)
			if again.Server.PID != got.Server.PID || again.ReachedLSN != got.ReachedLSN {
				t.Errorf("recovered twice, %+v became %+v", got, again)
			}
		})
	}
}

func TestProductionHasNoSayInARecoveredServer(t *testing.T) {
	t.Parallel()
	s := production(t, "max_connections = 203", "max_worker_processes = 17", "max_prepared_transactions = 5")
	s.exec(t, "CREATE ROLE app LOGIN SUPERUSER PASSWORD 'known'")
	s.exec(t, "CREATE ROLE lifeboat NOLOGIN CONNECTION LIMIT 0 VALID UNTIL '2001-01-01'")
	s.exec(t, "ALTER ROLE lifeboat SET default_transaction_read_only = on")
	s.exec(t, "ALTER DATABASE postgres SET log_statement = 'all'")
	s.exec(t, "BEGIN; INSERT INTO t VALUES (9); PREPARE TRANSACTION 'left open'")
	e := New(dataDir(t))
	p := prepare(t, e, "pg")
	s.backup(t, p)
	touched := filepath.Join(dataDir(t), "touched")
	dangerous := fmt.Sprintf(`
archive_mode = always
archive_command = 'touch %s'
archive_cleanup_command = 'touch %[1]s'
recovery_end_command = 'touch %[1]s'
restore_command = 'touch %[1]s'
shared_preload_libraries = 'not_installed'
include = '/etc/not/there.conf'
no_such_setting = 1
listen_addresses = '*'
port = 1
ssl = on
ssl_cert_file = '/etc/not/there.crt'
logging_collector = on
log_directory = '/var/log/not-there'
data_directory = '/var/lib/not-there'
hba_file = '/etc/not-there'
unix_socket_directories = '/run/not-there'
primary_conninfo = 'host=production'
max_connections = 3
external_pid_file = '%[1]s'
`, touched)
	for _, name := range []string{"postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf", "recovery.conf", "standby.signal"} {
		f, err := os.OpenFile(filepath.Join(p.DataDir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		text := dangerous
		if name == "pg_hba.conf" {
			text = "\nhost all all 0.0.0.0/0 trust\n"
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	s.insert(t, 1)
	s.ship(t)
	got := recovered(t, e, "pg", s.to())
	for setting, want := range map[string]string{
		"archive_mode": "off", "archive_command": "(disabled)", "shared_preload_libraries": "", "listen_addresses": "127.0.0.1",
		"ssl": "off", "logging_collector": "off", "primary_conninfo": "", "restore_command": "", "max_connections": "203",
		"max_worker_processes": "17", "max_prepared_transactions": "5", "max_logical_replication_workers": "0",
		"recovery_end_command": "", "hba_file": filepath.Join(got.Server.Dir, "data", "pg_hba.conf"),
	} {
		if is := query(t, got.Server, "SHOW "+setting); is != want {
			t.Errorf("%s is %q, not %q", setting, is, want)
		}
	}
	if _, err := os.Stat(touched); !os.IsNotExist(err) {
		t.Errorf("a command of production's was run: %v", err)
	}
	if is := query(t, got.Server, "CREATE TABLE w (n int); SELECT current_user || count(*) FROM pg_prepared_xacts"); is != "lifeboat1" {
		t.Errorf("the superuser and its prepared transaction: %s", is)
	}
	for _, login := range []string{"app:known", "postgres:" + servers.PGPassword, "postgres:"} {
		config, err := pgconn.ParseConfig(got.Server.URL.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		config.User, config.Password, _ = strings.Cut(login, ":")
		if conn, err := pgconn.ConnectConfig(t.Context(), config); err == nil {
			conn.Close(context.Background())
			t.Errorf("%s may log in", config.User)
		}
	}
	log, err := e.Log("pg")
	if err != nil || strings.Contains(log, password(t, got.Server)) || log == "" {
		t.Errorf("the log holds the password, or nothing: %v", err)
	}
	kept, err := os.ReadFile(filepath.Join(got.Server.Dir, productionName, "postgresql.auto.conf"))
	if err != nil || !strings.Contains(string(kept), "not_installed") {
		t.Errorf("production's configuration was not kept: %v", err)
	}
}
