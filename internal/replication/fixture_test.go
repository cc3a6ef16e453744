package replication_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func at(url string) replication.Config {
	return replication.Config{URL: secret.String(url), ApplicationName: "lifeboat test"}
}

func dial(t testing.TB, c replication.Config) *replication.Conn {
	t.Helper()
	conn, err := replication.Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// value runs one statement, and returns what it returns.
func value[T any](t testing.TB, url, sql string, args ...any) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return v
}

func run(t testing.TB, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%v\n%s", err, sql)
		}
	}
}

func position(t testing.TB, text string) wal.LSN {
	t.Helper()
	lsn, err := wal.ParseLSN(text)
	if err != nil {
		t.Fatal(err)
	}
	return lsn
}

// flushed is how far a primary's WAL is on its disk.
func flushed(t testing.TB, url string) wal.LSN {
	t.Helper()
	return position(t, value[string](t, url, "SELECT pg_current_wal_flush_lsn()::text"))
}

func segmentStart(lsn wal.LSN) wal.LSN { return lsn &^ wal.LSN(wal.DefaultSegmentSize-1) }

// patience is how long a loaded machine may take for what takes a moment.
const patience = 3 * time.Minute

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in %v it did not come to be that %s", patience, what)
		}
	}
}

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("error %v is %s, want %s", err, fault.KindOf(err), kind)
	}
}

// keeper keeps the WAL it receives.
type keeper struct {
	mu      sync.Mutex
	from    wal.LSN
	data    bytes.Buffer
	flushed wal.LSN
	// durable makes everything count as durable at once.
	durable  bool
	serverAt wal.LSN
	clock    time.Time
	asked    int
	// onWAL is called, unlocked, before data is kept.
	onWAL func() error
}

func (k *keeper) WAL(at wal.LSN, data []byte) error {
	if k.onWAL != nil {
		if err := k.onWAL(); err != nil {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.data.Len() == 0 {
		k.from = at
	}
	k.data.Write(data)
	if k.durable {
		k.flushed = at + wal.LSN(len(data))
	}
	return nil
}

func (k *keeper) Idle(serverAt wal.LSN, clock time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.serverAt, k.clock = serverAt, clock
	return nil
}

func (k *keeper) Flushed() wal.LSN {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	return k.flushed
}

func (k *keeper) flush(to wal.LSN) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.flushed = to
}

// end is up to where WAL has come.
func (k *keeper) end() wal.LSN {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.from + wal.LSN(k.data.Len())
}

func (k *keeper) timesAsked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked
}

// streaming is a stream in the background.
type streaming struct {
	cancel context.CancelFunc
	done   chan struct{}
	next   replication.Switched
	err    error
}

func stream(t testing.TB, conn *replication.Conn, o replication.StreamOptions, sink replication.Sink) *streaming {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &streaming{cancel: cancel, done: make(chan struct{})}
	if o.StatusEvery == 0 {
		o.StatusEvery = 20 * time.Millisecond
	}
	go func() {
		defer close(s.done)
		s.next, s.err = conn.Stream(ctx, o, sink)
	}()
	t.Cleanup(func() {
		cancel()
		<-s.done
	})
	return s
}

func (s *streaming) wait(t testing.TB) (replication.Switched, error) {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Fatalf("the stream did not end in %v", patience)
	}
	return s.next, s.err
}

// onDisk reads WAL from the server's own folder.
func onDisk(t testing.TB, pg *servers.PG, timeline uint32, from, to wal.LSN) []byte {
	t.Helper()
	var all []byte
	for s := wal.SegmentAt(timeline, from, wal.DefaultSegmentSize); s.Start(wal.DefaultSegmentSize) < to; s = s.Next() {
		data, err := os.ReadFile(filepath.Join(pg.Dir, "pg_wal", s.Name(wal.DefaultSegmentSize)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	start := segmentStart(from)
	return all[from-start : to-start]
}

// owner is who the cluster runs as.
func owner(t testing.TB, pg *servers.PG) *syscall.Credential {
	t.Helper()
	info, err := os.Stat(pg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}
}
