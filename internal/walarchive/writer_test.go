package walarchive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// durableEnd is up to where an archive gives back WAL without a hole.
func durableEnd(t testing.TB, a *Archive, l *log) wal.LSN {
	t.Helper()
	h, err := a.Holdings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tl, found := timelineOf(h, l.timeline)
	if !found {
		return l.start
	}
	from, end := ends(tl, testSize)
	if want := wal.SegmentAt(l.timeline, from, testSize).Number - wal.SegmentAt(l.timeline, l.start, testSize).Number; uint64(len(tl.Segments)) != want {
		t.Fatalf("%d whole segments before %v, want %d", len(tl.Segments), from, want)
	}
	return end
}

// A worker dies at any point, also while the store fails before or after it
// takes something. What was said to be durable is there, without a hole, and
// its successor goes on from there.
func TestCrashes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 3))
			const n = 5*testSize + 70_001
			l := newLog(1, testStart, seed)
			l.upTo(n)
			st := &moody{Store: newLocal(t)}
			var puts atomic.Int64
			fails := func(string) error {
				if puts.Add(1)%7 == int64(seed%7) {
					return fault.New(fault.Unavailable, "the store is moody")
				}
				return nil
			}
			switch seed % 3 {
			case 1:
				st.before = fails
			case 2:
				st.after = fails
			}
			crashes := 0
			for done := false; !done; crashes++ {
				done = live(t, st, l, n, random)
			}
			wantLog(t, newArchive(t, st), l, n)
			if crashes < 2 {
				t.Errorf("the writer lived %d times only", crashes)
			}
		})
	}
}

// live is the life of one writer, and reports whether it came to the end.
func live(t *testing.T, st store.Store, l *log, n int, random *rand.Rand) bool {
	t.Helper()
	a := newArchive(t, st)
	timeline, from, err := a.Resume(t.Context(), Server{Cluster: testCluster, Timeline: 1, At: l.start + wal.LSN(n)})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := a.Holdings(t.Context()); err != nil {
		t.Fatal(err)
	} else if len(h.Timelines) == 0 {
		from = l.start
	}
	if timeline != 1 || from > l.start+wal.LSN(n) {
		t.Fatalf("resumed at %d %v", timeline, from)
	}
	ctx, crash := context.WithCancel(t.Context())
	defer crash()
	w, err := a.Writer(ctx, WriterOptions{Cluster: testCluster, Timeline: 1, From: from, Interval: time.Duration(1+random.IntN(3)) * time.Millisecond})
	if fault.Is(err, fault.Unavailable) {
		return false
	} else if err != nil {
		t.Fatal(err)
	}
	until := min(int(from-l.start)+random.IntN(4*testSize), n)
	err = stream(w, l, until, random)
	if err == nil && until == n {
		err = w.Close()
	} else {
		crash()
		_ = w.Close()
	}
	if err != nil && !fault.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	if end, said := durableEnd(t, newArchive(t, st), l), w.Flushed(); end < said {
		t.Fatalf("said to be durable up to %v, is up to %v", said, end)
	}
	return err == nil && until == n
}

// Two workers stream the same at once, each in its own pieces: both succeed,
// and neither damages what the other wrote.
func TestTwoWriters(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) store.Store{"local": newLocal, "s3": newS3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 4*testSize + 123_456
			l := newLog(1, testStart, 9)
			l.upTo(n)
			st := open(t)
			var writers sync.WaitGroup
			for i := range uint64(3) {
				a := Open(st, "main", newKeys(t, seal.Config{Identity: testIdentity}), 1)
				writers.Go(func() {
					w, err := a.Writer(t.Context(), WriterOptions{Cluster: testCluster, Timeline: 1, From: l.start, Interval: 5 * time.Millisecond})
					if err != nil {
						t.Error(err)
						return
					}
					err = stream(w, l, n, rand.New(rand.NewPCG(i, i)))
					// The service may turn one of several writers away before any has won.
					if err := errors.Join(err, w.Close()); err != nil && (i == 0 && name == "local" || !fault.Is(err, fault.Unavailable)) {
						t.Error(err)
					}
				})
			}
			writers.Wait()
			a := Open(st, "main", newKeys(t, seal.Config{Identity: testIdentity}), 1)
			w := newWriter(t.Context(), t, a, l, l.start)
			if err := stream(w, l, n, rand.New(rand.NewPCG(8, 8))); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			wantLog(t, a, l, n)
		})
	}
}

// A server that writes other WAL under the same names is an alarm, and nothing
// of the first one's is touched.
func TestAnotherServersWAL(t *testing.T) {
	t.Parallel()
	const n = testSize + 500_000
	l, other := newLog(1, testStart, 1), newLog(1, testStart, 2)
	l.upTo(n)
	other.upTo(n)
	st := newLocal(t)
	for i, l := range []*log{l, other} {
		w := newWriter(t.Context(), t, newArchive(t, st), l, l.start)
		if err := w.WAL(l.start, l.data[:n]); err != nil {
			t.Fatal(err)
		}
		err := w.Close()
		if i == 0 && err != nil {
			t.Fatal(err)
		} else if i == 1 {
			wantKind(t, err, fault.Conflict, "is on the store already, with other contents from offset")
			if w.Flushed() != l.start {
				t.Errorf("flushed %v", w.Flushed())
			}
		}
	}
	wantLog(t, newArchive(t, st), l, n)

	w := newWriter(t.Context(), t, newArchive(t, st), other, l.start+testSize)
	if err := w.WAL(l.start+testSize, other.data[testSize:n]); err != nil {
		t.Fatal(err)
	}
	wantKind(t, w.Flush(t.Context()), fault.Conflict, "is on the store already")
	wantKind(t, w.Close(), fault.Conflict, "is on the store already")

	cluster := testCluster
	cluster.SystemID++
	_, err := newArchive(t, st).Writer(t.Context(), WriterOptions{Cluster: cluster, Timeline: 1, From: l.start})
	wantKind(t, err, fault.Conflict, "another cluster")
	_, _, err = newArchive(t, st).Resume(t.Context(), Server{Cluster: cluster, Timeline: 1, At: l.start})
	wantKind(t, err, fault.Conflict, "another cluster")
}

// A hole in the stream is an error, and so is a start that is none.
func TestHolesAreRefused(t *testing.T) {
	t.Parallel()
	l := newLog(1, testStart, 1)
	l.upTo(1000)
	w := newWriter(t.Context(), t, newArchive(t, newLocal(t)), l, l.start)
	if err := w.WAL(l.start, l.data[:100]); err != nil {
		t.Fatal(err)
	}
	wantKind(t, w.WAL(l.start+101, l.data[101:]), fault.Corrupt, "goes on at 16/FFC00065, it should at 16/FFC00064")
	wantKind(t, w.WAL(l.start+100, l.data[100:]), fault.Corrupt, "goes on at")
	wantKind(t, w.Close(), fault.Corrupt, "goes on at")
	_, err := newArchive(t, newLocal(t)).Writer(t.Context(), WriterOptions{Cluster: testCluster, Timeline: 1, From: l.start + 8})
	wantKind(t, err, fault.Invalid, "a segment of 1048576 bytes doesn't begin there")
}

// While the store is slow, the stream goes on for as long as there is a buffer,
// and segments appear in their order only.
func TestPipeline(t *testing.T) {
	t.Parallel()
	const n = 5 * testSize
	l := newLog(1, testStart, 4)
	l.upTo(n)
	slow := make(chan struct{})
	st := &moody{Store: newLocal(t)}
	var begun sync.WaitGroup
	begun.Add(buffers)
	st.before = func(key string) error {
		if strings.HasSuffix(key, compressed) {
			if !strings.Contains(key, l.name(3)) && !strings.Contains(key, l.name(4)) {
				begun.Done()
			}
			if strings.Contains(key, l.name(0)) {
				<-slow
			}
		}
		return nil
	}
	a := newArchive(t, st)
	w := newWriter(t.Context(), t, a, l, l.start)
	if err := w.WAL(l.start, l.data[:buffers*testSize]); err != nil {
		t.Fatal(err)
	}
	more := make(chan error)
	go func() { more <- w.WAL(l.start+buffers*testSize, l.data[buffers*testSize:n]) }()
	begun.Wait()
	for i := range buffers {
		if keys := keysOf(t, st, a.fileKey(l.name(i), "")); len(keys) != 0 {
			t.Errorf("there before the first: %q", keys)
		}
	}
	select {
	case err := <-more:
		t.Fatalf("took a fourth segment: %v", err)
	default:
	}
	if w.Flushed() != l.start {
		t.Errorf("flushed %v", w.Flushed())
	}
	close(slow)
	if err := <-more; err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wantLog(t, a, l, n)
}

// A segment that stays open for long has few chunks, and they leave with it.
func TestChunksAreJoined(t *testing.T) {
	t.Parallel()
	const n = testSize + 200_000
	l := newLog(1, testStart, 5)
	l.upTo(n)
	st := newLocal(t)
	a := newArchive(t, st)
	w := newWriter(t.Context(), t, a, l, l.start)
	most := 0
	for i := range 200 {
		if err := w.WAL(w.next, l.data[i*1000:(i+1)*1000]); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := l.start + wal.LSN(i+1)*1000; w.Flushed() != want {
			t.Fatalf("flushed %v, want %v", w.Flushed(), want)
		}
		most = max(most, len(keysOf(t, st, a.key("00000001", openFolder)+"/")))
	}
	if most < chunksPerTier-1 || most > 3*chunksPerTier {
		t.Errorf("%d chunks at once", most)
	}
	wantLog(t, a, l, 200_000)
	if err := w.WAL(w.next, l.data[200_000:n]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if keys := keysOf(t, st, a.key("00000001", openFolder)+"/"); len(keys) != 1 {
		t.Errorf("chunks of a closed segment are left: %q", keys)
	}
	wantLog(t, a, l, n)
}

// A worker without a secret key can't compare, and still goes on.
func TestWriteOnlyWorker(t *testing.T) {
	t.Parallel()
	st := newLocal(t)
	reader := newKeys(t, seal.Config{Identity: testIdentity})
	point, err := reader.NewPointKey()
	if err != nil {
		t.Fatal(err)
	}
	keys := newKeys(t, seal.Config{Recipients: point.Recipients})
	const n = testSize + 100_000
	l := newLog(1, testStart, 6)
	l.upTo(n)
	for range 3 {
		a := Open(st, "main", keys, 1)
		w := newWriter(t.Context(), t, a, l, l.start+testSize)
		if err := errors.Join(w.WAL(l.start+testSize, l.data[testSize:n]), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		a := Open(st, "main", keys, 1)
		w := newWriter(t.Context(), t, a, l, l.start)
		err := errors.Join(w.WAL(l.start, l.data[:testSize]), w.Close())
		if i == 0 && err != nil {
			t.Fatal(err)
		} else if i == 1 {
			wantKind(t, err, fault.Unavailable, "another writer")
		}
	}
	if keys := keysOf(t, st, "wal/main/"+keysFolder); len(keys) != 1 {
		t.Errorf("keys: %q", keys)
	}
	wantLog(t, Open(st, "main", reader, 1), l, n)
}

// The marker tells who streams, how far the server was, and until when
// everything is known to be there.
func TestMarker(t *testing.T) {
	t.Parallel()
	l := newLog(1, testStart, 7)
	l.upTo(2000)
	a := newArchive(t, newLocal(t))
	_, err := a.Stream(t.Context())
	wantKind(t, err, fault.Missing, "never streamed")
	w := newWriter(t.Context(), t, a, l, l.start)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	steps := errors.Join(
		w.Idle(l.start+500, at), w.WAL(l.start, l.data[:1000]), w.Idle(l.start+1000, at.Add(time.Second)), w.Idle(l.start+2000, at.Add(2*time.Second)),
		w.Flush(t.Context()),
	)
	if steps != nil {
		t.Fatal(steps)
	}
	got, err := a.Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Host != "here" || got.Timeline != 1 || got.ServerLSN != l.start+2000 || !got.ServerTime.Equal(at.Add(2*time.Second)) ||
		got.Flushed != l.start+1000 || !got.KnownUntil.Equal(at.Add(time.Second)) || got.Ended || got.Started.IsZero() || got.Updated.IsZero() {
		t.Errorf("%+v", got)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err = a.Stream(t.Context()); err != nil || !got.Ended {
		t.Errorf("%+v, %v", got, err)
	}
	h, err := a.Holdings(t.Context())
	if err != nil || !h.Timelines[0].KnownUntil.Equal(at.Add(time.Second)) {
		t.Errorf("%+v, %v", h, err)
	}
	// A stream that ends before it has heard of the server takes nothing back, one of another timeline does.
	for i, known := range []bool{true, false} {
		timeline := uint32(i + 1)
		next, err := a.Writer(t.Context(), WriterOptions{Cluster: l.cluster, Timeline: timeline, From: l.start, Host: "there"})
		if err != nil {
			t.Fatal(err)
		}
		if marker := next.life.marker; marker.KnownUntil.Equal(at.Add(time.Second)) != known || (marker.ServerLSN == l.start+2000) != known {
			t.Errorf("timeline %d begins with %+v", timeline, marker)
		}
		if err := next.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := a.Stream(t.Context())
		if err != nil || got.Host != "there" || got.KnownUntil.Equal(at.Add(time.Second)) != known {
			t.Errorf("after timeline %d: %+v, %v", timeline, got, err)
		}
	}
}
