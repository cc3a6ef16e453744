package replication_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const slot = "lifeboat_main"

// write makes WAL of about that many megabytes.
func write(t testing.TB, url string, megabytes int) {
	t.Helper()
	run(t, url, "CREATE TABLE IF NOT EXISTS filler (t text)", "ALTER TABLE filler ALTER t SET STORAGE PLAIN")
	value[int64](t, url, `WITH i AS (INSERT INTO filler SELECT repeat(chr(65 + n % 26), 1000) FROM generate_series(1, $1::int) n RETURNING 1) SELECT count(*) FROM i`,
		megabytes*1000)
}

// options stream from the segment that is written now.
func options(t testing.TB, conn *replication.Conn) replication.StreamOptions {
	t.Helper()
	system, err := conn.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return replication.StreamOptions{Timeline: system.Timeline, From: segmentStart(system.At)}
}

func TestStreamIsWhatTheServerWrites(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	conn := dial(t, at(pg.URL))
	if err := conn.CreateSlot(t.Context(), slot); err != nil {
		t.Fatal(err)
	}
	o := options(t, conn)
	o.Slot = slot
	kept := &keeper{}
	s := stream(t, conn, o, kept)
	write(t, pg.URL, 40)
	end := flushed(t, pg.URL)
	eventually(t, "all WAL has come", func() bool { return kept.end() >= end })

	before := value[string](t, pg.URL, "SELECT restart_lsn::text FROM pg_replication_slots")
	asked := kept.timesAsked()
	eventually(t, "the server has been told more than once", func() bool { return kept.timesAsked() > asked+2 })
	if now := value[string](t, pg.URL, "SELECT restart_lsn::text FROM pg_replication_slots"); now != before {
		t.Errorf("the slot moved from %s to %s with nothing durable", before, now)
	}
	half := o.From + wal.LSN(wal.DefaultSegmentSize) + 4711
	kept.flush(half)
	eventually(t, "the slot is where WAL is durable", func() bool {
		return position(t, value[string](t, pg.URL, "SELECT restart_lsn::text FROM pg_replication_slots")) == half
	})
	if reported := value[bool](t, pg.URL, "SELECT write_lsn = flush_lsn AND replay_lsn IS NULL AND flush_lsn = $1::pg_lsn FROM pg_stat_replication", half.String()); !reported {
		t.Error("something else than what is durable was confirmed")
	}

	s.cancel()
	if _, err := s.wait(t); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled stream ended with %v", err)
	}
	if value[bool](t, pg.URL, "SELECT active FROM pg_replication_slots") {
		t.Error("the slot is in use after the stream has ended")
	}
	// The connection can be used again, and the stream be taken up anywhere.
	o.From = half - 4711
	again := &keeper{}
	stream(t, conn, o, again)
	eventually(t, "WAL has come again", func() bool { return again.end() >= end })
	for _, k := range []*keeper{kept, again} {
		k.mu.Lock()
		if got := k.data.Bytes(); !bytes.Equal(got, onDisk(t, pg, 1, k.from, k.from+wal.LSN(len(got)))) {
			t.Errorf("%d bytes from %s on are not what is on the server's disk", len(got), k.from)
		}
		k.mu.Unlock()
	}
}

func TestIdleServerIsAsked(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	conn := dial(t, at(pg.URL))
	kept := &keeper{}
	stream(t, conn, options(t, conn), kept)
	end := flushed(t, pg.URL)
	began := time.Now()
	eventually(t, "the server said where it is", func() bool {
		kept.mu.Lock()
		defer kept.mu.Unlock()
		return kept.serverAt >= end && kept.clock.After(began)
	})
}

// A server that hears nothing ends the connection; a sink that waits for its store must not lead to that.
func TestBlockedSinkKeepsTheConnection(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	conn := dial(t, at(pg.URL+"?wal_sender_timeout=2s"))
	kept := &keeper{}
	kept.onWAL = func() error {
		kept.onWAL = nil
		eventually(t, "the server was told often", func() bool { return kept.timesAsked() > 150 })
		return nil
	}
	s := stream(t, conn, options(t, conn), kept)
	write(t, pg.URL, 20)
	end := flushed(t, pg.URL)
	eventually(t, "all WAL has come", func() bool {
		select {
		case <-s.done:
			t.Fatalf("the stream ended: %v", s.err)
		default:
		}
		return kept.end() >= end
	})
}

func TestSinkEndsTheStream(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	conn := dial(t, at(pg.URL))
	if err := conn.CreateSlot(t.Context(), slot); err != nil {
		t.Fatal(err)
	}
	write(t, pg.URL, 30)
	full := errors.New("no room")
	o := options(t, conn)
	o.Slot, o.From = slot, o.From-wal.LSN(wal.DefaultSegmentSize)
	_, err := conn.Stream(t.Context(), o, &keeper{onWAL: func() error { return full }})
	if !errors.Is(err, full) {
		t.Errorf("the stream ended with %v", err)
	}
	if _, err := conn.Identify(t.Context()); err != nil {
		t.Errorf("the connection can't be used any more: %v", err)
	}
	if err := conn.DropSlot(t.Context(), slot); err != nil {
		t.Errorf("the slot is not free: %v", err)
	}
}

func TestShutdownSendsEverything(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	conn := dial(t, at(pg.URL))
	kept := &keeper{durable: true}
	o := options(t, conn)
	s := stream(t, conn, o, kept)
	write(t, pg.URL, 5)
	pg.Restart(t)
	_, err := s.wait(t)
	wantKind(t, err, fault.Unavailable)
	// What the server writes from now on begins where the old stream ended.
	kept.mu.Lock()
	defer kept.mu.Unlock()
	got := kept.data.Bytes()
	if !bytes.Equal(got, onDisk(t, pg, 1, kept.from, kept.from+wal.LSN(len(got)))) {
		t.Error("what came is not what is on disk")
	}
	if redo := value[string](t, pg.URL, "SELECT checkpoint_lsn::text FROM pg_control_checkpoint()"); position(t, redo) >= kept.from+wal.LSN(len(got)) {
		t.Errorf("the checkpoint of the shutdown, at %s, is not in what came", redo)
	}
}

func TestKilledServer(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	conn := dial(t, at(pg.URL))
	if err := conn.CreateSlot(t.Context(), slot); err != nil {
		t.Fatal(err)
	}
	o := options(t, conn)
	o.Slot = slot
	kept := &keeper{}
	s := stream(t, conn, o, kept)
	write(t, pg.URL, 3)
	end := flushed(t, pg.URL)
	eventually(t, "all WAL has come", func() bool { return kept.end() >= end })
	pg.Kill()
	_, err := s.wait(t)
	wantKind(t, err, fault.Unavailable)
	if _, err := replication.Connect(t.Context(), at(pg.URL)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("connecting to a dead server: %v", err)
	}

	pg.Restart(t)
	again := &keeper{}
	stream(t, dial(t, at(pg.URL)), o, again)
	write(t, pg.URL, 3)
	end = flushed(t, pg.URL)
	eventually(t, "all WAL has come", func() bool { return again.end() >= end })
	again.mu.Lock()
	defer again.mu.Unlock()
	if !bytes.HasPrefix(again.data.Bytes(), kept.data.Bytes()) {
		t.Error("what was streamed before the crash is not what is there after it")
	}
}
