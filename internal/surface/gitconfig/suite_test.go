package gitconfig_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

func TestSuite(t *testing.T) {
	scratch := t.TempDir()
	t.Setenv("TMPDIR", scratch)
	s := newSource(t)
	surfacetest.Run(t, surfacetest.Harness{
		Surface: open(t, of(s.dir)),
		Fill: func(testing.TB) {
			for _, tag := range []string{"one", "two", "three"} {
				s.commit(values(tag))
			}
		},
		Change:    func(testing.TB) { s.commit(values("four")) },
		NewTarget: folder,
		Occupy: func(t testing.TB, target surface.Target) {
			dir := pathOf(target)
			run(t, dir, "init", "--quiet", "-b", "main")
			if err := os.WriteFile(filepath.Join(dir, "theirs"), []byte("theirs"), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, dir, "add", "theirs")
			run(t, dir, "commit", "--quiet", "-m", "theirs")
		},
		// A commit is there for any worker, whether a view is held or not.
		OneShot: true,
		Left: func(t testing.TB) []string {
			found, err := filepath.Glob(filepath.Join(scratch, "*"))
			if err != nil {
				t.Fatal(err)
			}
			return found
		},
	})
}
