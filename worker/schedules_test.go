package worker_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// planner is a Temporal cluster with an agenda.
type planner struct {
	client.Client
	agenda *agenda
}

func (p planner) ScheduleClient() client.ScheduleClient { return p.agenda }

// agenda is what a Temporal cluster has of schedules.
type agenda struct {
	client.ScheduleClient
	schedules map[string]client.ScheduleOptions
}

func (a *agenda) Create(_ context.Context, o client.ScheduleOptions) (client.ScheduleHandle, error) {
	if _, there := a.schedules[o.ID]; there {
		return nil, temporal.ErrScheduleAlreadyRunning
	}
	a.schedules[o.ID] = o
	return a.GetHandle(context.Background(), o.ID), nil
}

func (a *agenda) GetHandle(_ context.Context, id string) client.ScheduleHandle {
	return &entry{agenda: a, id: id}
}

func (a *agenda) List(context.Context, client.ScheduleListOptions) (client.ScheduleListIterator, error) {
	return &listing{ids: slices.Sorted(maps.Keys(a.schedules)), of: a}, nil
}

type listing struct {
	ids []string
	of  *agenda
}

func (l *listing) HasNext() bool { return len(l.ids) > 0 }

func (l *listing) Next() (*client.ScheduleListEntry, error) {
	id := l.ids[0]
	l.ids = l.ids[1:]
	return &client.ScheduleListEntry{ID: id}, nil
}

// entry is one schedule of an agenda.
type entry struct {
	client.ScheduleHandle
	agenda *agenda
	id     string
}

func (e *entry) Describe(context.Context) (*client.ScheduleDescription, error) {
	o, there := e.agenda.schedules[e.id]
	if !there {
		return nil, serviceerror.NewNotFound(e.id)
	}
	return &client.ScheduleDescription{Schedule: client.Schedule{
		Action: o.Action, Spec: &o.Spec, State: &client.ScheduleState{Paused: o.Paused, Note: o.Note},
		Policy: &client.SchedulePolicies{Overlap: o.Overlap, CatchupWindow: o.CatchupWindow},
	}}, nil
}

func (e *entry) Update(ctx context.Context, u client.ScheduleUpdateOptions) error {
	found, err := e.Describe(ctx)
	if err != nil {
		return err
	}
	update, err := u.DoUpdate(client.ScheduleUpdateInput{Description: *found})
	if errors.Is(err, temporal.ErrSkipScheduleUpdate) {
		return nil
	}
	if err != nil {
		return err
	}
	s := update.Schedule
	e.agenda.schedules[e.id] = client.ScheduleOptions{
		ID: e.id, Action: s.Action, Spec: *s.Spec, Paused: s.State.Paused, Note: s.State.Note,
		Overlap: s.Policy.Overlap, CatchupWindow: s.Policy.CatchupWindow,
	}
	return nil
}

func (e *entry) Delete(context.Context) error {
	delete(e.agenda.schedules, e.id)
	return nil
}

// Each policy and each plan with a cron has its schedule, and no other one has;
// where there are plans, their drills are tidied after.
func TestReconcileSchedules(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{
		Policies: map[string]config.Policy{
			"daily":  {Surface: "main", Kind: config.KindSnapshot, Cron: "0 2 * * *", TimeZone: "UTC"},
			"asleep": {Surface: "main", Kind: config.KindSnapshot, Paused: true},
			"wal":    {Surface: "main", Kind: config.KindWAL},
		},
		Drills: map[string]drill.Plan{
			// It has the name of a policy.
			"daily":   {Kind: drill.RestoreTest, Cron: "0 5 * * *", TimeZone: "Europe/Berlin", Paused: true},
			"quarter": {Kind: drill.Quarterly, Cron: "0 6 1 1,4,7,10 *", TimeZone: "UTC"},
			"byhand":  {Kind: drill.AnnualFull, TimeZone: "UTC"},
			"after":   {Kind: drill.RestoreTest, After: []string{"daily"}, TimeZone: "UTC"},
		},
	}
	a := &agenda{schedules: map[string]client.ScheduleOptions{}}
	reconcile := func(want schedules.Report) {
		t.Helper()
		got, err := worker.ReconcileSchedules(t.Context(), planner{agenda: a}, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error("the schedules (-want +got):\n", diff)
		}
	}
	reconcile(schedules.Report{Created: []string{"daily", "drill/daily", "drill/quarter", "housekeeping/hourly"}})
	reconcile(schedules.Report{Unchanged: []string{"daily", "drill/daily", "drill/quarter", "housekeeping/hourly"}})
	tidies, ok := a.schedules[schedules.Prefix+"housekeeping/hourly"].Action.(*client.ScheduleWorkflowAction)
	if !ok || tidies.Workflow != workflows.HousekeepName || !cmp.Equal(tidies.Args, []any{workflows.HousekeepInput{}}) {
		t.Errorf("the housekeeping starts %+v", tidies)
	}

	quarter := a.schedules[schedules.Prefix+"drill/quarter"]
	if quarter.CatchupWindow != 92*24*time.Hour {
		t.Errorf("a drill that was missed is made up for within %v", quarter.CatchupWindow)
	}
	testDrillAction(t, quarter.Action)
	if daily := a.schedules[schedules.Prefix+"drill/daily"]; !daily.Paused || daily.Spec.TimeZoneName != "Europe/Berlin" || daily.Spec.CronExpressions[0] != "0 5 * * *" {
		t.Errorf("the paused one is %+v", daily)
	}

	awake := cfg.Drills["daily"]
	awake.Paused = false
	cfg.Drills["daily"] = awake
	delete(cfg.Drills, "quarter")
	reconcile(schedules.Report{Changed: []string{"drill/daily"}, Removed: []string{"drill/quarter"}, Unchanged: []string{"daily", "housekeeping/hourly"}})
	if a.schedules[schedules.Prefix+"drill/daily"].Paused {
		t.Error("it is paused still")
	}
}

func testDrillAction(t *testing.T, got client.ScheduleAction) {
	t.Helper()
	action, ok := got.(*client.ScheduleWorkflowAction)
	if !ok {
		t.Fatalf("it starts %+v", got)
	}
	if action.Workflow != workflows.DrillName || action.TaskQueue != workflows.TaskQueue || action.ID != "drill/quarter" ||
		!strings.Contains(action.StaticSummary, "quarter") {
		t.Errorf("it starts %+v", action)
	}
	in := workflows.DrillInput{Plan: "quarter", Trigger: workflows.TriggerSchedule}
	if diff := cmp.Diff([]any{in}, action.Args); diff != "" {
		t.Error("the input (-want +got):\n", diff)
	}
	if action.Memo[workflows.MemoTrigger] != "schedule" || action.Memo[workflows.MemoRequester] != "plan quarter" {
		t.Errorf("the memo is %v", action.Memo)
	}
	attributes := action.TypedSearchAttributes
	operation, _ := attributes.GetKeyword(workflows.AttrOperation)
	verdict, _ := attributes.GetKeyword(workflows.AttrVerdict)
	plan, _ := attributes.GetKeyword(workflows.AttrSurface)
	if operation != workflows.OperationDrill || verdict != workflows.VerdictRunning || plan != "quarter" {
		t.Errorf("the search attributes are %q, %q and %q", operation, verdict, plan)
	}
}
