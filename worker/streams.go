package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// ReconcileStreams lets exactly the streams of WAL run that the configuration
// asks for. Those of policies that are gone or paused are cancelled, and drop their slots.
func ReconcileStreams(ctx context.Context, c client.Client, cfg *config.Config) error {
	wanted := map[string]workflows.StreamInput{}
	for name, p := range cfg.Policies {
		if p.Kind != config.KindWAL || p.Paused || p.Push {
			continue
		}
		// A changed slot is another stream: the old one still has its slot to drop.
		id := workflows.OperationWAL + "/" + p.Surface + "/" + name + "/" + p.Slot
		wanted[id] = workflows.StreamInput{Policy: name, Surface: p.Surface, Slot: p.Slot}
	}
	if err := cancelStreams(ctx, c, wanted); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		if err := startStream(ctx, c, id, wanted[id]); err != nil {
			return err
		}
	}
	return nil
}

func cancelStreams(ctx context.Context, c client.Client, wanted map[string]workflows.StreamInput) error {
	query := fmt.Sprintf("ExecutionStatus = 'Running' AND %s = '%s'", workflows.AttrOperation.GetName(), workflows.OperationWAL)
	var token []byte
	for {
		page, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, NextPageToken: token})
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "ask Temporal for streams of WAL")
		}
		for _, e := range page.GetExecutions() {
			id := e.GetExecution().GetWorkflowId()
			if _, keep := wanted[id]; keep {
				continue
			}
			// What is listed may have ended since.
			err := c.CancelWorkflow(ctx, id, "")
			if _, ended := errors.AsType[*serviceerror.NotFound](err); err != nil && !ended {
				return fault.Wrap(fault.Unavailable, err, "cancel the stream %s", id)
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return nil
		}
	}
}

// startStream starts a stream unless it runs.
func startStream(ctx context.Context, c client.Client, id string, in workflows.StreamInput) error {
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, StaticSummary: "WAL of " + in.Surface + " by policy " + in.Policy,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes: temporal.NewSearchAttributes(workflows.AttrSurface.ValueSet(in.Surface),
			workflows.AttrOperation.ValueSet(workflows.OperationWAL), workflows.AttrVerdict.ValueSet(workflows.VerdictRunning)),
		Memo: map[string]any{workflows.MemoTrigger: "configuration", workflows.MemoRequester: "policy " + in.Policy},
	}, workflows.StreamName, in)
	return fault.Wrap(fault.Unavailable, err, "start the stream %s", id)
}
