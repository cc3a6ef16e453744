package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// scheduleIDs lists the schedules that the engine has.
func scheduleIDs(t *testing.T, c client.Client) []string {
	t.Helper()
	list, err := c.ScheduleClient().List(context.Background(), client.ScheduleListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, entry.ID)
	}
	slices.Sort(ids)
	return ids
}

// TestSchedules lets one policy run every few seconds and another one rest,
// and then takes the first one out of the configuration.
func TestSchedules(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	s := siteFor(t, shop(t, pg, 10), rd.URL)
	const often = `  redis-daily: {surface: redis, kind: snapshot, cron: "@every 2s", store: primary, keep: {last: 1}}`
	busy := s.with(t,
		`  redis-daily: {surface: redis, kind: snapshot, cron: "30 2 * * *", store: primary}`, often,
		`cron: "0 2 * * *"`, `cron: "@every 2s", paused: true`)
	up := busy.start(t, "up")
	var listed []point
	list := func() []point {
		listed = nil
		busy.ask(t, &listed, "snapshot", "list", "--limit", "0")
		return listed
	}
	eventually(t, 2*time.Minute, "a scheduled point is verified", func() bool {
		return slices.ContainsFunc(list(), func(p point) bool { return p.State == "verified" })
	})
	first := listed[len(listed)-1]
	if first.Policy != "redis-daily" || !strings.HasPrefix(first.WorkflowID, "snapshot/redis/redis-daily-") {
		t.Errorf("the scheduled point is %+v", first)
	}
	eventually(t, 2*time.Minute, "a later point stands alone, by the policy's retention", func() bool {
		list()
		return len(listed) > 0 && !slices.ContainsFunc(listed, func(p point) bool { return p.ID == first.ID })
	})
	if ids, want := scheduleIDs(t, busy.temporal(t)), []string{"lifeboat/main-daily", "lifeboat/redis-daily"}; !slices.Equal(ids, want) {
		t.Errorf("schedules %v, want %v", ids, want)
	}

	up.Stop()
	quiet := busy.with(t, often, "")
	quiet.start(t, "up")
	// The list lags behind what is.
	eventually(t, time.Minute, "the schedule that nobody wants is gone", func() bool {
		return slices.Equal(scheduleIDs(t, quiet.temporal(t)), []string{"lifeboat/main-daily"})
	})
	if slices.ContainsFunc(list(), func(p point) bool { return p.Surface == "main" }) {
		t.Errorf("a paused policy made a point: %+v", listed)
	}
}
