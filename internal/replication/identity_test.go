package replication_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestIdentity(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	for name, u := range map[string]string{"TCP": pg.URL, "socket": pg.SocketURL} {
		conn := dial(t, at(u))
		system, err := conn.Identify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if id := value[string](t, pg.URL, "SELECT system_identifier::text FROM pg_control_system()"); fmt.Sprint(system.ID) != id || system.Timeline != 1 {
			t.Errorf("%s: the server is %+v, want %s on timeline 1", name, system, id)
		}
		if system.At > flushed(t, pg.URL) || system.At == 0 {
			t.Errorf("%s: the server is at %s", name, system.At)
		}
		if size, err := conn.SegmentSize(t.Context()); size != wal.DefaultSegmentSize || err != nil {
			t.Errorf("%s: segments of %d, %v", name, size, err)
		}
		major, text := conn.ServerVersion()
		if want := value[string](t, pg.URL, "SHOW server_version"); text != want || fmt.Sprint(major) != strings.Split(want, ".")[0] {
			t.Errorf("%s: version %d, %q", name, major, text)
		}
		for _, timeline := range []uint32{1, 2} {
			_, err = conn.History(t.Context(), timeline)
			wantKind(t, err, fault.Missing)
		}
	}
	if name, err := replication.Superuser(t.Context(), at(pg.URL)); name != "postgres" || err != nil {
		t.Errorf("superuser %q, %v", name, err)
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t, "wal_level = logical", "max_replication_slots = 2")
	conn := dial(t, at(pg.URL))
	if s, err := conn.Slot(t.Context(), slot); s.Exists || err != nil {
		t.Errorf("a slot that isn't there: %+v, %v", s, err)
	}
	for range 2 {
		if err := conn.CreateSlot(t.Context(), slot); err != nil {
			t.Fatal(err)
		}
	}
	s, err := conn.Slot(t.Context(), slot)
	if err != nil || !s.Exists || s.RestartLSN == 0 || s.RestartTimeline != 1 {
		t.Errorf("the slot: %+v, %v", s, err)
	}
	write(t, pg.URL, 2)
	held, err := replication.Held(t.Context(), at(pg.URL), slot)
	if err != nil || !held.Exists || !held.Physical || held.Active || held.ActivePID != 0 || held.RestartLSN != s.RestartLSN ||
		held.HeldBytes < 2<<20 || held.HeldBytes != int64(held.At-held.RestartLSN) || held.WALStatus != "reserved" ||
		held.SafeBytes != nil || held.MaxKeepBytes != -1 || held.Standby {
		t.Errorf("what the slot holds: %+v, %v", held, err)
	}
	if absent, err := replication.Held(t.Context(), at(pg.URL), "absent"); absent.Exists || absent.HeldBytes != 0 || absent.At == 0 || err != nil {
		t.Errorf("what a slot holds that isn't there: %+v, %v", absent, err)
	}
	o := options(t, conn)
	o.Slot = slot
	kept := &keeper{}
	streaming := stream(t, dial(t, at(pg.URL)), o, kept)
	eventually(t, "WAL comes", func() bool { return kept.end() > 0 })
	held, err = replication.Held(t.Context(), at(pg.URL), slot)
	if err != nil || !held.Active || held.ActivePID == 0 || held.ActiveBy != "lifeboat test" {
		t.Errorf("what the slot in use holds: %+v, %v", held, err)
	}
	streaming.cancel()
	streaming.wait(t)

	run(t, pg.URL, "SELECT pg_create_logical_replication_slot('logical', 'pgoutput')")
	wantKind(t, conn.CreateSlot(t.Context(), "logical"), fault.Conflict)
	wantKind(t, conn.CreateSlot(t.Context(), "one_too_many"), fault.Exhausted)
	for _, name := range []string{"", "Upper", "with-dash", `quo"te`, strings.Repeat("x", 64)} {
		wantKind(t, conn.CreateSlot(t.Context(), name), fault.Invalid)
		wantKind(t, conn.DropSlot(t.Context(), name), fault.Invalid)
	}
	for range 2 {
		if err := conn.DropSlot(t.Context(), slot); err != nil {
			t.Errorf("drop: %v", err)
		}
	}
	if n := value[int](t, pg.URL, "SELECT count(*) FROM pg_replication_slots"); n != 1 {
		t.Errorf("%d slots are left", n)
	}
}

func TestRefusedConnections(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t, "max_wal_senders = 6", "max_replication_slots = 0")
	run(t, pg.URL, "CREATE ROLE app LOGIN PASSWORD 'app'", "CREATE ROLE barred LOGIN REPLICATION PASSWORD 'barred'")
	hba := filepath.Join(pg.Dir, "pg_hba.conf")
	if err := os.WriteFile(hba, []byte("host replication postgres,app 127.0.0.1/32 scram-sha-256\nhost postgres all 127.0.0.1/32 scram-sha-256\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, pg.URL, "SELECT pg_reload_conf()")
	as := func(user, password string) replication.Config {
		u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: fmt.Sprintf("127.0.0.1:%d", pg.Port)}
		return at(u.String())
	}
	refused := func(c replication.Config, kind fault.Kind, says string) {
		t.Helper()
		conn, err := replication.Connect(t.Context(), c)
		if err == nil {
			conn.Close()
		}
		wantKind(t, err, kind)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "p@ss") {
			t.Errorf("the error does not say %q, or says too much: %v", says, err)
		}
	}
	refused(as("app", "app"), fault.Denied, `ALTER ROLE "app" REPLICATION`)
	eventually(t, "the new rules are in force", func() bool {
		_, err := replication.Connect(t.Context(), as("barred", "barred"))
		return err != nil && strings.Contains(err.Error(), "host replication barred ADDRESS scram-sha-256")
	})
	refused(as("barred", "barred"), fault.Denied, "pg_hba.conf")
	refused(as("postgres", "p@ss is wrong"), fault.Denied, "password")
	refused(at("mysql://x"), fault.Invalid, "postgres://")
	refused(at("postgres://p@ss:x"), fault.Invalid, "not well-formed")
	refused(replication.Config{URL: secret.String(pg.URL), ApplicationName: "ü"}, fault.Invalid, "ASCII")
	refused(at(pg.URL+"?target_session_attrs=standby"), fault.Unavailable, "standby")

	// A sender that has just been refused may still count for a moment.
	var conn *replication.Conn
	eventually(t, "a sender is free", func() (free bool) {
		var err error
		conn, err = replication.Connect(t.Context(), at(pg.URL))
		return err == nil
	})
	defer conn.Close()
	for full := false; !full; {
		another, err := replication.Connect(t.Context(), at(pg.URL))
		if full = err != nil; !full {
			t.Cleanup(another.Close)
		}
	}
	refused(at(pg.URL), fault.Unavailable, "max_wal_senders")
	err := conn.CreateSlot(t.Context(), slot)
	wantKind(t, err, fault.Exhausted)
	if err == nil || !strings.Contains(err.Error(), "max_replication_slots") {
		t.Errorf("the error does not say what to set: %v", err)
	}
}

func TestMinimalWAL(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t, "wal_level = minimal", "max_wal_senders = 0")
	_, err := replication.Connect(t.Context(), at(pg.URL))
	wantKind(t, err, fault.Invalid)
	if err == nil || !strings.Contains(err.Error(), "wal_level = replica") {
		t.Errorf("the error does not say what to set: %v", err)
	}
}
