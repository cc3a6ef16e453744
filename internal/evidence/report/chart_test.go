package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

func coordinate(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		t.Fatalf("%q is no coordinate", s)
	}
	return v
}

// within checks that all of a drawing is inside of its box.
func within(t *testing.T, c *chart) {
	t.Helper()
	width, height := coordinate(t, c.Width), coordinate(t, c.Height)
	inside := func(what, x, y string) {
		if x, y := coordinate(t, x), coordinate(t, y); x < 0 || x > width || y < 0 || y > height {
			t.Errorf("%s is at %v, %v, outside of %v by %v", what, x, y, width, height)
		}
	}
	for _, m := range c.Ticks {
		inside("tick "+m.Label, m.X, m.Y)
	}
	if len(c.Ticks) > maxTicks+1 {
		t.Errorf("there are %d ticks", len(c.Ticks))
	}
	for _, b := range c.Bars {
		inside(b.Label, b.X, b.Y)
		inside("the text of "+b.Label, b.TookX, b.TextY)
		if w := coordinate(t, b.Width); w < leastBar || coordinate(t, b.X)+w > width {
			t.Errorf("%s is %v wide from %s on", b.Label, w, b.X)
		}
	}
	for _, b := range c.Bars {
		// Its colour can be seen on a filled bar only.
		if strings.Contains(b.TookClass, "inside") && b.Class != "phase" {
			t.Errorf("the text of %s is inside of a bar that is not filled, or too low", b.Label)
		}
	}
	if c.RTO != nil {
		inside("the RTO", c.RTO.From, c.RTO.Y)
		inside("the end of the RTO", c.RTO.To, c.RTO.Y)
	}
	if c.Target != nil {
		inside("the target", c.Target.X, c.Target.Y)
	}
}

func TestTheDrawingIsToScale(t *testing.T) {
	t.Parallel()
	c, _ := draw(passing())
	within(t, c)
	// The target, 900 s, is the last thing on the axis.
	place := func(seconds float64) float64 { return chartLeft + seconds/918*(chartRight-chartLeft) }
	near := func(what, got string, want float64) {
		if math.Abs(coordinate(t, got)-want) > 0.1 {
			t.Errorf("%s is at %s, not %.1f", what, got, want)
		}
	}
	restore := c.Bars[slices.IndexFunc(c.Bars, func(b bar) bool { return b.Label == "restore" })]
	near("the restore", restore.X, place(3.1))
	near("the length of the restore", restore.Width, place(307.3)-place(0))
	near("the begin of the RTO", c.RTO.From, place(0))
	near("the end of the RTO", c.RTO.To, place(407.2))
	near("the target", c.Target.X, place(900))
	// The steps of one surface follow one another.
	replay := c.Bars[slices.IndexFunc(c.Bars, func(b bar) bool { return b.Label == "main: replay WAL" })]
	near("the replay", replay.X, place(3.1+148.2+61.4))
	if len(c.Bars) != 10+7 {
		t.Errorf("there are %d bars", len(c.Bars))
	}
}

func TestOddTimelines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*drill.Record)
		// says is a part of what is said beside the drawing.
		says string
		none bool
	}{
		"a sign-off of two weeks": {func(r *drill.Record) {
			r.Timeline.Phases = append(r.Timeline.Phases, drill.Phase{Name: drill.PhaseSignOff, Start: at(460), Seconds: 14 * day})
		}, "long after all else: sign-off", false},
		"an environment that was kept": {func(r *drill.Record) { r.Timeline.Phases[8].Start = at(3 * day) }, "long after all else: tear down", false},
		"a target far away":            {func(r *drill.Record) { r.Objectives.RTOTarget = 4 * hour }, "far to the right", false},
		"no declaration":               {func(r *drill.Record) { r.Timeline.Declared = time.Time{} }, "", false},
		"no target":                    {func(r *drill.Record) { r.Objectives.RTOTarget = 0 }, "", false},
		"no RTO":                       {func(r *drill.Record) { r.Objectives.RTOMeasured = false }, "", false},
		"times before the declaration": {func(r *drill.Record) { r.Timeline.Phases[2].Start = at(-300) }, "", false},
		"negative lengths":             {func(r *drill.Record) { r.Timeline.Phases[3].Seconds, r.Objectives.RTOSeconds = -5, -5 }, "", false},
		"endless lengths":              {func(r *drill.Record) { r.Timeline.Phases[3].Seconds, r.Surfaces[0].Steps[0].Seconds = 1e300, 1e308 }, "", false},
		"centuries apart":              {func(r *drill.Record) { r.Timeline.Phases[3].Start = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC) }, "", false},
		"all at once": {func(r *drill.Record) {
			for i := range r.Timeline.Phases {
				r.Timeline.Phases[i].Start, r.Timeline.Phases[i].Seconds = declared, 0
			}
			r.Surfaces, r.Objectives = nil, drill.Objectives{}
		}, "", false},
		"only a sign-off": {func(r *drill.Record) {
			r.Timeline.Phases = []drill.Phase{{Name: drill.PhaseSignOff, Start: at(10), Seconds: day}}
		}, "", false},
		"no beginnings": {func(r *drill.Record) {
			for i := range r.Timeline.Phases {
				r.Timeline.Phases[i].Start = time.Time{}
			}
		}, "its beginning was not recorded: declare", true},
		"a failure from end to end": {func(r *drill.Record) {
			r.Timeline.Phases[3].Seconds, r.Timeline.Phases[3].Error, r.Surfaces[0].Steps[0].Seconds = 2000, "it failed", 2000
		}, "", false},
		"no phases":   {func(r *drill.Record) { r.Timeline.Phases = nil }, "", true},
		"a long name": {func(r *drill.Record) { r.Timeline.Phases[3].Name = strings.Repeat("W", 500) }, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := passing()
			c.change(&r)
			drawn, said := draw(r)
			if (drawn == nil) != c.none {
				t.Fatalf("drawn: %v", drawn != nil)
			}
			if !strings.Contains(strings.Join(said, "\n"), c.says) {
				t.Errorf("beside the drawing is said %q, and not %q", said, c.says)
			}
			if drawn != nil {
				within(t, drawn)
			}
			shown(t, Drill{Record: r})
		})
	}
}
