package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Whose says whose configuration streams are reconciled with.
type Whose bool

const (
	// OneWorkers is that of one worker of many. It may be older than the
	// others', so that a policy it doesn't know is not known to be gone.
	OneWorkers Whose = false
	// Namespaces is that of the process all others go by, `lifeboat up`: what is
	// not in it is gone.
	Namespaces Whose = true
)

// ReconcileStreams lets the streams of WAL run that the configuration asks for.
// Those of policies that are paused, or whose slot is another one, are
// cancelled, and drop their slots. Those of policies that are not in the
// configuration are too if it is the namespace's; otherwise they are left, and
// returned: a dropped slot is a gap in the WAL, a slot too many an alarm.
func ReconcileStreams(ctx context.Context, c client.Client, cfg *config.Config, whose Whose) (left []string, err error) {
	wanted := map[string]workflows.StreamInput{}
	for name, p := range cfg.Policies {
		if p.Kind != config.KindWAL || p.Paused || p.Push {
			continue
		}
		// A changed slot is another stream: the old one still has its slot to drop.
		id := workflows.OperationWAL + "/" + p.Surface + "/" + name + "/" + p.Slot
		wanted[id] = workflows.StreamInput{Policy: name, Surface: p.Surface, Slot: p.Slot}
	}
	running, err := runningStreams(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, id := range running {
		_, keep := wanted[id]
		switch {
		case keep:
		case whose == OneWorkers && !knows(cfg, id):
			left = append(left, id)
		default:
			if err := cancelStream(ctx, c, id); err != nil {
				return left, err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		if err := startStream(ctx, c, id, wanted[id]); err != nil {
			return left, err
		}
	}
	return left, nil
}

// knows reports whether the policy of a stream is in the configuration.
func knows(cfg *config.Config, id string) bool {
	parts := strings.Split(id, "/")
	if len(parts) < 3 {
		return false
	}
	_, ok := cfg.Policies[parts[2]]
	return ok
}

func runningStreams(ctx context.Context, c client.Client) ([]string, error) {
	query := fmt.Sprintf("ExecutionStatus = 'Running' AND %s = '%s'", workflows.AttrOperation.GetName(), workflows.OperationWAL)
	var ids []string
	var token []byte
	for {
		page, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, NextPageToken: token})
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "ask Temporal for streams of WAL")
		}
		for _, e := range page.GetExecutions() {
			ids = append(ids, e.GetExecution().GetWorkflowId())
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return ids, nil
		}
	}
}

// cancelStream cancels a stream; one that has ended since it was listed is as wanted.
func cancelStream(ctx context.Context, c client.Client, id string) error {
	err := c.CancelWorkflow(ctx, id, "")
	if gone(err) {
		return nil
	}
	return fault.Wrap(fault.Unavailable, err, "cancel the stream %s", id)
}

// startStream starts a stream unless it runs. A run that was cancelled is about
// to drop the slot that is wanted again: the new run takes its place at once.
func startStream(ctx context.Context, c client.Client, id string, in workflows.StreamInput) error {
	ends, err := ending(ctx, c, id)
	if err != nil {
		return err
	}
	meets := enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	if ends {
		meets = enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
	}
	_, err = c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, StaticSummary: "WAL of " + in.Surface + " by policy " + in.Policy,
		WorkflowIDConflictPolicy: meets,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		TypedSearchAttributes: temporal.NewSearchAttributes(workflows.AttrSurface.ValueSet(in.Surface),
			workflows.AttrOperation.ValueSet(workflows.OperationWAL), workflows.AttrVerdict.ValueSet(workflows.VerdictRunning)),
		Memo: map[string]any{workflows.MemoTrigger: "configuration", workflows.MemoRequester: "policy " + in.Policy},
	}, workflows.StreamName, in)
	return fault.Wrap(fault.Unavailable, err, "start the stream %s", id)
}

// ending reports whether a stream runs that was cancelled.
func ending(ctx context.Context, c client.Client, id string) (bool, error) {
	run, err := c.DescribeWorkflowExecution(ctx, id, "")
	switch {
	case gone(err):
		return false, nil
	case err != nil:
		return false, fault.Wrap(fault.Unavailable, err, "ask Temporal for the stream %s", id)
	}
	return run.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING &&
		run.GetWorkflowExtendedInfo().GetCancelRequested(), nil
}

func gone(err error) bool {
	_, is := errors.AsType[*serviceerror.NotFound](err)
	return is
}
