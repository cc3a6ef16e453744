package gitconfig_test

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhatAKilledWorkerLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := newSource(t)
	s.commit(values("one"))
	dead, theirs := filepath.Join(dir, "lifeboat-git-1"), filepath.Join(dir, "lifeboat-git-2")
	for _, one := range []string{dead, theirs} {
		if err := os.Mkdir(one, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dead, "holder"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := open(t, of(s.dir)).Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("what was left is there: %v", err)
	}
	// Another process would see the first view's copy as this one's does: held.
	second, err := open(t, of(s.dir)).Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if found, err := filepath.Glob(filepath.Join(dir, "lifeboat-git-*")); err != nil || len(found) != 3 {
		t.Errorf("%v, %v", found, err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if found, err := filepath.Glob(filepath.Join(dir, "lifeboat-git-*")); err != nil || len(found) != 1 || found[0] != theirs {
		t.Errorf("%v, %v", found, err)
	}
}
