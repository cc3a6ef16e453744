package walarchive

import (
	"context"
	"iter"
	"reflect"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// counted counts what listings yield.
type counted struct {
	store.Store
	entries int
}

func (c *counted) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for e, err := range c.Store.List(ctx, opts) {
			c.entries++
			if !yield(e, err) {
				return
			}
		}
	}
}

// TestHoldingsSince lists what is new, and finds what Holdings finds.
func TestHoldingsSince(t *testing.T) {
	t.Parallel()
	st := &counted{Store: newLocal(t)}
	a := newArchive(t, st)
	put := func(keys ...string) {
		t.Helper()
		for _, key := range keys {
			if _, err := st.Put(t.Context(), key, strings.NewReader("WAL"), store.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	segments := func(timeline uint32, from, to uint64) {
		for n := from; n < to; n++ {
			name := wal.Segment{Timeline: timeline, Number: n}.Name(testSize)
			put(a.fileKey(name, compressed), a.fileKey(name, compressed+sidecar))
		}
	}
	same := func(what string, most int) {
		t.Helper()
		st.entries = 0
		found, err := a.HoldingsSince(t.Context())
		listed := st.entries
		if err != nil {
			t.Fatal(err)
		}
		want, err := newArchive(t, st).Holdings(t.Context())
		if err != nil || !reflect.DeepEqual(found, want) {
			t.Errorf("%s: %d timelines, %+v; want %+v, %v", what, len(found.Timelines), inShort(found), inShort(want), err)
		}
		if listed > most {
			t.Errorf("%s: %d entries were listed, more than %d", what, listed, most)
		}
	}
	if err := a.join(t.Context(), testCluster); err != nil {
		t.Fatal(err)
	}
	same("nothing yet", 5)
	segments(1, 10, 110)
	same("all is new", 210)
	const again = 2*overlap + 5
	same("nothing is new", again)
	segments(1, 111, 113)
	open := wal.Segment{Timeline: 1, Number: 113}.Name(testSize)
	put(a.chunkKey(open, span{0, 4096}, compressed), a.chunkKey(open, span{4096, 9000}, compressed))
	same("a hole, and an open one", again+6)
	segments(1, 110, 111)
	segments(1, 113, 114)
	if err := st.Delete(t.Context(), a.chunkKey(open, span{0, 4096}, compressed)); err != nil {
		t.Fatal(err)
	}
	same("it is filled, and the open one is whole", again+6)
	segments(2, 111, 113)
	same("a timeline begins", again+8)
	// What is gone from the end is looked into at once.
	if err := a.Delete(t.Context(), wal.Segment{Timeline: 1, Number: 100}, wal.Segment{Timeline: 1, Number: 20}); err != nil {
		t.Fatal(err)
	}
	same("some of the newest are gone", 3*110)
	if err := a.Delete(t.Context(), wal.Segment{Timeline: 2, Number: 111}, wal.Segment{Timeline: 2, Number: 112}); err != nil {
		t.Fatal(err)
	}
	same("a timeline is gone", again+4)
	// What retention removes shows when all is listed.
	if err := a.Delete(t.Context(), wal.Segment{Timeline: 1, Number: 10}); err != nil {
		t.Fatal(err)
	}
	if found, err := a.HoldingsSince(t.Context()); err != nil || found.Timelines[0].Segments[0].Number != 10 {
		t.Errorf("the oldest: %+v, %v", inShort(found), err)
	}
	if _, err := a.Holdings(t.Context()); err != nil {
		t.Fatal(err)
	}
	same("all was listed", again)
}

// inShort says how many segments each timeline has, and the open chunks.
func inShort(h pitr.Holdings) []any {
	var out []any
	for _, t := range h.Timelines {
		out = append(out, t.ID, len(t.Segments), t.Open)
	}
	return out
}
