package walarchive

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

var _ pitr.Indexes = (*Archive)(nil)

// What is streamed is held, told and given back, on every store and with every sort of key.
func TestStores(t *testing.T) {
	t.Parallel()
	for place, open := range map[string]func(testing.TB) store.Store{"local": newLocal, "s3": newS3} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			for name, config := range keyConfigs {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					st := open(t)
					roundTrip(t, func() *Archive { return Open(st, "main", newKeys(t, config), 1) })
				})
			}
		})
	}
}

func roundTrip(t *testing.T, open func() *Archive) {
	const n = 3*testSize + 300_123
	l := newLog(1, testStart, 1)
	l.upTo(n)
	w := newWriter(t.Context(), t, open(), l, l.start)
	if err := stream(w, l, n, rand.New(rand.NewPCG(1, 2))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := w.Flushed(); got != l.start+n {
		t.Errorf("flushed to %v, want %v", got, l.start+n)
	}
	a := open()
	wantLog(t, a, l, n)

	h, err := a.Holdings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := wal.SegmentAt(1, l.start, testSize).Number
	if len(h.Timelines) != 1 || h.SegmentSize != testSize || h.SystemID != testCluster.SystemID {
		t.Fatalf("holdings: %+v", h)
	}
	var numbers []uint64
	for _, s := range h.Timelines[0].Segments {
		numbers = append(numbers, s.Number)
		if s.Bytes <= 0 || s.Bytes >= testSize || s.StoredAt.IsZero() {
			t.Errorf("held: %+v", s)
		}
	}
	if want := []uint64{first, first + 1, first + 2}; !slices.Equal(numbers, want) {
		t.Errorf("segments %v, want %v", numbers, want)
	}
	if want := []pitr.OpenChunk{{From: l.start + 3*testSize, To: l.start + n}}; !slices.Equal(h.Timelines[0].Open, want) {
		t.Errorf("open %v, want %v", h.Timelines[0].Open, want)
	}
	wantIndexes(t, a, l, first)

	timeline, from, err := a.Resume(t.Context(), Server{Cluster: testCluster, Timeline: 1, At: l.start + n})
	if err != nil || timeline != 1 || from != l.start+3*testSize {
		t.Errorf("resume at %d %v, %v", timeline, from, err)
	}
	wantDeleted(t, a, l, first)
}

// wantIndexes checks that every commit is in exactly one index.
func wantIndexes(t *testing.T, a *Archive, l *log, first uint64) {
	t.Helper()
	var commits, endings int64
	var last wal.Index
	for i := range uint64(4) {
		s := wal.Segment{Timeline: 1, Number: first + i}
		index, err := a.Index(t.Context(), s)
		if i == 3 {
			index, err = a.OpenIndex(t.Context(), s)
		}
		if err != nil {
			t.Fatal(err)
		}
		commits += index.Commits
		last = index
		err = a.Transactions(t.Context(), s, func(wal.Ending) bool { endings++; return true })
		if err != nil {
			t.Fatal(err)
		}
	}
	// The last may be in the part of the log that was made but not streamed.
	if want := int64(len(l.commits)); commits < want-1 || commits > want || endings != commits {
		t.Errorf("%d commits in the indexes, %d read, want %d", commits, endings, want)
	}
	if !last.LastCommit.Equal(l.commits[commits-1]) {
		t.Errorf("last commit %v, want %v", last.LastCommit, l.commits[commits-1])
	}
}

func wantDeleted(t *testing.T, a *Archive, l *log, first uint64) {
	t.Helper()
	if err := a.Delete(t.Context(), wal.Segment{Timeline: 1, Number: first}, wal.Segment{Timeline: 1, Number: first + 3}); err != nil {
		t.Fatal(err)
	}
	left := keysOf(t, a.store, "wal/main/00000001/")
	if len(left) != 4 {
		t.Errorf("after deleting two of four segments: %q", left)
	}
	for _, key := range left {
		if s := key[len("wal/main/00000001/"):]; s[:24] != l.name(1) && s[:24] != l.name(2) {
			t.Errorf("left: %s", key)
		}
	}
}
