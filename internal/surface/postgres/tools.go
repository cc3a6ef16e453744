package postgres

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// tools are PostgreSQL's client programs of one installation.
type tools struct {
	dir   string
	major int
}

// program is the path of one of them, such as pg_dump.
func (t tools) program(name string) string { return filepath.Join(t.dir, name) }

// usualPlaces are the folders where packages put the tools of their versions.
var usualPlaces = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin",
	"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin", "/opt/homebrew/opt/libpq/bin",
}

// findTools finds client tools for a server: of its own major version, or of
// the nearest newer one. Older ones can't read a newer server, and are never
// taken. A binDir that is given is the only place searched.
func findTools(ctx context.Context, binDir string, major int) (tools, error) {
	var places []string
	if binDir != "" {
		places = []string{binDir}
	} else {
		for _, pattern := range usualPlaces {
			found, err := filepath.Glob(pattern)
			if err != nil {
				return tools{}, fmt.Errorf("search %s: %w", pattern, err)
			}
			places = append(places, found...)
		}
		places = append(places, filepath.SplitList(os.Getenv("PATH"))...)
	}
	var found []tools
	for _, dir := range places {
		if t, ok := probeTools(ctx, dir); ok {
			found = append(found, t)
		}
	}
	return chooseTools(found, binDir, major)
}

func chooseTools(found []tools, binDir string, major int) (tools, error) {
	slices.SortStableFunc(found, func(a, b tools) int { return cmp.Compare(a.major, b.major) })
	for _, t := range found {
		if t.major >= major {
			return t, nil
		}
	}
	where := "the usual places and PATH"
	if binDir != "" {
		where = binDir
	}
	if len(found) == 0 {
		return tools{}, fault.New(fault.Unsupported,
			"server is PostgreSQL %d, and no client tools (pg_dump, pg_restore) were found in %s: install postgresql-client-%d",
			major, where, major)
	}
	newest := found[len(found)-1]
	return tools{}, fault.New(fault.Unsupported,
		"server is PostgreSQL %d, the newest client tools found are %d in %s: install postgresql-client-%d",
		major, newest.major, newest.dir, major)
}

var versionOutput = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// probeTools reports the version of the tools in a folder, if all are there.
func probeTools(ctx context.Context, dir string) (tools, bool) {
	for _, name := range []string{"pg_dump", "pg_dumpall", "pg_restore"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() {
			return tools{}, false
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "pg_dump"), "--version").Output()
	if err != nil {
		return tools{}, false
	}
	match := versionOutput.FindStringSubmatch(strings.TrimSpace(string(out)))
	if match == nil {
		return tools{}, false
	}
	major, err := strconv.Atoi(match[1])
	return tools{dir: dir, major: major}, err == nil
}
