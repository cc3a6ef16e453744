package walarchive

import (
	"errors"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// A stream goes on where the last one ended, over a switch of timelines.
func TestResume(t *testing.T) {
	t.Parallel()
	const left = testSize + 400_000
	history := func(timeline uint32, text string) func(*testing.T, *Archive) {
		return func(t *testing.T, a *Archive) {
			t.Helper()
			if err := a.StoreHistory(t.Context(), timeline, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	streamed := func(timeline uint32, from, to int) func(*testing.T, *Archive) {
		return func(t *testing.T, a *Archive) {
			t.Helper()
			l := newLog(timeline, testStart, 51)
			l.upTo(to)
			w := newWriter(t.Context(), t, a, l, l.start+wal.LSN(from))
			if err := errors.Join(w.WAL(w.next, l.data[from:to]), w.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	end := testStart + left
	second := history(2, "1\t"+end.String()+"\tpromoted\n")
	third := history(3, "1\t"+end.String()+"\tpromoted\n2\t"+(end+3*testSize).String()+"\tpromoted\n")
	type steps = []func(*testing.T, *Archive)
	for name, c := range map[string]struct {
		before   steps
		server   uint32
		at       wal.LSN
		timeline uint32
		from     wal.LSN
		kind     fault.Kind
	}{
		"nothing there":              {nil, 3, testStart + 5000, 3, testStart, ""},
		"the same timeline":          {steps{streamed(1, 0, left)}, 1, testStart + 9*testSize, 1, testStart + testSize, ""},
		"an idle server":             {steps{streamed(1, 0, left)}, 1, end, 1, testStart + testSize, ""},
		"a server that was set back": {steps{streamed(1, 0, left)}, 1, end - 1, 0, 0, fault.Conflict},
		"without the history":        {steps{streamed(1, 0, left)}, 2, end, 0, 0, fault.Missing},
		"the old one isn't complete": {steps{streamed(1, 0, left-1), second}, 2, end + 5000, 1, testStart + testSize, ""},
		"the old one is complete":    {steps{streamed(1, 0, left), second}, 2, end + 5000, 2, testStart + testSize, ""},
		"more than complete":         {steps{streamed(1, 0, left+testSize), second}, 2, end + 5000, 2, testStart + testSize, ""},
		"the new one was begun":      {steps{streamed(1, 0, left), second, streamed(2, testSize, 4*testSize+5)}, 2, end + 9*testSize, 2, testStart + 4*testSize, ""},
		"one was never seen":         {steps{streamed(1, 0, left), second, third}, 3, end + 9*testSize, 2, testStart + testSize, ""},
		"in the middle of three":     {steps{streamed(1, 0, left), third, streamed(2, testSize, 2*testSize)}, 3, end + 9*testSize, 2, testStart + 2*testSize, ""},
		"only of a later one":        {steps{streamed(2, 0, left)}, 1, end + 8*testSize, 1, testStart + 9*testSize, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newLocal(t)
			for _, step := range c.before {
				step(t, newArchive(t, st))
			}
			timeline, from, err := newArchive(t, st).Resume(t.Context(), Server{Cluster: testCluster, Timeline: c.server, At: c.at})
			if timeline != c.timeline || from != c.from || (err == nil) != (c.kind == "") || err != nil && !fault.Is(err, c.kind) {
				t.Errorf("timeline %d from %v, %v; want %d from %v, %s", timeline, from, err, c.timeline, c.from, c.kind)
			}
		})
	}
}

// The end of a timeline that was left is kept, and given back up to the switch.
func TestTimelineSwitch(t *testing.T) {
	t.Parallel()
	const left = testSize + 400_000
	a := newArchive(t, newLocal(t))
	first := newLog(1, testStart, 52)
	first.upTo(left)
	w := newWriter(t.Context(), t, a, first, first.start)
	if err := errors.Join(w.WAL(w.next, first.data[:left]), w.Close()); err != nil {
		t.Fatal(err)
	}
	history := "1\t" + (testStart + left).String() + "\tpromoted\n"
	if err := a.StoreHistory(t.Context(), 2, []byte(history)); err != nil {
		t.Fatal(err)
	}
	second := newLog(2, testStart, 53)
	second.upTo(3 * testSize)
	w = newWriter(t.Context(), t, a, second, second.start+testSize)
	if err := errors.Join(w.WAL(w.next, second.data[testSize:3*testSize]), w.Close()); err != nil {
		t.Fatal(err)
	}
	wantLog(t, a, first, left)
	if got, err := fetch(t, a, "00000002.history"); err != nil || string(got) != history {
		t.Errorf("%q, %v", got, err)
	}
}
