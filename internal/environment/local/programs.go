package local

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// found is an installed server program.
type found struct {
	path    string
	version string
	major   int
}

var versionPattern = regexp.MustCompile(`(?:\(PostgreSQL\) |v=|prometheus, version )((\d+)[0-9a-z.]*)`)

// lookUp asks a program for its version; ok is false where there is none that can be run.
func lookUp(ctx context.Context, path string) (f found, ok bool) {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return found{}, false
	}
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = cleanEnv("/")
	out, err := cmd.Output()
	if err != nil {
		return found{}, false
	}
	m := versionPattern.FindStringSubmatch(string(out))
	if m == nil {
		return found{}, false
	}
	major, err := strconv.Atoi(m[2])
	return found{path, m[1], major}, err == nil
}

// programsIn returns the paths that programs of the names have in the usual
// folders: in binDir alone when that is set, else in those of the patterns and
// of PATH.
func programsIn(binDir string, patterns, names []string) []string {
	dirs := []string{binDir}
	if binDir == "" {
		dirs = nil
		for _, pattern := range patterns {
			matches, _ := filepath.Glob(pattern)
			dirs = append(dirs, matches...)
		}
		dirs = append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
	}
	var out []string
	for _, name := range names {
		for _, dir := range dirs {
			if path, err := filepath.Abs(filepath.Join(dir, name)); err == nil && dir != "" {
				out = append(out, path)
			}
		}
	}
	return out
}

// choose takes the program of the wanted major version, else the next newer
// one; for a wanted 0 the newest.
func choose(ctx context.Context, product string, wanted int, paths []string) (found, error) {
	var best found
	var older string
	for _, path := range paths {
		f, ok := lookUp(ctx, path)
		switch {
		case !ok:
		case f.major < wanted:
			older = f.version
		case best.path == "",
			wanted == 0 && f.major > best.major,
			wanted != 0 && f.major < best.major:
			best = f
		}
	}
	if best.path != "" {
		return best, nil
	}
	if err := ctx.Err(); err != nil {
		return found{}, err
	}
	if older != "" {
		return found{}, fault.New(fault.Unsupported, "the data is of %s %d and only %s is installed here: install %[1]s %[2]d or newer, or set binDir", product, wanted, older)
	}
	return found{}, fault.New(fault.Unsupported, "%s is not installed here: install its server, version %d or newer, or set binDir", product, wanted)
}

// cleanEnv is all that children see of an environment: none of the worker's
// variables, which hold its secrets.
func cleanEnv(home string) []string {
	return []string{
		"HOME=" + home,
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TZ=UTC",
	}
}
