package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// productionName is the folder that keeps the backup's own configuration, for
// whoever wants to know it. No server reads it.
const productionName = "production"

// configuration are the files of a data directory that decide how a server behaves.
var configuration = []string{"postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"}

// takeOver makes a data directory that was put together from a base backup one
// of our own, which no file of production's has a say in: neither its settings,
// nor who may log in, nor where its tablespaces were.
func (i *instance) takeOver(o owner) error {
	if err := i.mustBeBackup(); err != nil {
		return err
	}
	if err := i.setAside(o); err != nil {
		return fault.Disk(err, "take over the configuration")
	}
	// A standby never ends its recovery; recovery.conf stops PostgreSQL 12 and
	// newer; the others belong to a process on another host.
	for _, name := range []string{"standby.signal", "recovery.conf", "postmaster.pid", "postmaster.opts"} {
		if err := os.Remove(filepath.Join(i.data(), name)); err != nil && !os.IsNotExist(err) {
			return fault.Disk(err, "take over the data directory")
		}
	}
	if err := i.ownTablespaces(o); err != nil {
		return err
	}
	if err := os.Chmod(i.data(), 0o700); err != nil {
		return fault.Disk(err, "take over the data directory")
	}
	return replaceFile(filepath.Join(i.data(), "recovery.signal"), nil, o)
}

// mustBeBackup reports a data directory that is not a whole base backup of the right version.
func (i *instance) mustBeBackup() error {
	version, err := os.ReadFile(filepath.Join(i.data(), "PG_VERSION"))
	if err != nil && !os.IsNotExist(err) {
		return fault.Disk(err, "look at the data directory")
	}
	if got := strings.TrimSpace(string(version)); got != "" && got != strconv.Itoa(i.rec.Major) {
		return fault.New(fault.Conflict, "the data directory is of PostgreSQL %s, the environment was prepared for %d", got, i.rec.Major)
	}
	for _, name := range []string{"PG_VERSION", "backup_label", "global/pg_control"} {
		if _, err := os.Stat(filepath.Join(i.data(), name)); err != nil {
			// Without its label a backup would start from the wrong place, and seem to work.
			return fault.Wrap(fault.Corrupt, err, "the data directory is no whole base backup")
		}
	}
	return nil
}

// setAside moves production's configuration away and puts ours in its place.
func (i *instance) setAside(o owner) error {
	aside := filepath.Join(i.dir, productionName)
	if err := o.mkdir(aside); err != nil && !os.IsExist(err) {
		return err
	}
	for _, name := range configuration {
		to := filepath.Join(aside, name)
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		if err := os.Rename(filepath.Join(i.data(), name), to); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	for _, name := range configuration {
		text := ""
		if name == "postgresql.conf" {
			text = "include '" + settingsFile + "'\n"
		}
		if err := replaceFile(filepath.Join(i.data(), name), []byte(text), o); err != nil {
			return err
		}
	}
	return nil
}

// ownTablespaces makes every tablespace lead into the environment's folder, both
// where it leads now and where the backup's tablespace_map has PostgreSQL lead it.
func (i *instance) ownTablespaces(o owner) error {
	mapped := filepath.Join(i.data(), "tablespace_map")
	text, err := os.ReadFile(mapped)
	if err != nil && !os.IsNotExist(err) {
		return fault.Disk(err, "read the backup's tablespaces")
	}
	var lines strings.Builder
	for _, oid := range mappedTablespaces(string(text)) {
		if err := i.linkTablespace(o, oid); err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%d %s\n", oid, escapeMapped(tablespaceDir(i.dir, oid)))
	}
	if lines.Len() > 0 {
		if err := replaceFile(mapped, []byte(lines.String()), o); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(filepath.Join(i.data(), "pg_tblspc"))
	if err != nil && !os.IsNotExist(err) {
		return fault.Disk(err, "read the backup's tablespaces")
	}
	for _, entry := range entries {
		oid, err := strconv.ParseUint(entry.Name(), 10, 32)
		// A folder is a tablespace in place: it leads nowhere.
		if err != nil || entry.IsDir() {
			continue
		}
		if err := i.linkTablespace(o, uint32(oid)); err != nil {
			return err
		}
	}
	return nil
}

func (i *instance) linkTablespace(o owner, oid uint32) error {
	to := tablespaceDir(i.dir, oid)
	if _, err := os.Stat(to); err != nil {
		return fault.Wrap(fault.Corrupt, err, "the files of tablespace %d are not in place", oid)
	}
	link := filepath.Join(i.data(), "pg_tblspc", strconv.FormatUint(uint64(oid), 10))
	if at, err := os.Readlink(link); err == nil && at == to {
		return nil
	}
	if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
		return fault.Disk(err, "link tablespace %d", oid)
	}
	if err := os.Symlink(to, link); err != nil {
		return fault.Disk(err, "link tablespace %d", oid)
	}
	return fault.Disk(o.chown(link), "link tablespace %d", oid)
}

// mappedTablespaces reads the numbers in a backup's tablespace_map, whose lines
// are a number, a space and a path in which a backslash protects line ends.
func mappedTablespaces(text string) []uint32 {
	var out []uint32
	text = strings.NewReplacer(`\\`, "", "\\\n", "", "\\\r", "").Replace(text)
	for line := range strings.Lines(text) {
		number, _, ok := strings.Cut(line, " ")
		if oid, err := strconv.ParseUint(number, 10, 32); ok && err == nil {
			out = append(out, uint32(oid))
		}
	}
	return out
}

// escapeMapped writes a path for a tablespace_map.
func escapeMapped(path string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", "\\\n", "\r", "\\\r").Replace(path)
}
