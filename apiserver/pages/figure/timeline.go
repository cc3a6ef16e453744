package figure

import (
	"html/template"
	"time"
)

// BaseBackup is a base backup on a timeline.
type BaseBackup struct {
	ID string
	At time.Time
	// State is sealed, verified, proven or corrupt.
	State string
}

// Timeline is a window with its base backups and the moment that was picked.
type Timeline struct {
	Window
	Bases []BaseBackup
	// At is the moment that was picked, zero for none; Used is the ID of the base
	// backup that would be used for it.
	At   time.Time
	Used string
}

// base is a base backup as it is drawn: a flag with a letter for its state.
type base struct {
	About, X, Pole, Foot string
	Flag                 string
	Letter               label
	Used                 bool
}

// chosen is the picked moment, with what would be replayed for it.
type chosen struct {
	X, Top, Foot string
	Label        label
	Replay       *piece
}

// letters stand for the states of base backups.
var letters = map[string]string{"sealed": "S", "verified": "V", "proven": "P", "corrupt": "✕"}

// PITRTimeline draws which moments can be had, from which base backups, and what
// a recovery to the picked one would replay. It draws nothing where there is nothing.
func PITRTimeline(t Timeline) (template.HTML, error) {
	from := t.Earliest
	for _, b := range t.Bases {
		if from.IsZero() || b.At.Before(from) {
			from = b.At
		}
	}
	if from.IsZero() {
		return "", nil
	}
	to := t.end()
	if t.At.After(to) {
		to = t.At
	}
	a := axis{from, to, lineEdge, lineWidth - lineEdge}
	foot := lineTop + lineHeight
	d := struct {
		Width, Height, Title, About string
		Left, Right, Foot, Tip      string
		Pieces                      []piece
		Bases                       []base
		Marks                       []label
		At                          *chosen
	}{
		Width: px(lineWidth), Height: px(foot + 52), Title: "Moments of " + t.Surface, About: t.about(),
		Left: px(a.left), Right: px(a.right), Foot: px(foot), Tip: px(foot + 5), Pieces: t.pieces(a, lineTop, lineHeight), Marks: a.marks(foot+18, 7),
	}
	for _, b := range t.Bases {
		x := a.x(b.At)
		// The flag hangs to the left at the right end, so that it stays in the drawing.
		width, letter := 13.0, x+6
		if x > a.right-14 {
			width, letter = -13, x-6
		}
		d.Bases = append(d.Bases, base{
			About: "Base backup " + b.ID + " of " + moment(b.At) + ", " + b.State, X: px(x), Pole: px(lineTop - 20), Foot: px(foot),
			Flag:   px(x) + "," + px(lineTop-20) + " " + px(x+width) + "," + px(lineTop-20) + " " + px(x+width) + "," + px(lineTop-6) + " " + px(x) + "," + px(lineTop-6),
			Letter: label{px(letter), px(lineTop - 9), letterOf(b.State), "middle"}, Used: t.Used != "" && b.ID == t.Used,
		})
	}
	if !t.At.IsZero() {
		d.At = t.chosen(a, foot)
	}
	return draw("timeline", d)
}

func letterOf(state string) string {
	if l, ok := letters[state]; ok {
		return l
	}
	return "?"
}

func (t Timeline) chosen(a axis, foot float64) *chosen {
	x := a.x(t.At)
	c := &chosen{X: px(x), Top: px(lineTop - 22), Foot: px(foot + 26), Label: label{px(x), px(foot + 40), "picked: " + moment(t.At), a.side(x)}}
	if used := t.from(); !used.IsZero() && used.Before(t.At) {
		from := a.x(used)
		c.Replay = &piece{X: px(from), Right: px(x), Y: px(foot + 26), Width: px(x - from)}
	}
	return c
}

// from is when the base backup was made that would be used; zero without one.
func (t Timeline) from() time.Time {
	for _, b := range t.Bases {
		if t.Used != "" && b.ID == t.Used {
			return b.At
		}
	}
	return time.Time{}
}

func (t Timeline) about() string {
	said := t.About() + " There " + are(len(t.Bases), "base backup", "base backups") + "."
	if !t.At.IsZero() {
		said += " Picked is " + moment(t.At)
		if used := t.from(); !used.IsZero() {
			said += ", from the base backup of " + moment(used)
		}
		said += "."
	}
	return said
}

func are(n int, one, many string) string {
	if n == 1 {
		return "is 1 " + one
	}
	return "are " + count(n, one, many)
}
