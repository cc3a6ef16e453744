package gitconfig_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/gitconfig"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

func TestWhereARestoreDoesNotGo(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	surf := open(t, of(s.dir))
	point := surfacetest.Take(t, surf)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(s.dir, link); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"https://example.com/a.git", "ssh://host/a", "/relative", "file://host/a", "file:///", "file://" + s.dir, "file://" + link} {
		err := surf.Begin(t.Context(), surface.Target{URL: secret.String(url), Replace: true, Throwaway: true}, point)
		if !fault.Is(err, fault.Unsupported) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if s.git("status", "--porcelain") != "" {
		t.Error("what is protected was changed")
	}
	target := folder(t)
	if err := surf.Load(t.Context(), target, point.Parts()[0], bytes.NewReader(nil)); !fault.Is(err, fault.Conflict) {
		t.Errorf("load into a folder that Begin has not seen: %v", err)
	}
	if err := surf.Finish(t.Context(), target, point); !fault.Is(err, fault.Conflict) {
		t.Errorf("finish a folder that Begin has not seen: %v", err)
	}
	if _, err := surf.Fingerprint(t.Context(), surface.Target{URL: "file:///nonexistent/copy"}); !fault.Is(err, fault.Missing) {
		t.Errorf("fingerprint of nothing: %v", err)
	}
	if f, err := surf.Fingerprint(t.Context(), target); err != nil || len(f) > 0 {
		t.Errorf("fingerprint of an empty folder: %v, %v", f, err)
	}
}

func TestAFinishedRestoreIsInTheWayOfAnother(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	surf := open(t, of(s.dir))
	point := surfacetest.Take(t, surf)
	target := folder(t)
	surfacetest.Restore(t, surf, target, point)
	if err := surf.Begin(t.Context(), target, point); !fault.Is(err, fault.Conflict) {
		t.Errorf("begin on a finished restore: %v", err)
	}
	s.commit(values("two"))
	other := surfacetest.Take(t, surf)
	unfinished := folder(t)
	if err := errors.Join(surf.Begin(t.Context(), unfinished, point), surf.Begin(t.Context(), unfinished, point)); err != nil {
		t.Fatal(err)
	}
	if err := surf.Begin(t.Context(), unfinished, other); !fault.Is(err, fault.Conflict) {
		t.Errorf("begin on the unfinished restore of another point: %v", err)
	}
}

func TestADamagedBundleIsRefused(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	s.commit(values("two"))
	surf := open(t, of(s.dir))
	point := surfacetest.Take(t, surf)
	whole := point.Data["repository.bundle"]
	part := point.Parts()[0]
	s.commit(values("three"))
	later := surfacetest.Take(t, surf)

	// A bundle that needs what it does not have.
	thin := filepath.Join(t.TempDir(), "thin")
	s.git("bundle", "create", "--quiet", thin, "HEAD~1..main", "HEAD")
	partial, err := os.ReadFile(thin)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-40] ^= 1
	for name, text := range map[string][]byte{
		"empty": nil, "cut short": whole[:len(whole)-30], "one bit is wrong": flipped, "of another commit": later.Data["repository.bundle"],
		"no bundle": []byte("PACK and then nothing\n"), "not the whole history": partial,
	} {
		target := folder(t)
		if err := surf.Begin(t.Context(), target, point); err != nil {
			t.Fatal(err)
		}
		if err := surf.Load(t.Context(), target, part, bytes.NewReader(text)); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v is %s", name, err, fault.KindOf(err))
		}
		if left, _ := filepath.Glob(filepath.Join(pathOf(target), ".git", "*.bundle")); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
		// The next attempt has the whole.
		if err := surf.Load(t.Context(), target, part, bytes.NewReader(whole)); err != nil {
			t.Errorf("%s, and then whole: %v", name, err)
		}
	}
	for _, spec := range []string{"", "{}", `{"ref":"refs/heads/main","tip":"--output=x","commit":"x"}`, `{"ref":"--upload-pack=x","tip":"` + strings.Repeat("a", 40) + `","commit":"` + strings.Repeat("a", 40) + `"}`} {
		bad := part
		bad.Spec = json.RawMessage(spec)
		target := folder(t)
		if err := surf.Begin(t.Context(), target, point); err != nil {
			t.Fatal(err)
		}
		if err := surf.Load(t.Context(), target, bad, bytes.NewReader(whole)); !fault.Is(err, fault.Corrupt) {
			t.Errorf("spec %q: %v", spec, err)
		}
	}
}

func TestAChangedFileShows(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	surf := open(t, of(s.dir))
	point := surfacetest.Take(t, surf)
	target := folder(t)
	surfacetest.Restore(t, surf, target, point)
	if err := os.WriteFile(filepath.Join(pathOf(target), "values.yaml"), []byte("image:\n  tag: other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := surf.Fingerprint(t.Context(), target)
	if differs := point.Fingerprint().Compare(got); err != nil || len(differs) != 1 || differs[0].Name != "values.yaml" {
		t.Errorf("%v, %v", differs, err)
	}
}

// What a repository holds is other people's, and must not act on the host.
func TestNothingInARepositoryActs(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	s := newSource(t)
	if err := os.Symlink(outside, filepath.Join(s.dir, "link")); err != nil {
		t.Fatal(err)
	}
	s.commit(map[string]string{
		".gitattributes": "*.txt filter=evil diff=evil\n* text=auto\n", "a.txt": "a\r\n",
		"hooks/post-checkout": "#!/bin/sh\ntouch " + outside + "\n", "odd \xff name": "x", "-n": "x", "quote\"d": "x",
	})
	surf := open(t, of(s.dir))
	point := surfacetest.Take(t, surf)
	places := gitconfig.NewPlaces(t.TempDir())
	made, err := places.Make(t.Context(), "restore-1", environment.Origin{Surface: "configuration", Point: "p"})
	if err != nil {
		t.Fatal(err)
	}
	target := surface.Target{URL: made.URL}
	surfacetest.Restore(t, surf, target, point)
	info, err := os.Lstat(filepath.Join(pathOf(target), "link"))
	if err != nil || !info.Mode().IsRegular() {
		t.Errorf("a link was made: %v, %v", info, err)
	}
	if _, err := os.Stat(outside); !os.IsNotExist(err) {
		t.Errorf("something acted: %v", err)
	}
	tried, err := places.TryIsolation(t.Context(), "restore-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range tried {
		if a.Result != "pass" {
			t.Errorf("%+v", a)
		}
	}
}
