package figure

import (
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// Calendar is the drills of some months: one line for each plan.
type Calendar struct {
	// From is in the first month, To in the last one.
	From, To time.Time
	Now      time.Time
	Plans    []PlanDays
}

// PlanDays is what became of a plan's drills, and when the next are due.
type PlanDays struct {
	Plan string
	Days []Day
}

// Day is one drill that was done, or that is due.
type Day struct {
	At time.Time
	// What is a verdict, or Running, Due or Overdue.
	What string
}

// What a day may be, beside the verdicts of drills.
const (
	Running = "running"
	Due     = "due"
	Overdue = "overdue"
)

// symbols are what stands for each: none differs from another by its colour alone.
var symbols = map[string]string{
	drill.VerdictPass: "✓", drill.VerdictFail: "✕", drill.VerdictPartial: "◐", drill.VerdictAborted: "–", Running: "▶", Due: "○", Overdue: "!",
}

// Key is what the symbols of calendars stand for, in the order of a legend.
func Key() []struct{ Symbol, Means string } {
	var out []struct{ Symbol, Means string }
	for _, what := range []string{drill.VerdictPass, drill.VerdictPartial, drill.VerdictFail, drill.VerdictAborted, Running, Due, Overdue} {
		out = append(out, struct{ Symbol, Means string }{symbols[what], what})
	}
	return out
}

// The measures of the calendar.
const (
	calendarLeft  = 150.0
	calendarRight = 752.0
	calendarTop   = 28.0
	calendarRow   = 30.0
	calendarDot   = 9.0
)

// dot is a drill as it is drawn.
type dot struct {
	Class, About, X, Y string
	Text               label
}

// Draw draws the calendar; empty without plans.
func (c Calendar) Draw() (template.HTML, error) {
	if len(c.Plans) == 0 {
		return "", nil
	}
	from, to := month(c.From), month(c.To).AddDate(0, 1, 0)
	a := axis{from, to, calendarLeft, calendarRight}
	foot := calendarTop + float64(len(c.Plans))*calendarRow
	d := struct {
		Width, Height, Title, About string
		Left, Right, Top, Foot, Dot string
		Months, Plans               []label
		Edges, Rows                 []string
		Dots                        []dot
		Now                         string
	}{
		Width: px(lineWidth), Height: px(foot + 4), Title: "Calendar of drills", About: c.about(),
		Left: px(a.left), Right: px(a.right), Top: px(calendarTop), Foot: px(foot), Dot: px(calendarDot), Now: px(a.x(c.Now)),
	}
	for m := from; m.Before(to); m = m.AddDate(0, 1, 0) {
		next := m.AddDate(0, 1, 0)
		name := m.Format("Jan")
		if m.Month() == time.January || m.Equal(from) {
			name = m.Format("Jan 06")
		}
		d.Months = append(d.Months, label{px((a.x(m) + a.x(next)) / 2), px(calendarTop - 10), name, "middle"})
		d.Edges = append(d.Edges, px(a.x(m)))
	}
	for i, p := range c.Plans {
		y := calendarTop + float64(i)*calendarRow
		d.Plans = append(d.Plans, label{px(calendarLeft - 8), px(y + calendarRow/2 + 4), clip(p.Plan, 20), "end"})
		d.Rows = append(d.Rows, px(y+calendarRow))
		d.Dots = append(d.Dots, c.dots(a, p, y+calendarRow/2)...)
	}
	return draw("calendar", d)
}

// dots are the drills of one plan that fall into the months, the ones that were
// done last, so that they lie above what was due on the same day.
func (c Calendar) dots(a axis, p PlanDays, y float64) []dot {
	days := slices.Clone(p.Days)
	slices.SortStableFunc(days, func(x, y Day) int { return x.At.Compare(y.At) })
	var out []dot
	for _, day := range days {
		if day.At.Before(a.from) || !day.At.Before(a.to) {
			continue
		}
		// Whole in the drawing, also on the first and the last day.
		x := min(max(a.x(day.At), a.left+calendarDot), a.right-calendarDot)
		out = append(out, dot{
			Class: day.What, About: p.Plan + ", " + day.At.UTC().Format("2 January 2006") + ": " + day.What,
			X: px(x), Y: px(y), Text: label{px(x), px(y + 4.5), symbolOf(day.What), "middle"},
		})
	}
	return out
}

func symbolOf(what string) string {
	if s, ok := symbols[what]; ok {
		return s
	}
	return "?"
}

func (c Calendar) about() string {
	n := map[string]int{}
	for _, p := range c.Plans {
		for _, d := range p.Days {
			n[d.What]++
		}
	}
	said := []string{"From " + c.From.UTC().Format("January 2006") + " to " + c.To.UTC().Format("January 2006") + ", " + count(len(c.Plans), "plan", "plans")}
	for _, k := range Key() {
		if n[k.Means] > 0 {
			said = append(said, strconv.Itoa(n[k.Means])+" "+k.Means)
		}
	}
	return strings.Join(said, "; ") + "."
}

// month is the first moment of a time's month.
func month(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}
