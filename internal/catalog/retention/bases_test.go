package retention

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlanBases(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	for name, c := range map[string]struct {
		points []Point
		keep   Keep
		kept   map[string]string
	}{
		"the one before the window stays": {
			[]Point{{ID: "a", At: day(9)}, {ID: "b", At: day(6)}, {ID: "c", At: day(4)}, {ID: "d", At: day(1)}},
			Keep{Days: 5},
			map[string]string{"b": "the window begins with it", "c": "not older than 5 days", "d": "the newest point is never deleted"},
		},
		"chains stay whole": {
			[]Point{
				{ID: "full", At: day(8)}, {ID: "i1", At: day(7), Parent: "full"}, {ID: "i2", At: day(6), Parent: "i1"},
				{ID: "full2", At: day(5)}, {ID: "j1", At: day(2), Parent: "full2"}, {ID: "other", At: day(9)},
			},
			Keep{Last: 1},
			map[string]string{"j1": "the newest point is never deleted", "full2": "j1 builds on it"},
		},
		"a chain of three": {
			[]Point{{ID: "full", At: day(3)}, {ID: "i1", At: day(2), Parent: "full"}, {ID: "i2", At: day(1), Parent: "i1"}},
			Keep{Last: 1},
			map[string]string{"i2": "the newest point is never deleted", "i1": "i2 builds on it", "full": "i1 builds on it"},
		},
		"a parent that is gone": {
			[]Point{{ID: "i1", At: day(2), Parent: "full"}}, Keep{Days: 1},
			map[string]string{"i1": "the newest point is never deleted"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := map[string]string{}
			for _, d := range PlanBases(c.points, c.keep, now) {
				if d.Keep {
					kept[d.ID] = d.Reason
				}
			}
			if diff := cmp.Diff(c.kept, kept); diff != "" {
				t.Error(diff)
			}
		})
	}
}
