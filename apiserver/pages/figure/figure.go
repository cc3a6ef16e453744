// Package figure draws what the admin pages show as pictures: the continuity of
// write-ahead log, the moments that can be had, the phases of a drill, and its
// calendar. Everything is computed from what it is given. A drawing is SVG with
// classes and attributes alone, no style and no script, so that it fits a strict
// Content-Security-Policy; it names itself by title and desc, and says nothing by
// colour that it does not say by shape or word. The pages have the same facts in
// tables beside it.
package figure

import (
	"bytes"
	_ "embed" // for the drawings
	"html/template"
	"math"
	"strconv"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

//go:embed figure.html
var source string

var drawings = template.Must(template.New("figure").Parse(source))

// draw makes the drawing of a name. What goes into it is escaped.
func draw(name string, data any) (template.HTML, error) {
	var out bytes.Buffer
	if err := drawings.ExecuteTemplate(&out, name, data); err != nil {
		return "", fault.Wrap(fault.Internal, err, "draw the %s", name)
	}
	//nolint:gosec // The template has escaped everything in it.
	return template.HTML(out.String()), nil
}

// label is a text at a place; Anchor is the side of it that the place is at.
type label struct{ X, Y, Text, Anchor string }

// axis maps moments to places between left and right.
type axis struct {
	from, to    time.Time
	left, right float64
}

// x is the place of a moment; what lies outside is put on the edge.
func (a axis) x(at time.Time) float64 {
	whole := a.to.Sub(a.from)
	if whole <= 0 {
		return a.left
	}
	part := float64(at.Sub(a.from)) / float64(whole)
	return a.left + min(max(part, 0), 1)*(a.right-a.left)
}

// steps are the distances that marks on an axis may have.
var steps = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 14 * day, 28 * day, 91 * day, 364 * day,
}

const day = 24 * time.Hour

// marks are round moments with their labels, at most so many.
func (a axis) marks(y float64, most int) []label {
	whole := a.to.Sub(a.from)
	if whole <= 0 {
		return nil
	}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if int(whole/s) < most {
			step = s
			break
		}
	}
	var out []label
	shown := ""
	for at := a.from.UTC().Truncate(step); !at.After(a.to); at = at.Add(step) {
		if at.Before(a.from) {
			continue
		}
		text := at.Format("2 Jan 2006")
		if step < day {
			text = at.Format("15:04:05")
			if step >= time.Minute {
				text = at.Format("15:04")
			}
			// The day stands at the first mark of it.
			if date := at.Format("2 Jan"); date != shown {
				text, shown = date+", "+text, date
			}
		}
		x := a.x(at)
		out = append(out, label{px(x), px(y), text, a.side(x)})
	}
	return out
}

// side is how a text at a place is anchored so that it stays in the drawing.
func (a axis) side(x float64) string {
	switch {
	case x > a.right-70:
		return "end"
	case x < a.left+70:
		return "start"
	default:
		return "middle"
	}
}

func px(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// moment writes a time in UTC to the second.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// span writes seconds for people: 12.3 s, 4 min 5 s, 3 h 4 min, 12 d 5 h.
func span(seconds float64) string {
	whole := func(unit float64) string { return strconv.FormatFloat(unit, 'f', 0, 64) }
	two := func(large float64, name string, small float64, smaller string) string {
		// Rounded first, so that 59.6 s is not written as 60 s of a minute.
		rounded := math.Round(seconds/small) * small
		n := math.Floor(rounded / large)
		rest := math.Round((rounded - n*large) / small)
		if rest == 0 {
			return whole(n) + " " + name
		}
		return whole(n) + " " + name + " " + whole(rest) + " " + smaller
	}
	switch {
	case math.Round(seconds*10) < 600:
		return strconv.FormatFloat(math.Round(max(0, seconds)*10)/10, 'f', -1, 64) + " s"
	case math.Round(seconds) < 3600:
		return two(60, "min", 1, "s")
	case seconds < 2*86400:
		return two(3600, "h", 60, "min")
	default:
		return two(86400, "d", 3600, "h")
	}
}

// count writes a number of things.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// clip shortens a text to what a drawing has room for.
func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
