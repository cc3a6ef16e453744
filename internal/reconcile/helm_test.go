package reconcile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// repository makes one with files, and returns its folder and the commit.
func repository(t *testing.T, files map[string]string) (dir, commit string) {
	t.Helper()
	dir = t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git(t, dir, "add", "--all")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "values")
	return dir, git(t, dir, "rev-parse", "HEAD")
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

func restoredGit(dir string) *Runner {
	return &Runner{Servers: map[string]drill.Server{
		"configuration": {Kind: "git", URL: secret.String("file://" + dir)}, "main": {Kind: "postgres", URL: "postgres://127.0.0.1:1/"},
	}}
}

func TestValuesThatCantBeReadFail(t *testing.T) {
	t.Parallel()
	dir, _ := repository(t, map[string]string{"values.yaml": "a: 1\n", "bad.yaml": "- HIDDEN\n", "gone.yaml": "a: 1\n"})
	git(t, dir, "rm", "-q", "gone.yaml")
	git(t, dir, "commit", "-q", "-m", "gone")
	commit := git(t, dir, "rev-parse", "HEAD")
	// Never committed.
	if err := os.WriteFile(filepath.Join(dir, "late.yaml"), []byte("a: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"late.yaml": "late.yaml is not in commit " + commit + " of configuration: commit it",
		"gone.yaml": "gone.yaml is not in commit " + commit,
		"bad.yaml":  "bad.yaml of configuration at commit " + commit + ": it is no YAML with a map of values",
	} {
		rec := drill.Reconcile{Kind: drill.ReconcileHelm, Surface: "configuration", Helm: &drill.Helm{Release: "api", Files: []string{"values.yaml", file}}}
		got, err := restoredGit(dir).Run(t.Context(), rec)
		if err != nil || got.Result != drill.Fail || !strings.Contains(got.Detail, want) || strings.Contains(got.Detail, "HIDDEN") || strings.Contains(got.Detail, dir) {
			t.Errorf("%s: %v, %+v", file, err, got)
		}
	}
	for surface, want := range map[string]string{"main": "no Git repository", "other": "was not restored"} {
		rec := drill.Reconcile{Kind: drill.ReconcileHelm, Surface: surface, Helm: &drill.Helm{Release: "api", Files: []string{"values.yaml"}}}
		got, err := restoredGit(dir).Run(t.Context(), rec)
		if err != nil || got.Result != drill.Fail || !strings.Contains(got.Detail, want) {
			t.Errorf("%s: %v, %+v", surface, err, got)
		}
	}
}
