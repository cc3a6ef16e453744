package basebackup

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestExtractSetsModes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	archive := archiveOf(t, tar.Header{Name: "base", Typeflag: tar.TypeDir, Mode: 0o750}, tar.Header{Name: "base/1", Size: 5, Mode: 0o640},
		tar.Header{Name: "private", Size: 3, Mode: 0o600}, tar.Header{Name: "open", Mode: 0o4777}, tar.Header{Name: "global/deep/file", Mode: 0o400})
	// A second time, as after an interruption, over a longer file.
	for range 2 {
		e, err := Extract(t.Context(), iotest.HalfReader(bytes.NewReader(archive)), dir, Options{FSync: true})
		if err != nil {
			t.Fatal(err)
		}
		want := []Sum{{"base/1", 5, sumOf([]byte("xxxxx"))}, {"private", 3, sumOf([]byte("xxx"))}, {"open", 0, 0}, {"global/deep/file", 0, 0}}
		if diff := cmp.Diff(want, e.Files); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		for name, mode := range map[string]os.FileMode{
			".": 0o700, "base": 0o750, "base/1": 0o640, "private": 0o600, "open": 0o640, "global": 0o700, "global/deep": 0o700, "global/deep/file": 0o600,
		} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode || info.Mode()&os.ModeSetuid != 0 {
				t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, mode)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "private"), make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExtractRefuses(t *testing.T) {
	t.Parallel()
	link := func(name, to string) []byte {
		return archiveOf(t, tar.Header{Name: "pg_tblspc", Typeflag: tar.TypeDir}, tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: to})
	}
	nul := archiveOf(t, tar.Header{Name: "plain"})
	for name, c := range map[string]struct {
		archive []byte
		kind    fault.Kind
		o       Options
	}{
		"above":                   {archiveOf(t, tar.Header{Name: "../escaped", Size: 1}), fault.Corrupt, Options{}},
		"above, hidden":           {archiveOf(t, tar.Header{Name: "a/../../escaped", Size: 1}), fault.Corrupt, Options{}},
		"absolute":                {archiveOf(t, tar.Header{Name: "/escaped", Size: 1}), fault.Corrupt, Options{}},
		"the folder itself":       {archiveOf(t, tar.Header{Name: "./", Typeflag: tar.TypeDir}), fault.Corrupt, Options{}},
		"link elsewhere":          {link("base", "/etc"), fault.Corrupt, Options{}},
		"link of no number":       {link("pg_tblspc/x", "/etc"), fault.Corrupt, Options{}},
		"link of another writing": {link("pg_tblspc/01", "/etc"), fault.Corrupt, Options{Tablespaces: map[uint32]string{1: "/x"}}},
		"link in a tablespace":    {link("pg_tblspc/1", "/etc"), fault.Corrupt, Options{Tablespace: 9, Tablespaces: map[uint32]string{1: "/x"}}},
		"tablespace unknown":      {link("pg_tblspc/1", "/etc"), fault.Invalid, Options{}},
		"tablespace relative":     {link("pg_tblspc/1", "/etc"), fault.Invalid, Options{Tablespaces: map[uint32]string{1: "x"}}},
		"folder relative":         {nul, fault.Invalid, Options{Tablespace: 1, Tablespaces: map[uint32]string{1: "x"}}},
		"tablespace map":          {archiveOf(t, tar.Header{Name: "tablespace_map", Size: 3}), fault.Unsupported, Options{}},
		"cut off":                 {archiveOf(t, tar.Header{Name: "a", Size: 600})[:700], fault.Corrupt, Options{}},
	} {
		parent := t.TempDir()
		_, err := Extract(t.Context(), bytes.NewReader(c.archive), filepath.Join(parent, "data"), c.o)
		if !fault.Is(err, c.kind) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v (%s), want %s", name, err, fault.KindOf(err), c.kind)
		}
		if entries, _ := os.ReadDir(parent); len(entries) > 1 {
			t.Errorf("%s: something is beside the data directory: %v", name, entries)
		}
	}
}

// Nothing is written through links that are there already.
func TestExtractDoesNotFollowLinks(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir, outside := filepath.Join(parent, "data"), filepath.Join(parent, "outside")
	for _, d := range []string{dir, outside} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "base")); err != nil {
		t.Fatal(err)
	}
	_, err := Extract(t.Context(), bytes.NewReader(archiveOf(t, tar.Header{Name: "base/1", Size: 1})), dir, Options{})
	if entries, _ := os.ReadDir(outside); err == nil || len(entries) > 0 {
		t.Errorf("%v, and %v outside", err, entries)
	}
}

func TestExtractEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	archive := archiveOf(t, tar.Header{Name: "a", Size: 600})
	if _, err := Extract(ctx, bytes.NewReader(archive), t.TempDir(), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	broken := fault.New(fault.Unavailable, "gone")
	if _, err := Extract(t.Context(), iotest.ErrReader(broken), t.TempDir(), Options{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a reader that fails: %v", err)
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	marks := filepath.Join(t.TempDir(), "marks")
	if _, done, err := Done(marks, "base-0001"); done || err != nil {
		t.Errorf("before: %v, %v", done, err)
	}
	want := Extracted{Files: []Sum{{"a\xff", 1, 2}, {"b", 3, 4}}}
	if err := MarkDone(marks, "base-0001", want); err != nil {
		t.Fatal(err)
	}
	got, done, err := Done(marks, "base-0001")
	if diff := cmp.Diff(want, got); diff != "" || !done || err != nil {
		t.Errorf("after: %v, %v\n%s", done, err, diff)
	}
	if _, done, _ := Done(marks, "base-0002"); done {
		t.Error("another part is done, too")
	}
	if entries, err := os.ReadDir(marks); err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v", len(entries), err)
	}
}

// FuzzExtract: no archive leaves its folder or makes a link.
func FuzzExtract(f *testing.F) {
	f.Add(archiveOf(f, tar.Header{Name: "a/b", Size: 600}, tar.Header{Name: "d/", Typeflag: tar.TypeDir}))
	f.Add(archiveOf(f, tar.Header{Name: "pg_tblspc/1", Typeflag: tar.TypeSymlink, Linkname: "/"}))
	f.Fuzz(func(t *testing.T, archive []byte) {
		parent := t.TempDir()
		e, err := Extract(t.Context(), bytes.NewReader(archive), filepath.Join(parent, "data"), Options{})
		if entries, _ := os.ReadDir(parent); len(entries) != 1 {
			t.Errorf("%v beside the data directory (%v)", entries, err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q", err)
		}
		found, errList := list(filepath.Join(parent, "data"), nil)
		if errList != nil {
			t.Error(errList)
		}
		for _, file := range e.Files {
			if found[file.Path] == "" {
				t.Errorf("%q was not put in place", file.Path)
			}
		}
	})
}
