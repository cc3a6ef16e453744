package gitconfig_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/environment/placetest"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/gitconfig"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

func TestPlaces(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	surf := open(t, of(s.dir))
	point := surfacetest.Take(t, surf)
	placetest.Run(t, placetest.Suite{
		Place: gitconfig.NewPlaces(t.TempDir()), Origin: environment.Origin{Surface: "configuration", Point: "p"},
		Put: func(t *testing.T, made environment.Made) {
			surfacetest.Restore(t, surf, surface.Target{URL: made.URL, Throwaway: true}, point)
		},
		Holds: func(t *testing.T, made environment.Made) bool {
			got, err := surf.Fingerprint(t.Context(), surface.Target{URL: made.URL})
			if err != nil {
				t.Fatal(err)
			}
			return len(got) > 0
		},
	})
}

func TestIDsThatAreNoNamesOfFolders(t *testing.T) {
	t.Parallel()
	places := gitconfig.NewPlaces(t.TempDir())
	for _, id := range []string{"", "../x", "a/b", ".", "..", ".new-1", strings.Repeat("a", 81)} {
		if _, err := places.Make(t.Context(), id, environment.Origin{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestIsolationThatFails(t *testing.T) {
	t.Parallel()
	for what, spoil := range map[string]func(t *testing.T, dir string){
		"remotes, credentials and programs in the copy's configuration": func(t *testing.T, dir string) {
			run(t, dir, "config", "credential.helper", "store")
		},
		"fetch from where the copy comes from": func(t *testing.T, dir string) {
			other := newSource(t)
			other.commit(values("one"))
			run(t, dir, "remote", "add", "origin", other.dir)
		},
		"hooks, which git would run": func(t *testing.T, dir string) {
			hooks := filepath.Join(dir, ".git", "hooks")
			if err := os.MkdirAll(hooks, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(hooks, "pre-push"), []byte("#!/bin/sh\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"other repositories that objects are taken from": func(t *testing.T, dir string) {
			file := filepath.Join(dir, ".git", "objects", "info", "alternates")
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte("/elsewhere\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"links, which may lead out of the copy": func(t *testing.T, dir string) {
			if err := os.Symlink("/", filepath.Join(dir, "root")); err != nil {
				t.Fatal(err)
			}
		},
		"who may enter the folder": func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			places := gitconfig.NewPlaces(t.TempDir())
			made, err := places.Make(t.Context(), "r", environment.Origin{})
			if err != nil {
				t.Fatal(err)
			}
			before, err := places.TryIsolation(t.Context(), "r")
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range before {
				if a.Result != "pass" {
					t.Errorf("a new place: %+v", a)
				}
			}
			spoil(t, made.Address)
			after, err := places.TryIsolation(t.Context(), "r")
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range after {
				if a.What == what && a.Result != "fail" {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}
