package replication_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// through is the cluster's URL by way of a proxy.
func through(t testing.TB, pg *servers.PG) (*servers.Proxy, string) {
	t.Helper()
	direct := fmt.Sprintf("127.0.0.1:%d", pg.Port)
	proxy := servers.NewProxy(t, direct)
	return proxy, strings.Replace(pg.URL, direct, proxy.Address, 1)
}

func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	for name, breakIt := range map[string]func(*servers.Proxy){
		"cut": func(p *servers.Proxy) { p.CutAfter(1 << 20) }, "refused": (*servers.Proxy).Refuse,
		"mute": (*servers.Proxy).Mute, "stalled": (*servers.Proxy).Stall,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, url := through(t, pg)
			conn := dial(t, at(url))
			kept := &keeper{}
			o := options(t, conn)
			// A loaded server must not seem to be silent.
			o.Silence = 5 * time.Second
			s := stream(t, conn, o, kept)
			eventually(t, "WAL comes", func() bool { return kept.end() > 0 })
			breakIt(proxy)
			write(t, pg.URL, 3)
			_, err := s.wait(t)
			wantKind(t, err, fault.Unavailable)
		})
	}
}

// A stream is cancelled in time even where the server can't answer.
func TestCancelWithoutAnswer(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	proxy, url := through(t, pg)
	conn := dial(t, at(url))
	kept := &keeper{}
	s := stream(t, conn, options(t, conn), kept)
	eventually(t, "WAL comes", func() bool { return kept.end() > 0 })
	proxy.Stall()
	s.cancel()
	if _, err := s.wait(t); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled stream ended with %v", err)
	}
	if _, err := conn.Identify(t.Context()); err == nil {
		t.Error("a connection that was left in the middle of a message is used")
	}
}

func TestOverTLS(t *testing.T) {
	t.Parallel()
	cert, key := servers.Certificate(t)
	pg := servers.Postgres(t)
	who := owner(t, pg)
	for setting, file := range map[string]string{"ssl_cert_file": cert, "ssl_key_file": key} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		own := filepath.Join(pg.SocketDir, setting)
		if err := errors.Join(os.WriteFile(own, data, 0o600), os.Chown(own, int(who.Uid), int(who.Gid))); err != nil {
			t.Fatal(err)
		}
		run(t, pg.URL, "ALTER SYSTEM SET "+setting+" = '"+own+"'")
	}
	run(t, pg.URL, "ALTER SYSTEM SET ssl = on")
	pg.Restart(t)
	c := at(pg.URL)
	c.CAFile = cert
	conn := dial(t, c)
	if !value[bool](t, pg.URL, "SELECT bool_or(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_replication USING (pid)") {
		t.Fatal("the connection is not encrypted")
	}
	for range 3 {
		kept := &keeper{}
		s := stream(t, conn, options(t, conn), kept)
		write(t, pg.URL, 2)
		end := flushed(t, pg.URL)
		eventually(t, "all WAL has come", func() bool { return kept.end() >= end })
		s.cancel()
		s.wait(t)
	}
	if _, err := conn.Identify(t.Context()); err != nil {
		t.Errorf("the connection can't be used after cancelled streams: %v", err)
	}
}

func TestContention(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	first, second := dial(t, at(pg.URL)), dial(t, at(pg.URL))
	o := options(t, first)
	o.Slot = slot
	_, err := first.Stream(t.Context(), o, &keeper{})
	wantKind(t, err, fault.Missing)
	_, err = replication.TakeOver(t.Context(), at(pg.URL), slot)
	wantKind(t, err, fault.Missing)

	if err := first.CreateSlot(t.Context(), slot); err != nil {
		t.Fatal(err)
	}
	if taken, err := replication.TakeOver(t.Context(), at(pg.URL), slot); taken || err != nil {
		t.Errorf("taking over a slot that nobody uses: %v, %v", taken, err)
	}
	kept := &keeper{}
	s := stream(t, first, o, kept)
	eventually(t, "WAL comes", func() bool { return kept.end() > 0 })
	_, err = second.Stream(t.Context(), o, &keeper{})
	wantKind(t, err, fault.Conflict)
	wantKind(t, second.DropSlot(t.Context(), slot), fault.Conflict)

	foreign := at(pg.URL)
	foreign.ApplicationName = "someone else"
	_, err = replication.TakeOver(t.Context(), foreign, slot)
	wantKind(t, err, fault.Conflict)
	if err == nil || !strings.Contains(err.Error(), "lifeboat test") {
		t.Errorf("the error does not say who uses the slot: %v", err)
	}

	run(t, pg.URL, "CREATE ROLE weak LOGIN REPLICATION PASSWORD 'weak'")
	weak := at(strings.Replace(pg.URL, pg.URL[len("postgres://"):strings.LastIndex(pg.URL, "@")], "weak:weak", 1))
	_, err = replication.TakeOver(t.Context(), weak, slot)
	wantKind(t, err, fault.Denied)

	if taken, err := replication.TakeOver(t.Context(), at(pg.URL), slot); !taken || err != nil {
		t.Fatalf("taking over: %v, %v", taken, err)
	}
	_, err = s.wait(t)
	wantKind(t, err, fault.Unavailable)
	mine := &keeper{}
	stream(t, second, o, mine)
	eventually(t, "WAL comes", func() bool { return mine.end() > 0 })
}

func TestRemovedWAL(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t, "min_wal_size = 32MB", "max_wal_size = 32MB", "max_slot_wal_keep_size = 32MB")
	conn := dial(t, at(pg.URL))
	if err := conn.CreateSlot(t.Context(), slot); err != nil {
		t.Fatal(err)
	}
	o := options(t, conn)
	o.Slot = slot
	first := wal.SegmentAt(1, o.From, wal.DefaultSegmentSize).Name(wal.DefaultSegmentSize)
	eventually(t, "the server has removed WAL", func() bool {
		write(t, pg.URL, 1)
		run(t, pg.URL, "SELECT pg_switch_wal()", "CHECKPOINT")
		return !value[bool](t, pg.URL, "SELECT EXISTS (SELECT FROM pg_ls_waldir() WHERE name = $1)", first)
	})
	_, err := conn.Stream(t.Context(), o, &keeper{})
	wantKind(t, err, fault.Lost)
	held, err := replication.Held(t.Context(), at(pg.URL), slot)
	if err != nil || held.WALStatus != "lost" || held.MaxKeepBytes != 32<<20 {
		t.Errorf("what the slot holds: %+v, %v", held, err)
	}
	if state, err := conn.Slot(t.Context(), slot); err != nil || !state.Exists || state.RestartLSN != 0 {
		t.Errorf("the slot: %+v, %v", state, err)
	}
}
