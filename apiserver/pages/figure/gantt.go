package figure

import (
	"html/template"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// Gantt is the phases of a drill against its target.
type Gantt struct {
	// Declared is when the recovery was ordered: the clock of the RTO begins there.
	Declared time.Time
	Phases   []Bar
	// RTOTarget is in seconds, 0 where there is none. RTO is what was measured,
	// nil while it was not.
	RTOTarget float64
	RTO       *float64
	// Now is set while the drill runs: the drawing ends there.
	Now time.Time
}

// Bar is one phase, or a step of it on one surface.
type Bar struct {
	Name, Surface string
	Start         time.Time
	Seconds       float64
	Failed        bool
	// Running is set for the phase that is under way: it lasts until now.
	Running bool
}

// Bars are the phases of a record, each surface's steps below its restore. Only
// the durations of steps are known; they follow one another.
func Bars(r drill.Record) []Bar {
	var out []Bar
	for _, p := range r.Timeline.Phases {
		if p.Start.IsZero() {
			continue
		}
		out = append(out, Bar{Name: p.Name, Surface: p.Surface, Start: p.Start, Seconds: p.Seconds, Failed: p.Error != ""})
		if p.Name != drill.PhaseRestore || p.Surface != "" {
			continue
		}
		for _, s := range r.Surfaces {
			at := p.Start
			for _, step := range s.Steps {
				out = append(out, Bar{Name: step.Name, Surface: s.Surface, Start: at, Seconds: step.Seconds, Failed: step.Error != ""})
				at = at.Add(time.Duration(step.Seconds * float64(time.Second)))
			}
		}
	}
	return out
}

// The measures of the Gantt chart.
const (
	ganttLeft   = 190.0
	ganttRight  = 700.0
	ganttTop    = 46.0
	ganttRow    = 24.0
	ganttBar    = 14.0
	ganttStep   = 8.0
	ganttLabel  = 27
	leastBar    = 2.0
	perLetter   = 6.6
	farTarget   = 3.0
	waitingFar  = 3.0
	ganttBottom = 40.0
)

// row is one bar as it is drawn.
type row struct {
	// Class is phase, step, failed or running.
	Class, About        string
	Label, Took         label
	X, Y, Width, Height string
	// Right and Bottom are for the cross through one that failed.
	Right, Bottom string
}

// line is a vertical line with its name.
type line struct {
	X, Top, Foot string
	Label        label
}

// Draw draws the chart; empty where no phase has begun.
func (g Gantt) Draw() (template.HTML, error) {
	bars, end := g.visible()
	if len(bars) == 0 {
		return "", nil
	}
	target := g.RTOTarget > 0 && g.RTOTarget <= end*farTarget
	if target {
		end = max(end, g.RTOTarget*1.03)
	}
	a := axis{g.Declared, g.Declared.Add(seconds(max(end, 0.001))), ganttLeft, ganttRight}
	bottom := ganttTop + float64(len(bars))*ganttRow + 4
	d := struct {
		Width, Height, Title, About string
		Left, Right, Top, Foot      string
		Marks                       []label
		Rows                        []row
		Lines                       []line
		Target                      *line
		Far                         *label
	}{
		Width: px(lineWidth), Height: px(bottom + ganttBottom), Title: "Phases of the drill", About: g.about(bars),
		Left: px(ganttLeft), Right: px(ganttRight), Top: px(ganttTop - 6), Foot: px(bottom), Marks: ganttMarks(a, end),
	}
	for i, b := range bars {
		d.Rows = append(d.Rows, g.row(a, b, ganttTop+float64(i)*ganttRow))
	}
	if target {
		at := a.x(g.Declared.Add(seconds(g.RTOTarget)))
		d.Target = &line{px(at), px(ganttTop - 6), px(bottom + 4), label{px(at), px(bottom + 18), "RTO target " + span(g.RTOTarget), a.side(at)}}
	} else if g.RTOTarget > 0 {
		d.Far = &label{px(ganttRight), px(bottom + 18), "RTO target " + span(g.RTOTarget) + ", far to the right →", "end"}
	}
	if g.RTO != nil {
		at := a.x(g.Declared.Add(seconds(*g.RTO)))
		d.Lines = append(d.Lines, line{px(at), px(ganttTop - 6), px(bottom + 4), label{px(at), px(bottom + 34), "recovered after " + span(*g.RTO), a.side(at)}})
	} else if !g.Now.IsZero() {
		at := a.x(g.Now)
		d.Lines = append(d.Lines, line{px(at), px(ganttTop - 6), px(bottom + 4), label{px(at), px(bottom + 34), "now: " + span(g.Now.Sub(g.Declared).Seconds()), a.side(at)}})
	}
	return draw("gantt", d)
}

// visible are the bars that are drawn, and the last second of them. What waits
// for people may take days, and would leave no room for the recovery: it is left
// out, and stands in the table alone.
func (g Gantt) visible() ([]Bar, float64) {
	end := 0.0
	until := func(b Bar) float64 { return b.Start.Sub(g.Declared).Seconds() + g.took(b) }
	for _, b := range g.Phases {
		if !mayWait(b) {
			end = max(end, until(b))
		}
	}
	if g.RTO != nil {
		end = max(end, *g.RTO)
	}
	var out []Bar
	for _, b := range g.Phases {
		if mayWait(b) && until(b) > max(end, 1)*waitingFar {
			continue
		}
		out = append(out, b)
		end = max(end, until(b))
	}
	return out, end
}

// mayWait reports whether a phase waits for people, or follows one that does.
func mayWait(b Bar) bool { return b.Name == drill.PhaseSignOff || b.Name == drill.PhaseTearDown }

func (g Gantt) took(b Bar) float64 {
	if b.Running && g.Now.After(b.Start) {
		return g.Now.Sub(b.Start).Seconds()
	}
	return max(0, b.Seconds)
}

func (g Gantt) row(a axis, b Bar, y float64) row {
	height, name, class := ganttBar, b.Name, "phase"
	if b.Surface != "" {
		height, name, class = ganttStep, b.Surface+": "+b.Name, "step"
	}
	took := g.took(b)
	from := a.x(b.Start)
	to := max(a.x(b.Start.Add(seconds(took))), from+leastBar)
	text := span(took)
	switch {
	case b.Failed:
		class, text = "failed", text+", failed"
	case b.Running:
		class, text = "running", text+" so far"
	}
	top := y + (ganttBar-height)/2
	out := row{
		Class: class, About: name + ": from " + span(b.Start.Sub(g.Declared).Seconds()) + " on, " + text,
		Label: label{px(ganttLeft - 8), px(y + 11), clip(name, ganttLabel), "end"}, Took: label{px(to + 6), px(y + 11), text, "start"},
		X: px(from), Y: px(top), Width: px(to - from), Height: px(height), Right: px(to), Bottom: px(top + height),
	}
	if wide := float64(len([]rune(text))) * perLetter; to+6+wide > lineWidth && from-6-wide > ganttLeft {
		out.Took.X, out.Took.Anchor = px(from-6), "end"
	}
	return out
}

// ganttMarks are round distances from the declaration.
func ganttMarks(a axis, end float64) []label {
	step := 0.1
	for _, next := range []float64{0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600, 86400} {
		if end/step <= 6 {
			break
		}
		step = next
	}
	for end/step > 6 {
		step *= 2
	}
	var out []label
	for n := 0; float64(n)*step <= end; n++ {
		x := a.x(a.from.Add(seconds(float64(n) * step)))
		out = append(out, label{px(x), px(ganttTop - 14), span(float64(n) * step), "middle"})
	}
	return out
}

func (g Gantt) about(bars []Bar) string {
	said := count(len(bars), "bar", "bars") + " on an axis of time since the declared failure."
	if left := len(g.Phases) - len(bars); left > 0 {
		said += " " + count(left, "phase", "phases") + " that ended long after all else can't be drawn beside them."
	}
	switch {
	case g.RTO != nil:
		said += " Everything was recovered and reconciled after " + span(*g.RTO)
	case !g.Now.IsZero():
		said += " It runs since " + span(g.Now.Sub(g.Declared).Seconds())
	default:
		said += " No RTO was measured"
	}
	if g.RTOTarget > 0 {
		said += "; the target is " + span(g.RTOTarget)
	}
	return said + "."
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
