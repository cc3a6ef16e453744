package reconcile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

const (
	// mostRows is how many rows that differ are shown: they are data, and evidence is kept long.
	mostRows = 5
	// mostShown is how much of a row is shown, in bytes.
	mostShown = 300
)

// query compares two answers row by row, in the order in which they come. All
// values are compared as text, as the server writes them, and NULL equals only
// NULL. Numbers are equal whatever zeros end their decimals: 1.00 equals 1. So
// do texts that look like that.
func (r *Runner) query(ctx context.Context, rec drill.Reconcile, found *tally) error {
	left, err := r.open(ctx, rec.Surface, rec.Query)
	if err != nil {
		return err
	}
	defer left.close()
	right, err := r.open(ctx, rec.With.Surface, rec.With.Query)
	if err != nil {
		return err
	}
	defer right.close()
	c := comparison{found: found}
	if err := c.run(left, right); err != nil {
		return err
	}
	counts := drill.Item{
		Name: "rows", Subject: subject(rec), Result: drill.Pass,
		Expected: strconv.FormatInt(c.right, 10), Observed: strconv.FormatInt(c.left, 10),
	}
	if c.left != c.right {
		counts.Result = drill.Fail
		counts.Detail = fmt.Sprintf("%s answered %d rows, %s %d", rec.Surface, c.left, rec.With.Surface, c.right)
	}
	found.add(0, counts)
	switch {
	case c.differing > 0:
		found.say("%d of %d rows differ, the first is row %d", c.differing, max(c.left, c.right), c.first)
	case c.left == 0:
		found.doubt("both sides answered no row: nothing was compared")
	case c.left == 1:
		found.say("1 row is equal")
	default:
		found.say("%d rows are equal", c.left)
	}
	return nil
}

// comparison counts the rows of both sides, and those that differ.
type comparison struct {
	found            *tally
	left, right      int64
	differing, first int64
}

func (c *comparison) run(left, right rows) error {
	for leftEnded, rightEnded := false, false; ; {
		var l, r [][]byte
		var err error
		if !leftEnded {
			l, leftEnded, err = step(left, &c.left)
		}
		if err == nil && !rightEnded {
			r, rightEnded, err = step(right, &c.right)
		}
		if err != nil || leftEnded && rightEnded {
			return err
		}
		if leftEnded || rightEnded || !equalRows(l, r) {
			c.differ(shown(l, leftEnded), shown(r, rightEnded))
		}
	}
}

func step(from rows, count *int64) (row [][]byte, ended bool, err error) {
	row, err = from.next()
	switch {
	case errors.Is(err, errEnd):
		return nil, true, nil
	case err != nil:
		return nil, false, err
	}
	*count++
	return row, false, nil
}

func (c *comparison) differ(left, right string) {
	c.differing++
	at := max(c.left, c.right)
	if c.first == 0 {
		c.first = at
	}
	if c.differing > mostRows {
		return
	}
	c.found.add(at, drill.Item{
		Name: "row " + strconv.FormatInt(at, 10), Expected: right, Observed: left, Result: drill.Fail,
	})
}

func equalRows(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if (a[i] == nil) != (b[i] == nil) || !bytes.Equal(a[i], b[i]) && !bytes.Equal(trimmed(a[i]), trimmed(b[i])) {
			return false
		}
	}
	return true
}

// trimmed is a decimal number without the zeros that end its decimals, and its
// point where none is left; anything else stays as it is.
func trimmed(text []byte) []byte {
	digits := bytes.TrimPrefix(text, []byte("-"))
	whole, decimals, found := bytes.Cut(digits, []byte("."))
	if !found || !number(whole) || !number(decimals) {
		return text
	}
	text = bytes.TrimSuffix(bytes.TrimRight(text, "0"), []byte("."))
	if string(text) == "-0" {
		return text[1:]
	}
	return text
}

func number(digits []byte) bool {
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(digits) > 0
}

// shown is a row for people: ("1", "abc", NULL).
func shown(row [][]byte, ended bool) string {
	if ended {
		return "no row"
	}
	var out strings.Builder
	out.WriteByte('(')
	for i, cell := range row {
		if i > 0 {
			out.WriteString(", ")
		}
		if out.Len() > mostShown {
			fmt.Fprintf(&out, "… %d columns", len(row))
			break
		}
		if cell == nil {
			out.WriteString("NULL")
			continue
		}
		out.WriteString(excerpt(cell))
	}
	out.WriteByte(')')
	return out.String()
}

// excerpt quotes a value, and says how long one is that is not shown whole.
func excerpt(value []byte) string {
	if len(value) <= mostShown {
		return strconv.Quote(string(value))
	}
	cut := mostShown
	for cut > mostShown-utf8.UTFMax && !utf8.RuneStart(value[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… of %d bytes", strconv.Quote(string(value[:cut])), len(value))
}
