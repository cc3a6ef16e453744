package pages

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// funcs are what templates may call.
func (s *site) funcs() template.FuncMap {
	return template.FuncMap{
		"age":         func(t any) template.HTML { return age(moment(t), s.now()) },
		"when":        func(t any) template.HTML { return when(moment(t)) },
		"bytes":       bytesText,
		"duration":    duration,
		"badge":       badge,
		"asset":       s.assets.url,
		"sheets":      s.assets.sheets,
		"workflow":    s.workflowURL,
		"pathsegment": url.PathEscape,
		"rtoMissed":   rtoMissed,
	}
}

// moment is a time.Time, or what a *time.Time points to; zero for anything else.
func moment(t any) time.Time {
	switch t := t.(type) {
	case time.Time:
		return t
	case *time.Time:
		if t != nil {
			return *t
		}
	}
	return time.Time{}
}

// timeElement is a moment as text that programs can read as well.
func timeElement(t time.Time, text string) template.HTML {
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`,
		t.Format(time.RFC3339), t.Format("2006-01-02 15:04:05 UTC"), template.HTMLEscapeString(text)))
}

// when is a moment, to the second, in UTC; a dash when there is none.
func when(t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	return timeElement(t, t.UTC().Format("2006-01-02 15:04:05 UTC"))
}

// age is how long ago a moment was, or how far ahead it is: "3 h ago", "in 2 d".
func age(t, now time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	if since := now.Sub(t); since >= 0 {
		return timeElement(t, rough(since)+" ago")
	}
	return timeElement(t, "in "+rough(t.Sub(now)))
}

// rough is a length of time in its largest unit, from minutes on: a page that is
// kept fresh is not to change every second.
func rough(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than 1 min"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	}
}

// duration is a length of time in its two largest units, "1 h 05 min": of a
// time.Duration, a drill.Duration, or seconds as float64. Nil is a dash.
func duration(of any) string {
	var d time.Duration
	switch of := of.(type) {
	case time.Duration:
		d = of
	case drill.Duration:
		d = time.Duration(of)
	case float64:
		d = seconds(of)
	case *float64:
		if of == nil {
			return "–"
		}
		d = seconds(*of)
	default:
		return "–"
	}
	sign := ""
	if d < 0 {
		sign, d = "−", -d
	}
	whole := int64(d / time.Second)
	switch {
	case d < time.Second && d > 0:
		return sign + "under 1 s"
	case whole < 60:
		return fmt.Sprintf("%s%d s", sign, whole)
	case whole < 3600:
		return two(sign, whole/60, "min", whole%60, "s")
	case whole < 86400:
		return two(sign, whole/3600, "h", whole%3600/60, "min")
	default:
		return two(sign, whole/86400, "d", whole%86400/3600, "h")
	}
}

func two(sign string, large int64, unit string, small int64, of string) string {
	if small == 0 {
		return fmt.Sprintf("%s%d %s", sign, large, unit)
	}
	return fmt.Sprintf("%s%d %s %02d %s", sign, large, unit, small, of)
}

func seconds(s float64) time.Duration {
	if math.IsNaN(s) || math.Abs(s) > math.MaxInt64/1e9 {
		return math.MaxInt64
	}
	return time.Duration(s * float64(time.Second))
}

// bytesText is a size in decimal units: "1.5 GB". It takes any whole number, or
// a pointer to an int64.
func bytesText(of any) string {
	var n float64
	switch of := of.(type) {
	case int64:
		n = float64(of)
	case *int64:
		if of == nil {
			return "–"
		}
		n = float64(*of)
	case int:
		n = float64(of)
	case uint64:
		n = float64(of)
	default:
		return "–"
	}
	for _, unit := range []string{"B", "kB", "MB", "GB", "TB"} {
		if math.Abs(n) < 999.5 {
			if unit == "B" || math.Abs(n) >= 99.95 {
				return fmt.Sprintf("%.0f %s", n, unit)
			}
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.1f PB", n)
}

// good, bad and waiting are the words of states and verdicts that a badge
// colours; every other word is grey. The word itself always stands in it.
var (
	good    = words("pass proven verified signed completed done running ok")
	bad     = words("fail failed missed missing none critical refused broken corrupt unavailable timed-out terminated")
	waiting = words("partial warning pending paused overdue aborted cancelled canceled awaiting-sign-off unproven open expired")
)

func words(list string) map[string]bool {
	out := map[string]bool{}
	for word := range strings.FieldsSeq(list) {
		out[word] = true
	}
	return out
}

// badge shows a state or a verdict: a word, with a colour that says the same.
func badge(of any) template.HTML {
	word := fmt.Sprint(of)
	class := ""
	switch key := strings.ToLower(strings.ReplaceAll(word, " ", "-")); {
	case word == "":
		return "–"
	case good[key]:
		class = " good"
	case bad[key]:
		class = " bad"
	case waiting[key]:
		class = " waiting"
	}
	return template.HTML(`<span class="badge` + class + `">` + template.HTMLEscapeString(word) + `</span>`)
}
