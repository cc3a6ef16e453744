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

// scheduleJitter spreads the policies that start at the same minute.
const scheduleJitter = 5 * time.Second

// ReconcileSchedules makes Temporal's schedules what the configuration says.
func ReconcileSchedules(ctx context.Context, c client.Client, cfg *config.Config) (schedules.Report, error) {
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
			Memo:    map[string]any{workflows.MemoTrigger: "schedule", workflows.MemoRequester: "policy " + name},
			SearchAttributes: temporal.NewSearchAttributes(workflows.AttrSurface.ValueSet(policy.Surface),
				workflows.AttrOperation.ValueSet(workflows.OperationSnapshot), workflows.AttrVerdict.ValueSet(workflows.VerdictRunning)),
		})
	}
	return schedules.Reconcile(ctx, c, wanted)
}
