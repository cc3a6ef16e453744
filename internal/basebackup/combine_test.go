package basebackup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// scripted puts a pg_combinebackup into a folder of tools.
func scripted(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pg_combinebackup"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCombine(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	c := Combination{
		BinDir:      scripted(t, `out=${3#--output=}; mkdir "$out" && printf '%s\n' "$@" > "$out/said"`),
		Tablespaces: map[string]string{"/b=c": "/new b", "/a": "/new a"},
	}
	if err := Combine(t.Context(), c, out, "/full", "/first", "/second"); err != nil {
		t.Fatal(err)
	}
	said, err := os.ReadFile(filepath.Join(out, "said"))
	want := "--tablespace-mapping=/a=/new a\n--tablespace-mapping=/b\\=c=/new b\n--output=" + out + "\n/full\n/first\n/second\n"
	if err != nil || string(said) != want {
		t.Errorf("it was called with\n%s%v, want\n%s", said, err, want)
	}
}

func TestCombineFails(t *testing.T) {
	t.Parallel()
	err := Combine(t.Context(), Combination{BinDir: scripted(t, "echo first >&2; echo 'the manifest system identifier differs' >&2; exit 1")}, "/out", "/a", "/b")
	if want := "combining 2 backups: the manifest system identifier differs"; !fault.Is(err, fault.Corrupt) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	err = Combine(t.Context(), Combination{BinDir: scripted(t, "exit 3")}, "/out", "/a")
	if want := "combining 1 backups: exit status 3"; !fault.Is(err, fault.Corrupt) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := Combine(t.Context(), Combination{BinDir: t.TempDir()}, "/out", "/a"); !fault.Is(err, fault.Unsupported) {
		t.Errorf("without the tool: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	mark := filepath.Join(t.TempDir(), "started")
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if _, err := os.Stat(mark); err == nil {
				return
			}
		}
	}()
	if err := Combine(ctx, Combination{BinDir: scripted(t, "touch "+mark+"; sleep 600")}, "/out", "/a"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
