// Package walspool brings WAL from an archive to a PostgreSQL that replays it.
// A Prefetcher fills a folder, the spool, ahead of the server; the server's
// restore_command takes files out of it by renaming them, and asks there for
// what it does not find. Nothing but the folder is between the two, so that
// either may die and be started again.
//
// In the spool, NAME is a WAL file as PostgreSQL calls it:
//
//	NAME          the whole file, ready to be taken
//	NAME.wanted   restore_command waits for it
//	NAME.missing  the archive does not have it
//	.alive        touched every second while a prefetcher works
//	.NAME.*       a file that is being written
package walspool

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	wantedSuffix  = ".wanted"
	missingSuffix = ".missing"
	aliveName     = ".alive"
)

// lookEvery is how often both sides look into the spool.
const lookEvery = 5 * time.Millisecond

// namePattern is what PostgreSQL asks an archive for: segments, histories and,
// of old backups, their labels.
var namePattern = regexp.MustCompile(`^[0-9A-F]{8}([0-9A-F]{16}(\.[0-9A-F]{8}\.backup|\.partial)?|\.history)$`)

// Command is the restore_command of a server whose WAL comes through the spool
// dir; lifeboat is the path of the program with the command `wal fetch`. Both
// paths are absolute. What is there is taken by one shell and one rename. The
// archive counts as ended only where a prefetcher has said so: whatever else
// goes wrong, be it that the program is not there or that it crashes, ends in
// an exit code above 125, which stops PostgreSQL instead of having it promote
// itself too early (PostgreSQL: Backup and Restore, restore_command).
func Command(lifeboat, dir string) string {
	return "d=" + shellQuote(dir) + `; mv "$d/%f" "%p" 2>/dev/null || ` +
		shellQuote(lifeboat) + ` wal fetch --spool "$d" %f "%p" || ` +
		`{ [ -e "$d/%f` + missingSuffix + `" ] && exit 1; exit 255; }`
}

// shellQuote makes a word of sh of any path, in a setting where a percent sign means something.
func shellQuote(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "%", "%%").Replace(path) + "'"
}

// ExitCode is what a program that Wait is all of ends with: 1 for a file that
// the archive does not have, and what stops PostgreSQL for every other failure.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return 0
	case fault.Is(err, fault.Missing):
		return 1
	default:
		return 255
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// removeIfThere removes a file that somebody else may have removed.
func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return fault.Wrap(fault.KindOf(err), err, "tidy the spool %s", filepath.Dir(path))
	}
	return nil
}
