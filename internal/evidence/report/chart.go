package report

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// chart is the timeline as it is drawn. Lengths are in the units of its view box.
type chart struct {
	Width, Height string
	Title, About  string
	Left, Right   string
	Top, Bottom   string
	Ticks         []mark
	Bars          []bar
	RTO           *bracket
	// NoRTO stands in place of the RTO.
	NoRTO  string
	Target *mark
	// BarHeight is that of every bar, StepHeight that of those of a restore's steps.
	BarHeight, StepHeight string
}

// mark is a labelled place on the axis.
type mark struct{ X, Y, Label, Anchor string }

// bar is one row: its label, its bar and how long it took.
type bar struct {
	// Class is phase, step or failed.
	Class               string
	Step                bool
	Label, About        string
	LabelX, TextY       string
	X, Y, Width, Height string
	// Took stands at TookX, to the side that Anchor says.
	Took, TookX, Anchor, TookClass string
}

// bracket is the span of the RTO.
type bracket struct{ From, To, Y, Upper, Lower, Label, LabelX, LabelY, Anchor string }

// The measures of the drawing.
const (
	chartWidth = 760.0
	chartLeft  = 176.0
	chartRight = 744.0
	chartTop   = 58.0
	rowHeight  = 24.0
	barHeight  = 14.0
	stepHeight = 8.0
	perLetter  = 6.4
	maxLabel   = 26
	maxTicks   = 7
	leastBar   = 1.5
	farTarget  = 2.5
	farLate    = 3.0
)

// plotted is a phase that is drawn, in seconds from the left end.
type plotted struct {
	name, surface string
	from, took    float64
	step, failed  bool
}

// draw lays out the timeline; nil when no phase has a beginning. What is said
// beside it is what could not be drawn as the rest is.
func draw(r drill.Record) (*chart, []string) {
	origin, rows, end, said := plot(r)
	if len(rows) == 0 {
		return nil, said
	}
	o, declared := r.Objectives, r.Timeline.Declared
	base := 0.0
	if !declared.IsZero() {
		base = declared.Sub(origin).Seconds()
	}
	if o.RTOMeasured {
		end = max(end, base+o.RTOSeconds)
	}
	target := o.RTOTarget > 0 && !declared.IsZero()
	if target && base+o.RTOTarget > end*farTarget {
		said = append(said, "The RTO target, "+span(o.RTOTarget)+" after the declaration, lies far to the right of what is drawn.")
		target = false
	}
	if target {
		end = max(end, (base+o.RTOTarget)*1.02)
	}
	a := axis{end: max(end, 0.001)}
	bottom := chartTop + float64(len(rows))*rowHeight + 4
	c := &chart{
		Width: px(chartWidth), Height: px(bottom + 26), Left: px(chartLeft), Right: px(chartRight), Top: px(chartTop - 4), Bottom: px(bottom),
		Title: "Timeline of the drill", Ticks: a.ticks(), About: about(r, rows),
		BarHeight: px(barHeight), StepHeight: px(stepHeight),
	}
	for i, p := range rows {
		c.Bars = append(c.Bars, a.bar(p, chartTop+float64(i)*rowHeight))
	}
	if o.RTOMeasured && !declared.IsZero() {
		c.RTO = a.bracket(base, o)
	} else if !isTabletop(r) {
		c.NoRTO = "RTO not measured"
	}
	if target {
		x := a.x(base + o.RTOTarget)
		c.Target = &mark{X: px(x), Y: px(bottom + 18), Label: "RTO target " + span(o.RTOTarget), Anchor: side(x)}
	}
	return c, said
}

// plot places every phase that has a beginning, and each surface's steps below
// the restore. Only their durations are known; they follow one another.
func plot(r drill.Record) (origin time.Time, rows []plotted, end float64, said []string) {
	begins := []time.Time{r.Timeline.Declared}
	for _, p := range r.Timeline.Phases {
		begins = append(begins, p.Start)
	}
	for _, at := range begins {
		if !at.IsZero() && (origin.IsZero() || at.Before(origin)) {
			origin = at
		}
	}
	steps := false
	for _, late := range []bool{false, true} {
		// What may come long after would leave no room for the recovery: it is
		// looked at when the end of all else is known.
		for _, p := range r.Timeline.Phases {
			to := p.Start.Sub(origin).Seconds() + max(0, p.Seconds)
			if !p.Start.IsZero() && mayBeLate(p) == late && (!late || end == 0 || to <= farLate*end) {
				end = max(end, to)
			}
		}
	}
	for _, p := range r.Timeline.Phases {
		row := plotted{name: p.Name, surface: p.Surface, from: p.Start.Sub(origin).Seconds(), took: max(0, p.Seconds), step: p.Surface != "", failed: p.Error != ""}
		switch {
		case p.Start.IsZero():
			said = append(said, "Not drawn, because its beginning was not recorded: "+p.Name+".")
			continue
		case row.from+row.took > end:
			said = append(said, "Not drawn, because it ended long after all else: "+p.Name+".")
			continue
		}
		rows = append(rows, row)
		if p.Name == drill.PhaseRestore && p.Surface == "" && !steps {
			for _, s := range stepsFrom(r, row.from) {
				rows, end, steps = append(rows, s), max(end, s.from+s.took), true
			}
		}
	}
	if steps {
		said = append(said, "The steps of each surface's restore are drawn from the beginning of the restore on, one after another: their durations were measured, their beginnings were not recorded.")
	}
	return origin, rows, end, said
}

// mayBeLate reports whether a phase waits for people, or follows one that does.
func mayBeLate(p drill.Phase) bool {
	return p.Name == drill.PhaseSignOff || p.Name == drill.PhaseTearDown
}

func stepsFrom(r drill.Record, begin float64) []plotted {
	var rows []plotted
	for _, s := range r.Surfaces {
		from := begin
		for _, step := range s.Steps {
			row := plotted{name: step.Name, surface: s.Surface, from: from, took: max(0, step.Seconds), step: true, failed: step.Error != ""}
			rows, from = append(rows, row), from+row.took
		}
	}
	return rows
}

// axis maps seconds to places.
type axis struct{ end float64 }

func (a axis) x(seconds float64) float64 {
	part := seconds / a.end
	if math.IsNaN(part) {
		part = 0
	}
	return chartLeft + min(max(part, 0), 1)*(chartRight-chartLeft)
}

// ticks are at most maxTicks round places.
func (a axis) ticks() []mark {
	step := 0.1
	for _, next := range []float64{0.2, 0.5, 1, 2, 5, 10, 15, 30, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day} {
		if a.end/step < maxTicks {
			break
		}
		step = next
	}
	for a.end/step >= maxTicks {
		step *= 2
	}
	var marks []mark
	for n := 0; float64(n)*step <= a.end; n++ {
		at := float64(n) * step
		m := mark{X: px(a.x(at)), Y: px(chartTop - 10), Label: span(at), Anchor: "middle"}
		if a.x(at) > chartRight-24 {
			m.X, m.Anchor = px(chartWidth-2), "end"
		}
		marks = append(marks, m)
	}
	return marks
}

func (a axis) bar(p plotted, y float64) bar {
	height, label := barHeight, p.name
	if p.step {
		height, label = stepHeight, p.surface+": "+p.name
	}
	from := a.x(p.from)
	width := max(a.x(p.from+p.took)-from, leastBar)
	b := bar{
		Class: "phase", Step: p.step, Label: clip(label, maxLabel), LabelX: px(chartLeft - 8),
		About: fmt.Sprintf("%s: from %s on, %s", label, span(p.from), span(p.took)), TextY: px(y + barHeight/2 + 4),
		X: px(from), Y: px(y + (barHeight-height)/2), Width: px(width), Height: px(height), Took: span(p.took), TookClass: "took",
	}
	if p.step {
		b.Class = "step"
	}
	if p.failed {
		b.Class, b.Took = "failed", b.Took+", failed"
		b.About += ", failed"
	}
	wide := float64(len([]rune(b.Took))) * perLetter
	switch {
	case from+width+6+wide <= chartRight:
		b.TookX, b.Anchor = px(from+width+6), "start"
	case from-6-wide >= chartLeft:
		b.TookX, b.Anchor = px(from-6), "end"
	default:
		b.TookX, b.Anchor = px(from+width-6), "end"
		if b.Class == "phase" {
			b.TookClass = "took inside"
		}
	}
	return b
}

func (a axis) bracket(base float64, o drill.Objectives) *bracket {
	const y = 24.0
	from, to := a.x(base), a.x(base+o.RTOSeconds)
	return &bracket{
		From: px(from), To: px(to), Y: px(y), Upper: px(y - 5), Lower: px(y + 5),
		Label: "RTO " + span(o.RTOSeconds), LabelX: px((from + to) / 2), LabelY: px(y - 9), Anchor: "middle",
	}
}

// side is how a label at a place is anchored so that it stays in the drawing.
func side(x float64) string {
	switch {
	case x > chartRight-80:
		return "end"
	case x < chartLeft+80:
		return "start"
	default:
		return "middle"
	}
}

// about describes the drawing to who can't see it.
func about(r drill.Record, rows []plotted) string {
	s := strconv.Itoa(len(rows)) + " bars on an axis of time since the declared failure; the tables below have the same facts."
	if r.Objectives.RTOMeasured {
		s += " The RTO spans " + span(r.Objectives.RTOSeconds) + "."
	}
	return s
}

func px(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
