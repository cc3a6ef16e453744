package schedules_test

import (
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/internal/engine/enginetest"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
)

func TestPeoplePauseAndResume(t *testing.T) {
	t.Parallel()
	c := enginetest.Dial(t, enginetest.Start(t))
	ctx := t.Context()
	reconcile(t, c, daily("a"), daily("b", paused(true)))
	state := func(id string) schedules.State {
		t.Helper()
		states, err := schedules.States(ctx, c, []string{"a", "b", "nobody"})
		if err != nil || len(states) != 2 {
			t.Fatalf("%v, %v", states, err)
		}
		return states[id]
	}
	if s := state("a"); s.ID != "a" || s.Paused || s.ByHand || s.Note != "policy a" || s.Next.Before(time.Now()) || !s.Last.IsZero() || s.Running != nil {
		t.Errorf("a stands as %+v", s)
	}
	if s := state("b"); !s.Paused || s.ByHand || !s.Next.IsZero() {
		t.Errorf("b, which the configuration pauses, stands as %+v", s)
	}
	for range 2 {
		if s, err := schedules.Pause(ctx, c, "a", "paused by ann: the disk is full"); err != nil || !s.Paused || !s.ByHand || !s.Next.IsZero() {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	// Workers restart, with this configuration and with another one.
	for _, wanted := range []schedules.Wanted{daily("a"), daily("a", at("0 7 * * *"))} {
		reconcile(t, c, wanted, daily("b", paused(true)))
		if s := state("a"); !s.Paused || !s.ByHand || s.Note != "paused by ann: the disk is full" {
			t.Errorf("after a worker started, a stands as %+v", s)
		}
	}
	if s, err := schedules.Resume(ctx, c, "a", "resumed by ann"); err != nil || s.Paused || s.ByHand || s.Next.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := schedules.Resume(ctx, c, "b", "resumed by ann"); err != nil || s.Paused || !s.ByHand {
		t.Errorf("b against the configuration: %+v, %v", s, err)
	}
}

func TestOnlyOwnSchedulesArePaused(t *testing.T) {
	t.Parallel()
	c := enginetest.Dial(t, enginetest.Start(t))
	_, err := c.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID: schedules.Prefix + "by-hand", Spec: client.ScheduleSpec{CronExpressions: []string{"@daily"}},
		Action: &client.ScheduleWorkflowAction{ID: "x", Workflow: "x", TaskQueue: "q"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"by-hand", "nobody"} {
		if _, err := schedules.Pause(t.Context(), c, id, "note"); !fault.Is(err, fault.Missing) {
			t.Errorf("%s: %v, want fault.Missing", id, err)
		}
	}
}
