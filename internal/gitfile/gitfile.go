// Package gitfile reads single files of a Git repository as they were
// committed, by the git program. What stands in a work tree and was never
// committed does not count.
package gitfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// MaxFile is how large a file may be, in bytes.
const MaxFile = 8 << 20

// Tip is the commit that ref (a branch, tag or commit; empty means HEAD) names.
// Errors are those of Commit.
func Tip(ctx context.Context, repository, ref string) (string, error) {
	if ref == "" {
		ref = "HEAD"
	}
	out, err := run(ctx, repository, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	return strings.TrimSpace(string(out)), err
}

// Commit is the newest commit, up to ref (a branch, tag or commit; empty means
// HEAD), that changed a file. Repository is the absolute folder of a work tree
// or a bare repository. Errors: Missing for a repository, a ref or a file that
// is not there, Unsupported without the git program.
func Commit(ctx context.Context, repository, ref, file string) (string, error) {
	if ref == "" {
		ref = "HEAD"
	}
	out, err := run(ctx, repository, "log", "-1", "--format=%H", "--end-of-options", ref, "--", file)
	if err != nil {
		return "", err
	}
	commit := strings.TrimSpace(string(out))
	if commit == "" {
		return "", fault.New(fault.Missing, "%s is in no commit of %s up to %s: commit it", file, repository, ref)
	}
	if _, err := run(ctx, repository, "cat-file", "-e", commit+":"+file); err != nil {
		return "", fault.New(fault.Missing, "%s was removed from %s by commit %s", file, repository, commit)
	}
	return commit, nil
}

// Read returns a file as it was at a commit; one of more than MaxFile bytes is Invalid.
func Read(ctx context.Context, repository, commit, file string) ([]byte, error) {
	out, err := run(ctx, repository, "cat-file", "blob", commit+":"+file)
	if err != nil {
		return nil, err
	}
	if len(out) > MaxFile {
		return nil, fault.New(fault.Invalid, "%s has more than %d bytes", file, MaxFile)
	}
	return out, nil
}

// run runs git on a repository, whoever owns it, with no configuration, hook or prompt of the account.
func run(ctx context.Context, repository string, args ...string) ([]byte, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, fault.New(fault.Unsupported, "the program git is not installed on this host: install it to read runbooks")
	}
	cmd := exec.CommandContext(ctx, git, append([]string{"-c", "safe.directory=*", "-C", repository}, args...)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"}
	var out bytes.Buffer
	cmd.Stdout = &limited{Buffer: &out}
	out.Grow(4 << 10)
	var said bytes.Buffer
	cmd.Stderr = &limited{Buffer: &said}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			return nil, fault.Wrap(fault.Internal, err, "run git")
		}
		first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return nil, fault.New(fault.Missing, "git can't read that from %s: %s", repository, first)
	}
	return out.Bytes(), nil
}

// limited keeps the first MaxFile bytes and one more, by which Read sees that there were too many.
type limited struct{ *bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if room := MaxFile + 1 - l.Len(); len(b) > room {
		l.Buffer.Write(b[:max(0, room)])
		return len(b), nil
	}
	if _, err := l.Buffer.Write(b); err != nil {
		return 0, fmt.Errorf("keep what git prints: %w", err)
	}
	return len(b), nil
}
