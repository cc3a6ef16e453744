package gitfile_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/gitfile"
)

// repository makes one with a runbook in two versions, and an uncommitted third.
func repository(t *testing.T) (dir string, first string) {
	t.Helper()
	dir = t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	commit := func(text string) string {
		if err := os.WriteFile(filepath.Join(dir, "runbook.md"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		git(t, dir, "add", "runbook.md")
		git(t, dir, "commit", "-q", "-m", "runbook")
		return git(t, dir, "rev-parse", "HEAD")
	}
	first = commit("one\n")
	commit("two\n")
	if err := os.WriteFile(filepath.Join(dir, "runbook.md"), []byte("three\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, first
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestWhatWasCommittedIsRead(t *testing.T) {
	t.Parallel()
	dir, first := repository(t)
	for ref, want := range map[string]string{"": "two\n", "HEAD": "two\n", "main": "two\n", first: "one\n"} {
		commit, err := gitfile.Commit(t.Context(), dir, ref, "runbook.md")
		if err != nil {
			t.Fatalf("%q: %v", ref, err)
		}
		text, err := gitfile.Read(t.Context(), dir, commit, "runbook.md")
		if err != nil || string(text) != want {
			t.Errorf("at %q: %q, %v", ref, text, err)
		}
	}
}

func TestACommitOfAnotherFileIsNotThisOnes(t *testing.T) {
	t.Parallel()
	dir, _ := repository(t)
	before, err := gitfile.Commit(t.Context(), dir, "", "runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "other")
	after, err := gitfile.Commit(t.Context(), dir, "", "runbook.md")
	if err != nil || after != before {
		t.Errorf("%s became %s: %v", before, after, err)
	}
}

func TestTheTipIsTheCommitInForce(t *testing.T) {
	t.Parallel()
	dir, first := repository(t)
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "other")
	git(t, dir, "tag", "-a", "-m", "release", "v1", first)
	for ref, want := range map[string]string{"": git(t, dir, "rev-parse", "HEAD"), "main": git(t, dir, "rev-parse", "HEAD"), "v1": first, first: first} {
		if got, err := gitfile.Tip(t.Context(), dir, ref); err != nil || got != want {
			t.Errorf("%q: %s, %v, not %s", ref, got, err, want)
		}
	}
	for _, ref := range []string{"no-such-branch", "--show-toplevel", "main:runbook.md"} {
		if got, err := gitfile.Tip(t.Context(), dir, ref); !fault.Is(err, fault.Missing) || got != "" {
			t.Errorf("%q: %q, %v", ref, got, err)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	dir, _ := repository(t)
	for _, c := range []struct{ repository, ref, file string }{
		{t.TempDir(), "", "runbook.md"},
		{filepath.Join(dir, "nowhere"), "", "runbook.md"},
		{dir, "no-such-branch", "runbook.md"},
		{dir, "", "other.md"},
		{dir, "--output=/tmp/x", "runbook.md"},
	} {
		if _, err := gitfile.Commit(t.Context(), c.repository, c.ref, c.file); !fault.Is(err, fault.Missing) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	git(t, dir, "rm", "-q", "-f", "runbook.md")
	git(t, dir, "commit", "-q", "-m", "gone")
	if _, err := gitfile.Commit(t.Context(), dir, "", "runbook.md"); !fault.Is(err, fault.Missing) {
		t.Errorf("a removed file: %v", err)
	}
	if _, err := gitfile.Read(t.Context(), dir, "HEAD", "runbook.md"); !fault.Is(err, fault.Missing) {
		t.Errorf("reading a removed file: %v", err)
	}
}

func TestAFileThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	dir, _ := repository(t)
	if err := os.WriteFile(filepath.Join(dir, "large"), make([]byte, gitfile.MaxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", "large")
	git(t, dir, "commit", "-q", "-m", "large")
	if _, err := gitfile.Read(t.Context(), dir, "HEAD", "large"); !fault.Is(err, fault.Invalid) {
		t.Errorf("reading it: %v", err)
	}
}
