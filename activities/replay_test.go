package activities

import (
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
)

func TestReachedAllowsForTheOrderOfCommits(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		last time.Time
		kind fault.Kind
	}{
		"the very last":             {at, ""},
		"an earlier one came after": {at.Add(-39 * time.Microsecond), ""},
		"none in the WAL":           {time.Time{}, ""},
		"much is missing":           {at.Add(-time.Hour), fault.Corrupt},
	} {
		_, err := reached(pitr.Plan{Expected: at}, local.Recovered{LastCommit: c.last})
		if (err == nil) != (c.kind == "") || err != nil && fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}
