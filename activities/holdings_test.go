package activities

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// TestPushedSegments leaves the open segment out, on whatever timeline the server is.
func TestPushedSegments(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	two := []pitr.Timeline{
		{ID: 1, Segments: []pitr.Held{{Number: 3}, {Number: 7}}},
		{ID: 2, Segments: []pitr.Held{{Number: 5}}},
		{ID: 3},
	}
	for name, c := range map[string]struct {
		held pitr.Holdings
		at   wal.LSN
		want pitr.Pushed
	}{
		"the open one has begun": {pitr.Holdings{SegmentSize: size, Timelines: two}, 8*size + 40, pitr.Pushed{Server: 8 * size, Stored: 8 * size}},
		"one waits":              {pitr.Holdings{SegmentSize: size, Timelines: two}, 10*size - 1, pitr.Pushed{Server: 9 * size, Stored: 8 * size}},
		"nothing is stored":      {pitr.Holdings{}, 33 << 20, pitr.Pushed{Server: 32 << 20}},
	} {
		if got := *pushed(c.held, c.at); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
