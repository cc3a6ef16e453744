package pitr_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
)

// missing is a gap from one position to another, in segments.
func missing(timeline uint32, from, to float64, first, last string, count int, after, before float64) pitr.Gap {
	gap := pitr.Gap{Timeline: timeline, From: at(from), To: at(to), FirstSegment: first, LastSegment: last, Segments: count}
	if after != 0 {
		gap.After = minute(after)
	}
	if before != 0 {
		gap.Before = minute(before)
	}
	return gap
}

func TestAssess(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		world            func() *written
		change           func(w *written)
		earliest, latest float64 // minutes
		latestLSN        float64 // segments
		timeline         uint32
		usable           int
		gaps             []pitr.Gap
	}{
		"gapless": {plain, nil, 122.5, 304.5, 30.5, 1, 3, nil},
		"known to be quiet": {plain, func(w *written) { w.holdings.Timelines[0].KnownUntil = minute(311) },
			122.5, 311, 30.5, 1, 3, nil},
		"a gap": {gapped, nil, 122.5, 304.5, 30.5, 1, 3,
			[]pitr.Gap{missing(1, 22, 24, "000000010000000000000016", "000000010000000000000017", 2, 219.5, 257.5)}},
		"nothing after the gap can be had": {gapped, func(w *written) {
			w.holdings.Bases = w.holdings.Bases[:2]
			w.holdings.Timelines[0].KnownUntil = minute(311)
		}, 122.5, 219.5, 22, 1, 2,
			[]pitr.Gap{missing(1, 22, 24, "000000010000000000000016", "000000010000000000000017", 2, 219.5, 0)}},
		"a hole in a segment that never closed": {plain, func(w *written) {
			t := &w.holdings.Timelines[0]
			t.Segments = slices.DeleteFunc(t.Segments, func(s pitr.Held) bool { return s.Number == 28 })
			t.Open = append([]pitr.OpenChunk{{From: at(28), To: at(28.25)}}, t.Open...)
		}, 122.5, 282.5 - 1, 28.25, 1, 3,
			[]pitr.Gap{missing(1, 28.25, 29, "00000001000000000000001C", "00000001000000000000001C", 1, 281.5, 0)}},
		"the WAL of the oldest base is gone": {plain, func(w *written) { w.holdings.Timelines[0].Segments = segments(14, 29) },
			202.5, 304.5, 30.5, 1, 2,
			[]pitr.Gap{missing(1, 11, 14, "00000001000000000000000B", "00000001000000000000000D", 3, 0, 202.5)}},
		"WAL that no base needs is no gap": {plain, func(w *written) {
			w.holdings.Timelines[0].Segments = append(segments(2, 3), segments(11, 29)...)
		}, 122.5, 304.5, 30.5, 1, 3, nil},
		"a base whose WAL is still on its way": {plain, func(w *written) { w.holdings.Bases = append(w.holdings.Bases, base("b31", 1, 30.25, 30.75)) },
			122.5, 304.5, 30.5, 1, 3, nil},
		"no bases":  {plain, func(w *written) { w.holdings.Bases = nil }, 0, 0, 0, 1, 0, nil},
		"nothing":   {plain, func(w *written) { w.holdings.Bases, w.holdings.Timelines = nil, nil }, 0, 0, 0, 0, 0, nil},
		"timelines": {switched, nil, 122.5, 321.25, 32.25, 3, 3, nil},
		"a gap at a switch": {switched, func(w *written) { w.holdings.Timelines[1].Segments = segments(22, 28) },
			122.5, 321.25, 32.25, 3, 3,
			[]pitr.Gap{missing(2, 21.5, 22, "000000020000000000000015", "000000020000000000000015", 1, 214.5, 242.5)}},
		"a gap over a switch": {switched, func(w *written) {
			w.holdings.Timelines[1].Segments = segments(23, 28)
			w.holdings.Timelines[0].Segments = segments(10, 20)
		}, 122.5, 321.25, 32.25, 3, 3,
			[]pitr.Gap{missing(1, 21, 23, "000000010000000000000015", "000000020000000000000016", 2, 209.5, 242.5)}},
		"a newest timeline that nothing leads to": {switched, func(w *written) { w.holdings.Timelines[2].History = nil },
			0, 0, 0, 3, 3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := test.world()
			if test.change != nil {
				test.change(w)
			}
			got, err := pitr.Assess(t.Context(), *w.holdings, w)
			if err != nil {
				t.Fatal(err)
			}
			same := func(what string, got time.Time, minutes float64) {
				if (minutes == 0) != got.IsZero() || (minutes != 0 && got.Sub(minute(minutes)).Abs() > time.Microsecond) {
					t.Errorf("%s is %s, want minute %v", what, got, minutes)
				}
			}
			same("earliest", got.Earliest, test.earliest)
			same("latest", got.Latest, test.latest)
			if got.LatestLSN != at(test.latestLSN) || got.Timeline != test.timeline || got.UsableBases != test.usable || got.Bases != len(w.holdings.Bases) {
				t.Errorf("latest at %s on timeline %d from %d of %d bases", got.LatestLSN, got.Timeline, got.UsableBases, got.Bases)
			}
			if len(got.Gaps) != len(test.gaps) || (len(got.Gaps) > 0 && !reflect.DeepEqual(got.Gaps, test.gaps)) {
				t.Errorf("gaps %+v\nwant %+v", got.Gaps, test.gaps)
			}
			checkPromise(t, w, got)
		})
	}
}

// checkPromise wants what a window says to be what can be planned.
func checkPromise(t *testing.T, w *written, window pitr.Window) {
	t.Helper()
	if window.Earliest.IsZero() {
		if _, err := pitr.Choose(t.Context(), *w.holdings, w, pitr.Target{Kind: pitr.AtLatest}); !fault.Is(err, fault.Missing) {
			t.Errorf("there is no window, but a plan: %v", err)
		}
		return
	}
	for _, moment := range []time.Time{window.Earliest, window.Latest} {
		_, err := pitr.Choose(t.Context(), *w.holdings, w, pitr.Target{Kind: pitr.AtTime, Time: moment})
		if err != nil {
			t.Errorf("%s is in the window: %v", moment, err)
		}
	}
	for _, gap := range window.Gaps {
		middle := gap.From + (gap.To-gap.From)/2
		if _, err := pitr.Choose(t.Context(), *w.holdings, w, pitr.Target{Kind: pitr.AtLSN, LSN: middle}); !fault.Is(err, fault.Missing) {
			t.Errorf("%s is in a gap, but can be had: %v", middle, err)
		}
	}
}

func TestAssessRefusesAnOddSegmentSize(t *testing.T) {
	t.Parallel()
	w := plain()
	w.holdings.SegmentSize = 1000
	if _, err := pitr.Assess(t.Context(), *w.holdings, w); !fault.Is(err, fault.Invalid) {
		t.Errorf("error %v", err)
	}
	if _, err := pitr.Choose(t.Context(), *w.holdings, w, pitr.Target{Kind: pitr.AtLatest}); !fault.Is(err, fault.Invalid) {
		t.Errorf("error %v", err)
	}
}
