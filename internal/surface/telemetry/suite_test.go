package telemetry_test

import (
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	live := newPrometheus(t, map[int]int{2: 7, 50: 3}, adminAPI)
	all := newCopies(t)
	surfacetest.Run(t, surfacetest.Harness{
		Surface: live.surface(t),
		Fill:    func(t testing.TB) { live.sell(t, 10) },
		Change:  func(t testing.TB) { live.sell(t, 11) },
		NewTarget: func(t testing.TB) surface.Target {
			server := all.start(t)
			return surface.Target{URL: server.URL, ScratchDir: server.Dir}
		},
		Occupy: func(t testing.TB, target surface.Target) {
			makeBlocks(t, filepath.Join(target.ScratchDir, "data", "tsdb"), map[int]int{1: 1})
		},
		Left: live.snapshots,
	})
}
