package basebackup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Combination says how Combine runs.
type Combination struct {
	// BinDir has the tools of PostgreSQL 17 or newer, of the backups' major version.
	BinDir string
	// Owner is the account to run as, which owns the result; nil for that of the process.
	Owner *syscall.Credential
	// Tablespaces says, for each folder of a tablespace in the last backup,
	// where the combined one goes.
	Tablespaces map[string]string
}

// Combine makes one data directory, out, of a full backup and the incremental
// ones that follow it, oldest first, with pg_combinebackup. Each folder must
// have its backup_manifest. The result is durable and has a manifest of its own.
// The error is fault.Unsupported where the tool isn't installed, else fault.Corrupt.
func Combine(ctx context.Context, c Combination, out string, backups ...string) error {
	args := append(mappings(c.Tablespaces), "--output="+out)
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(c.BinDir, "pg_combinebackup"), append(args, backups...)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.Owner, Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Unsupported, "pg_combinebackup is not in %s: install the tools of PostgreSQL 17 or newer", c.BinDir)
	}
	return fault.New(fault.Corrupt, "combining %d backups: %s", len(backups), lastLine(said.String(), err))
}

// mappings are the options for tablespaces, always in the same order.
func mappings(tablespaces map[string]string) []string {
	var args []string
	for from, to := range tablespaces {
		args = append(args, "--tablespace-mapping="+mapping(from)+"="+mapping(to))
	}
	slices.Sort(args)
	return args
}

// mapping escapes what separates the two sides of a tablespace's mapping.
func mapping(dir string) string { return strings.ReplaceAll(dir, "=", `\=`) }

// lastLine is what a tool said last, where it said anything.
func lastLine(output string, err error) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	last := lines[len(lines)-1]
	if last == "" {
		return err.Error()
	}
	return fmt.Sprintf("%.500s", last)
}
