package worker

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
)

// TestASchedulesOwnPauseCounts: a person's word is newer than the configuration's.
func TestASchedulesOwnPauseCounts(t *testing.T) {
	t.Parallel()
	daily := func(paused bool) config.Policy {
		return config.Policy{Surface: "main", Kind: config.KindSnapshot, Cron: "0 2 * * *", TimeZone: "UTC", Paused: paused}
	}
	cfg := &config.Config{Policies: map[string]config.Policy{
		"resumed": daily(true), "paused": daily(false), "new": daily(true), "asked": {Surface: "main", Kind: config.KindSnapshot},
	}}
	got, err := standingOf(cfg, map[string]schedules.Standing{"resumed": {}, "paused": {Paused: true}})
	if err != nil || len(got) != 3 || got["resumed"].Paused || !got["paused"].Paused || !got["new"].Paused || got["new"].Interval == 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
