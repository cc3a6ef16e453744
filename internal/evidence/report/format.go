package report

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

func or(s, other string) string { return cmp.Or(s, other) }

// moment writes a time in UTC to the second, or what stands for none.
func moment(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format("2006-01-02T15:04:05Z07:00")
}

// The lengths of time that have names, in seconds.
const (
	minute = 60.0
	hour   = 60 * minute
	day    = 24 * hour
)

// span writes seconds for people: 12.3 s, 4 min 5 s, 3 h 4 min, 12 d 5 h.
func span(seconds float64) string {
	switch {
	case seconds < 0:
		return "-" + span(-seconds)
	case seconds > 0 && seconds < 0.05:
		return "under 0.1 s"
	case math.Round(seconds*10) < 10*minute:
		return strconv.FormatFloat(math.Round(seconds*10)/10, 'f', -1, 64) + " s"
	case math.Round(seconds) < hour:
		return two(math.Round(seconds), minute, "min", 1, "s")
	case math.Round(seconds/minute)*minute < 2*day:
		return two(math.Round(seconds/minute)*minute, hour, "h", minute, "min")
	default:
		return two(math.Round(seconds/hour)*hour, day, "d", hour, "h")
	}
}

// two writes a length in two units, the smaller one unless it is 0.
func two(seconds, large float64, largeName string, small float64, smallName string) string {
	n := math.Floor(seconds / large)
	s := strconv.FormatFloat(n, 'f', 0, 64) + " " + largeName
	if rest := math.Round((seconds - n*large) / small); rest > 0 {
		s += " " + strconv.FormatFloat(rest, 'f', 0, 64) + " " + smallName
	}
	return s
}

// exact is a length to the millisecond, for one that span has rounded.
func exact(seconds float64) string {
	if math.Abs(seconds) < minute {
		return ""
	}
	return strconv.FormatFloat(math.Round(seconds*1000)/1000, 'f', -1, 64) + " s"
}

// size writes bytes for people and to the byte.
func size(n int64) string {
	const units = "KMGTPE"
	exactly := strconv.FormatInt(n, 10) + " bytes"
	if n < 1024 {
		return exactly
	}
	v, unit := float64(n)/1024, 0
	for v >= 1024 {
		v, unit = v/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB (%s)", v, units[unit], exactly)
}

// per cent, with a sign.
func change(part float64) string {
	return strconv.FormatFloat(math.Round(math.Abs(part)*1000)/10, 'f', -1, 64) + " %"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// list joins names.
func list(names []string) string { return strings.Join(names, ", ") }

// clip shortens a label to what a drawing has room for.
func clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// result is how something came out: a word and a mark, never a colour alone.
func result(r string, optional bool) line {
	l := line{classFail, "✗ " + r}
	switch r {
	case drill.Pass:
		l = line{classPass, "✓ pass"}
	case drill.Warn:
		l = line{classWarn, "! warning"}
	case drill.Skipped:
		l = line{classNone, "– not made"}
	case "":
		l = line{classNone, "not recorded"}
	}
	if optional {
		l.Text += " (optional)"
	}
	return l
}

// visible replaces what could not be seen, or would show other characters in
// another order than they stand in, by its escape: no text of a record can look
// like what it is not. Letters of every script stay, and what joins them.
func visible(text []byte) []byte {
	if bytes.IndexFunc(text, hidden) < 0 && utf8.Valid(text) {
		return text
	}
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		c, n := utf8.DecodeRune(text)
		if hidden(c) {
			out = fmt.Appendf(out, `\u{%X}`, c)
		} else {
			out = utf8.AppendRune(out, c)
		}
		text = text[n:]
	}
	return out
}

func hidden(c rune) bool {
	switch c {
	case '\n', '\t', '\u200c', '\u200d', '\u00ad':
		return false
	}
	noncharacter := c >= 0xfdd0 && c <= 0xfdef || c&0xfffe == 0xfffe
	return noncharacter || unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}
