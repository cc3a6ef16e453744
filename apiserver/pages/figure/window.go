package figure

import (
	"cmp"
	"html/template"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// Window is which moments of a surface can be had.
type Window struct {
	// Surface names it.
	Surface string
	// Earliest and Latest are the first and the last moment that can be had;
	// both are zero where nothing can.
	Earliest, Latest time.Time
	// Gaps lie between them, in any order. One that nothing follows has no To.
	Gaps []status.Gap
	// Now is when the drawing is made: it ends there.
	Now time.Time
}

// Stretch is a part of a window: one in which every moment can be had, a gap in
// which none can, or what was written since the newest WAL on the store.
type Stretch struct {
	From, To time.Time
	// Kind is Held, Gap or Behind.
	Kind string
}

// The kinds of stretches.
const (
	Held   = "held"
	Gap    = "gap"
	Behind = "behind"
)

// Stretches are the parts of the window from its beginning until now, in order.
// They follow one another without a hole.
func (w Window) Stretches() []Stretch {
	if w.Earliest.IsZero() || w.Latest.IsZero() {
		return nil
	}
	gaps := slices.Clone(w.Gaps)
	slices.SortFunc(gaps, func(a, b status.Gap) int { return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To)) })
	var out []Stretch
	add := func(to time.Time, kind string, from time.Time) time.Time {
		switch last := len(out) - 1; {
		case !to.After(from):
			return from
		case last >= 0 && out[last].Kind == kind:
			out[last].To = to
		default:
			out = append(out, Stretch{from, to, kind})
		}
		return to
	}
	at := w.Earliest
	for _, g := range gaps {
		if g.To.IsZero() || g.To.After(w.Latest) {
			g.To = w.Latest
		}
		at = add(earlier(g.From, w.Latest), Held, at)
		at = add(g.To, Gap, at)
	}
	at = add(w.Latest, Held, at)
	add(w.Now, Behind, at)
	return out
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// lag is how much is missing at the end before the drawing says so: streaming
// is always a little behind.
const lag = time.Minute

// About says in words what the drawing shows.
func (w Window) About() string {
	parts := w.Stretches()
	if len(parts) == 0 {
		return "No moment can be had: there is no base backup with the WAL that it needs."
	}
	gaps := 0
	for _, s := range parts {
		if s.Kind == Gap {
			gaps++
		}
	}
	said := "Any moment from " + moment(w.Earliest) + " to " + moment(w.Latest) + " can be had"
	switch gaps {
	case 0:
		said += "; there is no gap."
	default:
		said += ", but for " + count(gaps, "gap", "gaps") + ":"
		for _, s := range parts {
			if s.Kind == Gap {
				said += " " + moment(s.From) + " to " + moment(s.To) + ";"
			}
		}
		said = said[:len(said)-1] + "."
	}
	if behind := w.Now.Sub(w.Latest); behind > lag {
		said += " The store is " + span(behind.Seconds()) + " behind."
	}
	return said
}

// The measures of the strip and of the timeline.
const (
	stripWidth  = 400.0
	stripHeight = 20.0
	lineWidth   = 760.0
	lineEdge    = 12.0
	lineTop     = 40.0
	lineHeight  = 18.0
)

// piece is a stretch as it is drawn. A gap is crossed out, and what is behind is
// a dashed line: neither can be taken for WAL that is held.
type piece struct {
	Kind, About         string
	X, Y, Width, Height string
	// Right, Bottom and Middle are the other edges, for lines across.
	Right, Bottom, Middle string
}

// leastPiece is how narrow a gap may be drawn, so that none is too short to be seen.
const leastPiece = 3.0

func (w Window) pieces(a axis, y, height float64) []piece {
	said := map[string]string{Held: "WAL held", Gap: "gap", Behind: "not on the store yet"}
	var out, gaps []piece
	for _, s := range w.Stretches() {
		from, to := a.x(s.From), a.x(s.To)
		if s.Kind == Gap && to-from < leastPiece {
			from = max(a.left, min(from, a.right-leastPiece))
			to = from + leastPiece
		}
		drawn := piece{
			Kind: s.Kind, About: said[s.Kind] + ": " + moment(s.From) + " to " + moment(s.To),
			X: px(from), Y: px(y), Width: px(to - from), Height: px(height), Right: px(to), Bottom: px(y + height), Middle: px(y + height/2),
		}
		if s.Kind == Gap {
			gaps = append(gaps, drawn)
		} else {
			out = append(out, drawn)
		}
	}
	// Gaps last, so that what is beside them does not cover a narrow one.
	return append(out, gaps...)
}

// WALStrip draws a window as one strip, for a row of a table or a card: what is
// held, what is missing, and how far the store is behind.
func WALStrip(w Window) (template.HTML, error) {
	a := axis{w.Earliest, w.end(), 1, stripWidth - 1}
	return draw("strip", struct {
		Width, Height, Title, About string
		Pieces                      []piece
	}{px(stripWidth), px(stripHeight), "WAL of " + w.Surface, w.About(), w.pieces(a, 2, stripHeight-4)})
}

func (w Window) end() time.Time {
	if w.Now.After(w.Latest) {
		return w.Now
	}
	return w.Latest
}
