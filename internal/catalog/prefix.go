package catalog

import (
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// DefaultPrefix is where points are put unless the configuration says otherwise.
const DefaultPrefix = "points"

// ExpandPrefix fills in a template: ${iso_date()} is the UTC date as 2006-01-02,
// ${iso_datetime()} the UTC time as 2006-01-02T15-04-05Z. The result has no
// slash at either end; an empty template means DefaultPrefix.
func ExpandPrefix(template string, now time.Time) (string, error) {
	if template == "" {
		template = DefaultPrefix
	}
	out := strings.NewReplacer(
		"${iso_date()}", now.UTC().Format("2006-01-02"),
		"${iso_datetime()}", now.UTC().Format("2006-01-02T15-04-05Z"),
	).Replace(strings.Trim(template, "/"))
	if at := strings.Index(out, "${"); at >= 0 {
		return "", fault.New(fault.Invalid, "the prefix %q has an unknown %q: it may use ${iso_date()} and ${iso_datetime()}", template, out[at:])
	}
	return out, store.ValidKey(out)
}

// StaticPrefix is the part of a template that never changes, as a prefix of
// keys; with no variable in it, it ends with a slash.
func StaticPrefix(template string) string {
	if template == "" {
		template = DefaultPrefix
	}
	template = strings.Trim(template, "/")
	static, _, varies := strings.Cut(template, "${")
	if !varies {
		return template + "/"
	}
	return static[:strings.LastIndex(static, "/")+1]
}

// levels is how many folders of a template change with time.
func levels(template string) int {
	if template == "" {
		return 0
	}
	rest := strings.TrimPrefix(strings.Trim(template, "/")+"/", StaticPrefix(template))
	return strings.Count(rest, "/")
}
