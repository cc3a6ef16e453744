package config

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// origins maps the path of a value, such as "stores.primary.bucket", to where it was read.
type origins map[string]string

// of returns where a path was read, or the nearest path above it that was.
func (o origins) of(path string) string {
	for {
		if at, ok := o[path]; ok {
			return at
		}
		cut := strings.LastIndexByte(path, '.')
		if cut < 0 {
			return o[""]
		}
		path = path[:cut]
	}
}

// problems collects what is wrong, so that one run shows all of it.
type problems struct{ lines []string }

func (p *problems) add(at, format string, args ...any) {
	line := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	if at != "" {
		line = at + ": " + line
	}
	p.lines = append(p.lines, line)
}

// err is nil when nothing was wrong, else a fault of kind Invalid with one line per problem.
func (p *problems) err() error {
	if len(p.lines) == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "%s", strings.Join(p.lines, "\n"))
}
