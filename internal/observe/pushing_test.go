package observe

import (
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// TestPushedWAL counts what waits from when it could have been pushed, and never
// the open segment.
func TestPushedWAL(t *testing.T) {
	t.Parallel()
	type step struct {
		second         int
		server, stored wal.LSN
		want           float64
	}
	for name, steps := range map[string][]step{
		"an idle server":                 {{0, 5, 5, 0}, {3600, 5, 5, 0}},
		"a busy one that keeps up":       {{0, 6, 5, 0}, {25, 9, 8, 0}, {50, 20, 19, 0}, {75, 20, 20, 0}},
		"one that has stopped":           {{0, 5, 5, 0}, {3600, 6, 5, 0}, {3661, 6, 5, 61}, {3700, 7, 5, 100}, {3725, 7, 7, 0}},
		"one that falls ever further":    {{0, 10, 5, 0}, {60, 20, 9, 60}, {120, 30, 15, 60}, {180, 40, 18, 120}},
		"one that has never pushed":      {{0, 9, 0, 0}, {60, 9, 0, 0}, {120, 10, 0, 0}, {185, 10, 0, 65}, {190, 10, 10, 0}},
		"a store that is ahead":          {{0, 5, 7, 0}, {60, 5, 7, 0}},
		"one that is done away with":     {{0, 6, 5, 0}, {61, 6, 5, 61}, {90, 6, 6, 0}, {300, 7, 6, 0}},
		"one whose first WAL comes late": {{0, 9, 0, 0}, {60, 9, 9, 0}, {90, 10, 9, 0}, {151, 10, 9, 61}},
	} {
		var p *pushing
		for i, s := range steps {
			at, now := noon.Add(time.Duration(s.second)*time.Second), pitr.Pushed{Server: s.server << 24, Stored: s.stored << 24}
			if p == nil {
				p = newPushing(now, nil, at)
			}
			if bytes, seconds := p.behind(now, at); *seconds != s.want || *bytes < 0 {
				t.Errorf("%s, step %d: %v seconds and %d bytes behind, want %v seconds", name, i, *seconds, *bytes, s.want)
			}
		}
	}
	now := pitr.Pushed{Server: 6 << 24, Stored: 5 << 24}
	if _, seconds := newPushing(now, &status.WAL{LagSeconds: new(90.0)}, noon).behind(now, noon); *seconds != 90 {
		t.Errorf("another worker begins at %v seconds", *seconds)
	}
}
