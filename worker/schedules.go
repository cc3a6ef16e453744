package worker

import (
	"context"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// scheduleJitter spreads what starts at the same minute.
const scheduleJitter = 5 * time.Second

// ReconcileSchedules makes Temporal's schedules what the configuration says. A
// policy's schedule has the policy's name for its ID, a plan's drill/ and its
// name; where there are plans, there is one that tidies after drills.
func ReconcileSchedules(ctx context.Context, c client.Client, cfg *config.Config) (schedules.Report, error) {
	return schedules.Reconcile(ctx, c, slices.Concat(policySchedules(cfg), drillSchedules(cfg), housekeeping(cfg)))
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

// housekeeping tidies every hour after drills that could not end by themselves.
func housekeeping(cfg *config.Config) []schedules.Wanted {
	if len(cfg.Drills) == 0 && !keeps(cfg) {
		return nil
	}
	id := workflows.OperationHousekeeping + "/hourly"
	return []schedules.Wanted{{
		ID: id, Cron: "17 * * * *", TimeZone: "UTC", Jitter: scheduleJitter, CatchupWindow: time.Hour,
		Workflow: workflows.HousekeepName, TaskQueue: workflows.TaskQueue, Args: []any{workflows.HousekeepInput{}},
		Note: "tidies after drills", WorkflowID: id, Summary: "housekeeping of drills",
		Memo: map[string]any{workflows.MemoTrigger: workflows.TriggerSchedule},
	}}
}

// keeps reports whether a surface has something kept for it on its source.
func keeps(cfg *config.Config) bool {
	for _, s := range cfg.Surfaces {
		if s.Kind == surface.KindVelero {
			return true
		}
	}
	return false
}

// Housekeep starts the housekeeping of one host, as it is due when its worker
// starts; it goes on in the background. One that is under way is left to it.
func Housekeep(ctx context.Context, c client.Client, host string) error {
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.OperationHousekeeping + "/" + host, TaskQueue: workflows.TaskQueue, StaticSummary: "housekeeping of drills on " + host,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		Memo:                     map[string]any{workflows.MemoTrigger: "start of the worker"},
	}, workflows.HousekeepName, workflows.HousekeepInput{Host: host})
	return fault.Wrap(fault.Unavailable, err, "start the housekeeping of host %s", host)
}
