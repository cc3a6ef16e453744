package pitr_test

import (
	"reflect"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// numbered are segments of a timeline, from the first to the last.
func numbered(timeline uint32, first, last uint64) []wal.Segment {
	var all []wal.Segment
	for n := first; n <= last; n++ {
		all = append(all, wal.Segment{Timeline: timeline, Number: n})
	}
	return all
}

func TestRetain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		world  func() *written
		change func(w *written)
		keep   []string
		want   pitr.Surplus
	}{
		"all bases":     {plain, nil, []string{"b12", "b20", "b25"}, pitr.Surplus{Segments: numbered(1, 10, 10), Bytes: 100}},
		"two bases":     {plain, nil, []string{"b20", "b25"}, pitr.Surplus{Bases: []string{"b12"}, Segments: numbered(1, 10, 18), Bytes: 900}},
		"the last base": {plain, nil, []string{"b25"}, pitr.Surplus{Bases: []string{"b20", "b12"}, Segments: numbered(1, 10, 24), Bytes: 1500}},
		"none":          {plain, nil, nil, pitr.Surplus{}},
		"strangers":     {plain, nil, []string{"b99"}, pitr.Surplus{}},
		"a chain": {plain, func(w *written) { w.holdings.Bases[2].Parent = "b20"; w.holdings.Bases[0].Parent = "b12" }, []string{"b25"},
			pitr.Surplus{Segments: numbered(1, 10, 24), Bytes: 1500}},
		"an old base keeps the timelines that descend from it": {switched, nil, []string{"b20"},
			pitr.Surplus{Bases: []string{"b12", "b25", "b24"}, Segments: numbered(1, 10, 18), Bytes: 900}},
		"a base on a later timeline": {switched, nil, []string{"b24"},
			pitr.Surplus{Bases: []string{"b20", "b12", "b25"}, Segments: append(numbered(1, 10, 22), numbered(2, 21, 22)...), Bytes: 1500}},
		"a base on what was left behind keeps its own": {switched, nil, []string{"b25"},
			pitr.Surplus{Bases: []string{"b20", "b12", "b24"}, Segments: append(numbered(1, 10, 24), numbered(2, 21, 24)...), Bytes: 1900}},
		"a timeline that is used up": {switched, func(w *written) {
			w.holdings.Bases = append(w.holdings.Bases, base("b30", 3, 30.25, 30.5))
			w.holdings.Timelines[0].Open = nil
		}, []string{"b30"}, pitr.Surplus{
			Bases:    []string{"b20", "b12", "b25", "b24"},
			Segments: append(append(numbered(1, 10, 29), numbered(2, 21, 28)...), numbered(3, 27, 29)...), Histories: []uint32{2}, Bytes: 3100,
		}},
		"a timeline of unknown descent": {switched, func(w *written) { w.holdings.Timelines[2].History = nil }, []string{"b20"},
			pitr.Surplus{Bases: []string{"b12", "b25", "b24"}, Segments: numbered(1, 10, 18), Bytes: 900}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := test.world()
			if test.change != nil {
				test.change(w)
			}
			got := pitr.Retain(*w.holdings, test.keep)
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
			checkKept(t, w, test.keep, got)
		})
	}
}

// checkKept wants every kept base that was usable to be usable without the surplus.
func checkKept(t *testing.T, w *written, keep []string, surplus pitr.Surplus) {
	t.Helper()
	before := w.holdings.Timelines
	var after []pitr.Timeline
	for _, timeline := range before {
		var left []pitr.Held
		for _, s := range timeline.Segments {
			gone := false
			for _, dropped := range surplus.Segments {
				gone = gone || (dropped.Timeline == timeline.ID && dropped.Number == s.Number)
			}
			if !gone {
				left = append(left, s)
			}
		}
		timeline.Segments = left
		after = append(after, timeline)
	}
	for _, b := range w.holdings.Bases {
		for _, id := range keep {
			if id != b.ID {
				continue
			}
			target := pitr.Target{Kind: pitr.AtLSN, LSN: b.Stop, Timeline: b.Timeline}
			w.holdings.Timelines = before
			first, err := pitr.Choose(t.Context(), *w.holdings, w, target)
			w.holdings.Timelines = after
			second, errAfter := pitr.Choose(t.Context(), *w.holdings, w, target)
			if (err == nil) != (errAfter == nil) || first.Base.ID != second.Base.ID {
				t.Errorf("base %s: %v, afterwards %v", id, err, errAfter)
			}
		}
	}
}
