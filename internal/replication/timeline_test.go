package replication_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// A stream from a standby goes on over its promotion, onto the new timeline.
func TestPromotedStandby(t *testing.T) {
	t.Parallel()
	primary := servers.Postgres(t)
	standby := primary.Standby(t)
	conn := dial(t, at(standby.URL))
	if err := conn.CreateSlot(t.Context(), slot); err != nil {
		t.Fatal(err)
	}
	o := options(t, conn)
	o.Slot = slot
	kept := &keeper{durable: true}
	s := stream(t, conn, o, kept)
	write(t, primary.URL, 20)
	end := flushed(t, primary.URL)
	eventually(t, "all WAL has come by way of the standby", func() bool { return kept.end() >= end })
	eventually(t, "the slot on the standby has followed", func() bool {
		held, err := replication.Held(t.Context(), at(standby.URL), slot)
		return err == nil && held.Standby && held.Active && held.At >= end && held.RestartLSN >= end && held.HeldBytes == int64(held.At-held.RestartLSN)
	})

	run(t, standby.URL, "SELECT pg_promote()")
	next, err := s.wait(t)
	if err != nil || next.Timeline != 2 || next.At != kept.end() {
		t.Fatalf("the timeline ended with %+v, %v; WAL came up to %s", next, err, kept.end())
	}
	text, err := conn.History(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if history, err := wal.ParseHistory(2, text); err != nil || len(history) != 1 || history[0].Timeline != 1 || history[0].End != next.At {
		t.Errorf("history %+v, %v", history, err)
	}

	// The end can be asked for again, also from where there is nothing left to send.
	for _, from := range []wal.LSN{segmentStart(next.At), next.At} {
		o.From = from
		if again, err := stream(t, conn, o, &keeper{}).wait(t); again != next || err != nil {
			t.Errorf("from %s: the timeline ended with %+v, %v", from, again, err)
		}
	}
	second := &keeper{}
	o.Timeline, o.From = 2, segmentStart(next.At)
	stream(t, conn, o, second)
	write(t, standby.URL, 5)
	end = flushed(t, standby.URL)
	eventually(t, "WAL of the new timeline has come", func() bool { return second.end() >= end })
	second.mu.Lock()
	defer second.mu.Unlock()
	shared := next.At - second.from
	if !bytes.Equal(second.data.Bytes()[:shared], kept.data.Bytes()[second.from-kept.from:]) {
		t.Error("up to the switch the new timeline is not the old one")
	}
}

// The old primary went on by itself: its WAL is nothing that the new one knows.
func TestForkedHistories(t *testing.T) {
	t.Parallel()
	primary := servers.Postgres(t)
	standby := primary.Standby(t)
	run(t, standby.URL, "SELECT pg_promote()")
	write(t, primary.URL, 3)
	conn := dial(t, at(standby.URL))
	beyond := flushed(t, primary.URL)
	_, err := conn.Stream(t.Context(), replication.StreamOptions{Timeline: 1, From: beyond}, &keeper{})
	wantKind(t, err, fault.Mismatch)
	system, err := conn.Identify(t.Context())
	if err != nil || system.Timeline != 2 {
		t.Fatalf("the connection can't be used, or the timeline is wrong: %+v, %v", system, err)
	}
	_, err = conn.Stream(t.Context(), replication.StreamOptions{Timeline: 2, From: beyond + 1<<30}, &keeper{})
	wantKind(t, err, fault.Unavailable)
	_, err = dial(t, at(primary.URL)).Stream(t.Context(), replication.StreamOptions{Timeline: 2, From: beyond}, &keeper{})
	wantKind(t, err, fault.Mismatch)
}

func TestServersAreChosenByRole(t *testing.T) {
	t.Parallel()
	primary := servers.Postgres(t)
	standby := primary.Standby(t)
	both := func(first, second *servers.PG) string {
		hosts := fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d", first.Port, second.Port)
		return strings.Replace(primary.URL, fmt.Sprintf("127.0.0.1:%d", primary.Port), hosts, 1) + "?target_session_attrs="
	}
	for wanted, want := range map[string]*servers.PG{
		"primary": primary, "read-write": primary, "standby": standby, "read-only": standby, "prefer-standby": standby,
	} {
		for i, u := range []string{both(primary, standby), both(standby, primary)} {
			c := at(u + wanted)
			c.ApplicationName = fmt.Sprint(wanted, i)
			dial(t, c)
			const sql = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'walsender' AND application_name = $1)"
			if !value[bool](t, want.URL, sql, c.ApplicationName) {
				t.Errorf("%s: the connection is not where it is wanted", wanted)
			}
			held, err := replication.Held(t.Context(), c, slot)
			if err != nil || held.Standby != (want == standby) {
				t.Errorf("%s: looked at %+v, %v", wanted, held, err)
			}
		}
	}
	// Nothing else is there: then the primary will do.
	alone := fmt.Sprintf("%s?target_session_attrs=prefer-standby", primary.URL)
	dial(t, at(alone))
}
