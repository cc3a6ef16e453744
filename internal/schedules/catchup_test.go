package schedules_test

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/engine/enginetest"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
)

// often starts a workflow that ends at once.
func often() schedules.Wanted {
	return schedules.Wanted{ID: "often", Cron: "@every 5s", Workflow: "instant", TaskQueue: "q"}
}

// late tells a run that was caught up from one in time.
func late(r client.ScheduleActionResult) bool { return r.ActualTime.Sub(r.ScheduleTime) > time.Second }

// A schedule misses two runs while nothing runs. Both are within the catch-up
// window, and exactly one of them is made up for.
func TestMissedRunsAreCaughtUpOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(while func(c client.Client)) {
		e, err := engine.Start(t.Context(), engine.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Stop(context.Background()) })
		c := enginetest.Dial(t, e)
		w := worker.New(c, "q", worker.Options{})
		w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: "instant"})
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		while(c)
		w.Stop()
		c.Close()
		if err := e.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}

	run(func(c client.Client) {
		reconcile(t, c, often())
		var first []client.ScheduleActionResult
		eventually(t, "a first run", func() bool {
			first = describe(t, c, "often").Info.RecentActions
			return len(first) > 0
		})
		// A run that is not finished would go on later, and the missed ones overlap with it.
		if err := c.GetWorkflow(t.Context(), first[0].StartWorkflowResult.WorkflowID, "").Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	})
	// Long enough to miss two runs.
	time.Sleep(11 * time.Second)
	run(func(c client.Client) {
		wantReport(t, reconcile(t, c, often()), "", "", "", "often")
		var recent []client.ScheduleActionResult
		eventually(t, "a run that was not missed", func() bool {
			recent = describe(t, c, "often").Info.RecentActions
			return len(recent) > 1 && !late(recent[len(recent)-1])
		})
		caughtUp := 0
		for _, r := range recent {
			if late(r) {
				caughtUp++
			}
		}
		if caughtUp != 1 {
			t.Errorf("%d of the missed runs were caught up, want 1: %+v", caughtUp, recent)
		}
	})
}
