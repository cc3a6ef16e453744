// Package storetest is the one suite that every store passes, against a real
// server.
package storetest

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Open opens a new, empty store. It is called from several tests at once.
type Open func(t *testing.T) store.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, store.Store)
	}{
		{"RoundTrip", roundTrip},
		{"Ranges", ranges},
		{"Overwrite", overwrite},
		{"IfAbsent", ifAbsent},
		{"SmallRacers", smallRacers},
		{"LargeRacers", largeRacers},
		{"FailingReader", failingReader},
		{"CancelledContext", cancelledContext},
		{"Keys", keys},
		{"InvalidKeys", invalidKeys},
		{"Missing", missing},
		{"List", list},
		{"Paging", paging},
		{"Delete", deletion},
		{"Check", check},
		{"RetainUntilWithoutLock", retainUntilWithoutLock},
		{"LiveUploads", liveUploads},
		{"AtOnce", atOnce},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
}
