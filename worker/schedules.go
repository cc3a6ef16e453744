package worker

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// scheduleJitter spreads what starts at the same minute.
const scheduleJitter = 5 * time.Second

// ReconcileSchedules makes Temporal's schedules what the configuration says. A
// policy's schedule has the policy's name for its ID, a plan's drill/ and its name.
func ReconcileSchedules(ctx context.Context, c client.Client, cfg *config.Config) (schedules.Report, error) {
	return schedules.Reconcile(ctx, c, append(policySchedules(cfg), drillSchedules(cfg)...))
}

func policySchedules(cfg *config.Config) []schedules.Wanted {
	var wanted []schedules.Wanted
	for name, policy := range cfg.Policies {
		if policy.Cron == "" || policy.Kind == config.KindWAL {
			continue
		}
		wanted = append(wanted, schedules.Wanted{
			ID: name, Cron: policy.Cron, TimeZone: policy.TimeZone, Paused: policy.Paused, Jitter: scheduleJitter,
			Workflow: workflows.SnapshotName, TaskQueue: workflows.TaskQueue,
			Args: []any{workflows.SnapshotInput{Surface: policy.Surface, Kind: policy.Kind, Policy: name}},
			Note: "policy " + name + " of the configuration", WorkflowID: workflows.OperationSnapshot + "/" + policy.Surface + "/" + name,
			Summary: policy.Kind + " of " + policy.Surface + " by policy " + name,
			Memo:    map[string]any{workflows.MemoTrigger: workflows.TriggerSchedule, workflows.MemoRequester: "policy " + name},
			SearchAttributes: temporal.NewSearchAttributes(workflows.AttrSurface.ValueSet(policy.Surface),
				workflows.AttrOperation.ValueSet(workflows.OperationSnapshot), workflows.AttrVerdict.ValueSet(workflows.VerdictRunning)),
		})
	}
	return wanted
}

// drillSchedules are those of the plans that have a cron. As a drill is of several
// surfaces, it shows its plan for the surface. One that was missed is made up
// for, once: what matters is that it took place.
func drillSchedules(cfg *config.Config) []schedules.Wanted {
	var wanted []schedules.Wanted
	for name, plan := range cfg.Drills {
		if plan.Cron == "" {
			continue
		}
		id := workflows.OperationDrill + "/" + name
		wanted = append(wanted, schedules.Wanted{
			ID: id, Cron: plan.Cron, TimeZone: plan.TimeZone, Paused: plan.Paused, Jitter: scheduleJitter,
			Workflow: workflows.DrillName, TaskQueue: workflows.TaskQueue,
			Args: []any{workflows.DrillInput{Plan: name, Trigger: workflows.TriggerSchedule}},
			Note: "plan " + name + " of the configuration", WorkflowID: id,
			// The one before may wait for its sign-off for weeks.
			MayOverlap: plan.NeedsSignOff(),
			Summary:    "drill of kind " + plan.Kind + " by plan " + name,
			Memo:       map[string]any{workflows.MemoTrigger: workflows.TriggerSchedule, workflows.MemoRequester: "plan " + name},
			SearchAttributes: temporal.NewSearchAttributes(workflows.AttrSurface.ValueSet(name),
				workflows.AttrOperation.ValueSet(workflows.OperationDrill), workflows.AttrVerdict.ValueSet(workflows.VerdictRunning)),
		})
	}
	return wanted
}
