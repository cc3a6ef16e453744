package catalog

import (
	"cmp"
	"regexp"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// functions are what a prefix template may hold: each stands for the UTC time
// at which a point is made, in a form that sorts by time.
var functions = []struct{ call, layout, pattern string }{
	{"${iso_date()}", "2006-01-02", `\d{4}-\d{2}-\d{2}`},
	{"${iso_datetime()}", "2006-01-02T15-04-05Z", `\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}Z`},
}

// DefaultPrefix is where points go unless the configuration says otherwise; an
// empty template stands for it.
const DefaultPrefix = "points"

// ExpandPrefix replaces the functions in a prefix template, ${iso_date()}
// (2006-01-02) and ${iso_datetime()} (2006-01-02T15-04-05Z), and takes slashes
// off both ends. What can't stand in a key, and any other ${, is fault.Invalid.
// The time to give is that of the point's ID, so that the ID tells where it is.
func ExpandPrefix(template string, now time.Time) (string, error) {
	t, err := parseTemplate(template)
	if err != nil {
		return "", err
	}
	var elements []string
	for _, l := range t {
		elements = append(elements, l.at(now))
	}
	prefix := strings.Join(elements, "/")
	return prefix, store.ValidKey(prefix)
}

// StaticPrefix is what every key under a template begins with: its folders
// before the first one that depends on the time, with a slash at the end. It
// is empty when there are none.
func StaticPrefix(template string) string {
	before, _, found := strings.Cut(trim(template), "${")
	if !found {
		return before + "/"
	}
	return before[:strings.LastIndex(before, "/")+1]
}

func trim(template string) string {
	return cmp.Or(strings.Trim(template, "/"), DefaultPrefix)
}

// level is one folder of a template.
type level struct {
	text string
	// names matches the folder's names; nil when it has but one.
	names *regexp.Regexp
}

// at is the folder's name at a time. Later times don't have smaller names.
func (l level) at(t time.Time) string {
	name := l.text
	for _, f := range functions {
		name = strings.ReplaceAll(name, f.call, t.UTC().Format(f.layout))
	}
	return name
}

func parseTemplate(template string) ([]level, error) {
	var levels []level
	for text := range strings.SplitSeq(trim(template), "/") {
		pattern := regexp.QuoteMeta(text)
		for _, f := range functions {
			pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta(f.call), f.pattern)
		}
		l := level{text: text}
		if pattern != regexp.QuoteMeta(text) {
			l.names = regexp.MustCompile("^" + pattern + "$")
		}
		if strings.Contains(l.at(time.Time{}), "${") {
			return nil, fault.New(fault.Invalid, "prefix %q may hold ${iso_date()} and ${iso_datetime()}, and no other function", template)
		}
		levels = append(levels, l)
	}
	return levels, nil
}
