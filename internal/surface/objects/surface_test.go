package objects

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/environment/placetest"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

// TestSuite runs the suite of all surfaces.
func TestSuite(t *testing.T) {
	t.Parallel()
	for name, on := range services(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := on.bucket(t)
			c.Prefix = "app"
			other := on.bucket(t)
			s, elsewhere := open(t, c), other.Holder()
			var targets atomic.Int32
			surfacetest.Run(t, surfacetest.Harness{
				Surface: s, OneShot: true,
				Fill: func(t testing.TB) {
					for i := range 120 {
						put(t, s.live, fmt.Sprintf("app/folder-%d/key %03d+&.txt", i%4, i), fmt.Sprint("contents ", i))
					}
					put(t, s.live, "app/root", "old", "app/root", "new", "app/gone", "x", "apple", "not ours", "other/key", "not ours")
					must(t, s.live.Hide(t.Context(), "app/gone"))
				},
				Change: func(t testing.TB) { put(t, s.live, "app/root", "newest of all") },
				NewTarget: func(t testing.TB) surface.Target {
					t.Helper()
					return surface.Target{URL: location{Bucket: elsewhere, Prefix: fmt.Sprintf("target-%d/", targets.Add(1))}.url()}
				},
				Occupy: func(t testing.TB, target surface.Target) {
					to, err := parseLocation(target.URL)
					must(t, err)
					put(t, s.live.In(to.Bucket), to.Prefix+"root", "occupied!", to.Prefix+"another", "x")
				},
				Left: func(testing.TB) []string { return nil },
			})
		})
	}
}

// TestPlaces runs the suite of all places.
func TestPlaces(t *testing.T) {
	t.Parallel()
	for name, on := range services(t) {
		if on.strangers {
			// The emulator lets everybody in, and the suite demands that nobody is:
			// TestOpenBucket has what comes of that.
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, on.bucket(t))
			put(t, s.live, "live/a", "x")
			placetest.Run(t, placetest.Suite{
				Place: s.Places(), Origin: environment.Origin{Surface: "files", Point: "20260304T050607.000Z-abc234"},
				Put: func(t *testing.T, made environment.Made) {
					to, err := parseLocation(made.URL)
					must(t, err)
					put(t, s.live, to.Prefix+"key", "old", to.Prefix+"key", "new", to.Prefix+"folder/gone", "x")
					must(t, s.live.Hide(t.Context(), to.Prefix+"folder/gone"))
				},
				Holds: func(t *testing.T, made environment.Made) bool {
					to, err := parseLocation(made.URL)
					must(t, err)
					for _, err := range s.live.Versions(t.Context(), to.Prefix) {
						must(t, err)
						return true
					}
					return false
				},
			})
		})
	}
}
