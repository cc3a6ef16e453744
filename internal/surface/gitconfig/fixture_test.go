package gitconfig_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/gitconfig"
)

// source is a repository that is protected.
type source struct {
	t   testing.TB
	dir string
}

func newSource(t testing.TB, options ...string) source {
	t.Helper()
	s := source{t, filepath.Join(t.TempDir(), "configuration")}
	run(t, "", append([]string{"init", "--quiet", "-b", "main", s.dir}, options...)...)
	return s
}

// run runs git as a person would, with a name and nothing of the account.
func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (s source) git(args ...string) string {
	s.t.Helper()
	return run(s.t, s.dir, args...)
}

// write writes files without committing them.
func (s source) write(files map[string]string) {
	s.t.Helper()
	for name, text := range files {
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// commit commits files with everything that is in the work tree, and returns the commit.
func (s source) commit(files map[string]string) string {
	s.t.Helper()
	s.write(files)
	s.git("add", "--all")
	s.git("commit", "--quiet", "--allow-empty", "-m", "change")
	return s.git("rev-parse", "HEAD")
}

// values are what most tests commit.
func values(tag string) map[string]string {
	return map[string]string{
		"values.yaml": "image:\n  tag: " + tag + "\n", "charts/shop/values.yaml": "replicas: 2\n", "runbook.md": "# Runbook\n",
	}
}

func open(t testing.TB, c surface.Config) *gitconfig.Surface {
	t.Helper()
	s, err := gitconfig.New("configuration", c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func of(url string, change ...func(*surface.Config)) surface.Config {
	c := surface.Config{Kind: gitconfig.Kind, Repository: &surface.Repository{URL: secret.String(url)}}
	for _, one := range change {
		one(&c)
	}
	return c
}

func ref(name string) func(*surface.Config) {
	return func(c *surface.Config) { c.Repository.Ref = name }
}

func paths(names ...string) func(*surface.Config) {
	return func(c *surface.Config) { c.Repository.Paths = names }
}

func folder(t testing.TB) surface.Target {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return surface.Target{URL: secret.String("file://" + dir)}
}

func pathOf(target surface.Target) string { return strings.TrimPrefix(target.URL.Reveal(), "file://") }

func digestOf(t testing.TB, f surface.Fingerprint, kind, name string) string {
	t.Helper()
	for _, e := range f {
		if e.Kind == kind && e.Name == name {
			return e.Digest
		}
	}
	t.Fatalf("no %s %s in %v", kind, name, f)
	return ""
}
