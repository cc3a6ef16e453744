package gitconfig_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

func TestTheBranchThatIsNamedIsInThePoint(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	first := s.commit(values("one"))
	s.git("branch", "live")
	s.git("tag", "-a", "-m", "release", "v1")
	s.git("tag", "light")
	second := s.commit(values("two"))
	for name, want := range map[string][2]string{
		"": {"refs/heads/main", second}, "main": {"refs/heads/main", second}, "refs/heads/live": {"refs/heads/live", first},
		"live": {"refs/heads/live", first}, "v1": {"refs/tags/v1", first}, "light": {"refs/tags/light", first},
	} {
		surf := open(t, of(s.dir, ref(name)))
		point := surfacetest.Take(t, surf)
		if got := digestOf(t, point.Fingerprint(), "commit", want[0]); got != "git:"+want[1] {
			t.Errorf("%q: %s is at %s, not at %s", name, want[0], got, want[1])
		}
		target := folder(t)
		surfacetest.Restore(t, surf, target, point)
		if head := run(t, pathOf(target), "rev-parse", "HEAD"); head != want[1] {
			t.Errorf("%q: the copy is at %s, not at %s", name, head, want[1])
		}
	}
	for _, name := range []string{"gone", "heads", "refs/heads"} {
		if _, err := open(t, of(s.dir, ref(name))).Hold(t.Context()); !fault.Is(err, fault.Missing) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestABundleIsWhatGitItselfClones(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	commit := s.commit(values("two"))
	point := surfacetest.Take(t, open(t, of(s.dir)))
	dir := t.TempDir()
	bundle := filepath.Join(dir, "repository.bundle")
	if err := os.WriteFile(bundle, point.Data["repository.bundle"], 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "clone", "--quiet", bundle, "clone")
	clone := filepath.Join(dir, "clone")
	if head, count := run(t, clone, "rev-parse", "HEAD"), run(t, clone, "rev-list", "--count", "HEAD"); head != commit || count != "2" {
		t.Errorf("a clone of the bundle is at %s, with %s commits", head, count)
	}
	if branch := run(t, clone, "symbolic-ref", "HEAD"); branch != "refs/heads/main" {
		t.Errorf("it is on %s", branch)
	}
}

func TestTheStateSaysWhatWasInForce(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	commit := s.commit(values("two"))
	point := surfacetest.Take(t, open(t, of(s.dir, paths("values.yaml"))))
	var got struct {
		Version             int
		Ref, Commit, Tree   string
		Authored, Committed string
		Commits, Count      int64
		Files               []struct{ Path, Mode, Object string }
	}
	if err := json.Unmarshal(point.Data["state.json"], &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != 1 || got.Ref != "refs/heads/main" || got.Commit != commit || got.Commits != 2 || got.Count != 1 ||
		len(got.Authored) < 20 || got.Tree != s.git("rev-parse", "HEAD^{tree}") {
		t.Errorf("%+v", got)
	}
	want := []struct{ Path, Mode, Object string }{{"values.yaml", "100644", s.git("rev-parse", "HEAD:values.yaml")}}
	if diff := cmp.Diff(want, got.Files); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyWhatMattersIsCompared(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	surf := open(t, of(s.dir, paths("values.yaml", "charts/")))
	before := surfacetest.Take(t, surf)
	s.commit(map[string]string{"runbook.md": "# Other\n"})
	after := surfacetest.Take(t, surf)
	for _, d := range before.Fingerprint().Compare(after.Fingerprint()) {
		if d.Kind != "commit" {
			t.Errorf("a runbook does not matter here, but %s", d)
		}
	}
	digestOf(t, after.Fingerprint(), "file", "charts/shop/values.yaml")
	// The copy is compared as the point was made, whatever matters today.
	surfacetest.Restore(t, open(t, of(s.dir)), folder(t), before)
}

func TestManyFilesAreComparedAsOne(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	files := map[string]string{}
	for i := range 10_001 {
		files["d"+strconv.Itoa(i%20)+"/f"+strconv.Itoa(i)] = "x"
	}
	s.commit(files)
	surf := open(t, of(s.dir))
	point := surfacetest.Take(t, surf)
	tree := surface.Entry{Kind: "tree", Name: "refs/heads/main", Count: 10_001, Digest: "git:" + s.git("rev-parse", "HEAD^{tree}")}
	if len(point.Fingerprint()) != 2 || point.Fingerprint()[1] != tree {
		t.Errorf("%v", point.Fingerprint()[:min(3, len(point.Fingerprint()))])
	}
	target := folder(t)
	surfacetest.Restore(t, surf, target, point)
	if err := os.WriteFile(filepath.Join(pathOf(target), "d0", "f0"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := surf.Fingerprint(t.Context(), target)
	if differs := point.Fingerprint().Compare(got); err != nil || len(differs) != 1 || differs[0].Kind != "tree" {
		t.Errorf("a changed file: %v, %v", differs, err)
	}
}

func TestWhatIsNotInGitIsNamed(t *testing.T) {
	t.Parallel()
	inner := newSource(t)
	innerCommit := inner.commit(values("inner"))
	s := newSource(t)
	s.commit(values("one"))
	s.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.dir, "charts/inner")
	s.commit(map[string]string{
		"large.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
		"about.md":  "Of version https://git-lfs.github.com/spec/v1 we know nothing.\n",
	})
	surf := open(t, of(s.dir, paths("values.yaml", "secrets.yaml", "charts", "large.bin", "about.md")))
	view, err := surf.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	var partial surface.Partial
	partial, _ = view.(surface.Partial)
	missing := strings.Join(partial.Missing(), "\n")
	for _, want := range []string{"secrets.yaml: it matters", "charts/inner: it is commit " + innerCommit, "large.bin: its contents are kept by Git LFS"} {
		if !strings.Contains(missing, want) {
			t.Errorf("not told: %s\n%s", want, missing)
		}
	}
	if lines := strings.Count(missing, "\n") + 1; lines != 3 {
		t.Errorf("%d lines:\n%s", lines, missing)
	}
	surfacetest.Restore(t, surf, folder(t), surfacetest.Dump(t, surf, view))
}

// other is the same surface as another worker has it, which holds no view.
func TestAnyWorkerDumpsTheCommitThatWasInForce(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	rewritten := s.commit(values("two"))
	view, err := open(t, of(s.dir)).Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	other := open(t, of(s.dir))
	s.commit(values("three"))
	point := surfacetest.Dump(t, other, view)
	target := folder(t)
	surfacetest.Restore(t, other, target, point)
	if head := run(t, pathOf(target), "rev-parse", "HEAD"); head != rewritten {
		t.Errorf("the branch went on, and %s was dumped, not %s", head, rewritten)
	}

	s.git("reset", "--quiet", "--hard", "HEAD~2")
	s.commit(values("another"))
	surfacetest.Restore(t, other, folder(t), surfacetest.Dump(t, other, view))

	s.git("reflog", "expire", "--expire=now", "--all")
	s.git("gc", "--quiet", "--prune=now")
	if _, err := other.Dump(t.Context(), view.Token(), view.Parts()[0], &bytes.Buffer{}); !fault.Is(err, fault.Lost) {
		t.Errorf("a commit that the remote has thrown away: %v", err)
	}
}

func TestTwoViewsOfOneCommitShareACopy(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	surf := open(t, of(s.dir))
	first, err := surf.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := surf.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(first.Close(), first.Close()); err != nil {
		t.Fatal(err)
	}
	if err := second.Check(t.Context()); err != nil {
		t.Errorf("the other view was closed: %v", err)
	}
	surfacetest.Restore(t, surf, folder(t), surfacetest.Dump(t, surf, second))
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

func TestRemotesThatCantBeProtected(t *testing.T) {
	t.Parallel()
	none := newSource(t)
	s := newSource(t)
	s.commit(values("one"))
	s.commit(values("two"))
	shallow := filepath.Join(t.TempDir(), "shallow")
	run(t, "", "clone", "--quiet", "--depth=1", "file://"+s.dir, shallow)
	detached := newSource(t)
	detached.commit(values("one"))
	detached.git("checkout", "--quiet", "--detach")
	for _, c := range []struct {
		url  string
		want fault.Kind
		says string
	}{
		{none.dir, fault.Missing, "no commit on its default branch"},
		{t.TempDir(), fault.Missing, "does not appear to be a git repository"},
		{"/nonexistent/repository", fault.Missing, "does not appear to be a git repository"},
		{shallow, fault.Invalid, "git fetch --unshallow"},
		{detached.dir, fault.Invalid, "is on no branch"},
	} {
		if _, err := open(t, of(c.url)).Hold(t.Context()); !fault.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s: %s", c.url, err, c.want, c.says)
		}
	}
}

func TestARepositoryOfSHA256(t *testing.T) {
	t.Parallel()
	s := newSource(t, "--object-format=sha256")
	s.commit(values("one"))
	surf := open(t, of("file://"+s.dir))
	surfacetest.Restore(t, surf, folder(t), surfacetest.Take(t, surf))
}

func TestARepositoryOfAnotherAccount(t *testing.T) {
	t.Parallel()
	nobody, err := user.Lookup("nobody")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("only root can give files away")
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	s := newSource(t)
	s.commit(values("one"))
	err = filepath.WalkDir(s.dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, -1))
	})
	if err != nil {
		t.Fatal(err)
	}
	surf := open(t, of(s.dir))
	if server, err := surf.Probe(t.Context()); err != nil || server.Bytes == 0 {
		t.Errorf("probe: %+v, %v", server, err)
	}
	surfacetest.Restore(t, surf, folder(t), surfacetest.Take(t, surf))
}
