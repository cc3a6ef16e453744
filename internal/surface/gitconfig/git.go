package gitconfig

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// git runs the git program on one repository, with no configuration, hook,
// filter or prompt of the account or of the repository's makers.
type git struct {
	// dir is the repository itself; empty where there is none, or where git is to
	// look for it from work on.
	dir string
	// work is the folder of its work tree, and where git runs; empty for a bare one.
	work string
	// env is what the program gets beside what every run does.
	env []string
	// hide are texts that are never shown.
	hide []string
}

// proxies are the worker's variables that say by which proxy it gets out.
var proxies = []string{"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}

func (g git) environ() []string {
	env := []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_ATTR_NOSYSTEM=1", "GIT_NO_REPLACE_OBJECTS=1", "GIT_LITERAL_PATHSPECS=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=file:http:https:ssh",
		// A transfer that has stood still for so many seconds has ended.
		"GIT_HTTP_LOW_SPEED_LIMIT=1", "GIT_HTTP_LOW_SPEED_TIME=300",
	}
	for _, name := range proxies {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return append(env, g.env...)
}

// always are the settings of every run; none of them is secret.
var always = []string{
	"-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
	"-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "submodule.recurse=false",
}

// quitWithin is how long the pipes of a killed git may stay open.
const quitWithin = 10 * time.Second

// run runs git, and writes what it prints to out. It ends with ctx, with all
// that it started. An error is classified by what git said.
func (g git) run(ctx context.Context, out io.Writer, args ...string) error {
	program, err := exec.LookPath("git")
	if err != nil {
		return fault.New(fault.Unsupported, "the program git is not installed on this host: install it")
	}
	all := append([]string{}, always...)
	if g.dir != "" {
		all = append(all, "--git-dir="+g.dir)
		if g.work != "" {
			all = append(all, "--work-tree="+g.work)
		}
	}
	cmd := exec.CommandContext(ctx, program, append(all, args...)...)
	cmd.Env, cmd.Dir = g.environ(), "/"
	if g.work != "" {
		cmd.Dir = g.work
	}
	to := &sink{w: out}
	said := &head{}
	cmd.Stdout, cmd.Stderr = to, said
	cmd.WaitDelay = quitWithin
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// It has helpers of its own, which would go on without it.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// The parent-death signal comes when the thread that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.Wrap(fault.Internal, context.Cause(ctx), "git %s was stopped", args[0])
	case to.err != nil:
		return to.err
	}
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		return fault.Wrap(fault.Internal, err, "run git %s", args[0])
	}
	text := g.scrubbed(said.String())
	return fault.Wrap(kindOf(text), &failure{text}, "git %s failed", args[0])
}

// failure is git's own; said is what it wrote.
type failure struct{ said string }

func (f *failure) Error() string { return fault.Said(f.said, saidInError) }

// output returns the short text that git prints, without the white space around it.
func (g git) output(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := g.run(ctx, &out, args...)
	return strings.TrimSpace(out.String()), err
}

func (g git) scrubbed(text string) string {
	for _, hidden := range g.hide {
		text = strings.ReplaceAll(text, hidden, "**redacted**")
	}
	return text
}

// meanings are what git and its helpers say, and what that is; the first that
// is found counts.
var meanings = []struct {
	kind  fault.Kind
	texts []string
}{
	{fault.Exhausted, []string{"No space left on device", "Disk quota exceeded"}},
	{fault.Denied, []string{
		"Authentication failed", "could not read Username", "could not read Password", "Permission denied",
		"Host key verification failed", "returned error: 401", "returned error: 403",
		"SSL certificate problem", "certificate verification failed", "certificate verify failed",
		"Load key",
	}},
	{fault.Missing, []string{
		"does not appear to be a git repository", "not a git repository", "couldn't find remote ref",
		"returned error: 404", "' not found", "Repository not found", "unknown revision", "Not a valid object name",
	}},
	{fault.Lost, []string{"not our ref", "unadvertised object"}},
	{fault.Invalid, []string{"shallow", "transport '", "bad config"}},
	{fault.Unavailable, []string{
		"Could not resolve host", "Couldn't connect", "Failed to connect", "Connection refused", "Connection reset",
		"Connection closed", "timed out", "Connection timed out", "Could not read from remote repository",
		"hung up unexpectedly", "early EOF", "RPC failed", "unable to access", "Operation too slow",
	}},
	{fault.Corrupt, []string{
		"index-pack", "pack has", "bad object", "is corrupt", "does not look like a v2", "missing blob", "missing tree",
		"missing commit", "broken link", "unrecognized header", "inflate", "SHA1 mismatch", "unexpected end of file",
	}},
}

func kindOf(said string) fault.Kind {
	for _, m := range meanings {
		for _, text := range m.texts {
			if strings.Contains(said, text) {
				return m.kind
			}
		}
	}
	return fault.Internal
}

const (
	// saidMost is how much of git's messages is kept, saidInError how much of them an error tells.
	saidMost    = 16 << 10
	saidInError = 400
)

// head keeps the beginning of what is written to it, where the first cause stands.
type head struct{ kept bytes.Buffer }

func (h *head) Write(p []byte) (int, error) {
	if room := saidMost - h.kept.Len(); room > 0 {
		h.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (h *head) String() string { return h.kept.String() }

// sink remembers why what git prints could not be handed on: git itself would
// only say that its pipe broke.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.w == nil {
		return len(p), nil
	}
	n, err := s.w.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}
