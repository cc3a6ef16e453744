package postgres

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// errorOutputKept is how much of a tool's error output is kept.
const errorOutputKept = 1 << 20

// run runs one tool on the database at a. The tool reads in and writes out,
// either of which may be nil; what it says on its error output is returned,
// and stands in the error when it fails. It ends with ctx, and with this process.
func (a *address) run(ctx context.Context, in io.Reader, out io.Writer, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = a.toolEnv()
	cmd.Stdin, cmd.Stdout = in, out
	said := &head{limit: errorOutputKept}
	cmd.Stderr = said
	cmd.WaitDelay = 10 * time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	dieWithParent(cmd)
	// The parent-death signal comes when the thread that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	if err == nil {
		return said.String(), nil
	}
	name := filepath.Base(program)
	if ctx.Err() != nil {
		return said.String(), fault.Wrap(fault.Internal, ctx.Err(), "%s was stopped", name)
	}
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		return said.String(), classify(err, "run "+name)
	}
	text := said.String()
	return text, fault.New(kindOfMessage(text), "%s failed: %s", name, fault.Said(text, saidInError))
}

// kindOfMessage classifies what a tool said, for it gives no SQLSTATE.
func kindOfMessage(text string) fault.Kind {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("invalid snapshot identifier", "could not import the requested snapshot") || has("snapshot \"") && has("does not exist"):
		return fault.Lost
	case has("permission denied", "must be owner", "must be superuser", "authentication failed", "no pg_hba.conf entry"):
		return fault.Denied
	case has("No space left on device"):
		return fault.Exhausted
	case has("could not connect", "connection to server", "server closed the connection", "terminating connection", "canceling statement due to lock timeout"):
		return fault.Unavailable
	case has("unsupported version", "aborting because of server version mismatch", "extension control file", "is not available"):
		return fault.Unsupported
	case has("could not read from input file", "did not find magic string", "input file appears", "unexpected section code"):
		return fault.Corrupt
	case has("already exists"):
		return fault.Conflict
	case has("does not exist"):
		return fault.Missing
	default:
		return fault.Internal
	}
}

// saidInError is how much of a tool's messages an error tells.
const saidInError = 600

// head keeps the beginning of what is written to it, where the first cause
// stands, up to a limit.
type head struct {
	limit int
	kept  bytes.Buffer
}

func (t *head) Write(p []byte) (int, error) {
	if room := t.limit - t.kept.Len(); room > 0 {
		t.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *head) String() string { return t.kept.String() }
