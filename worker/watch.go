package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/observe"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// StartWatch lets the one run of Watch go that looks at how everything stands.
// Any number of workers start it; one of them looks.
func StartWatch(ctx context.Context, c client.Client) error {
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.WatchID, TaskQueue: workflows.TaskQueue, StaticSummary: "how everything stands",
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		Memo:                     map[string]any{workflows.MemoTrigger: "start of a worker"},
	}, workflows.WatchName, workflows.WatchInput{})
	return fault.Wrap(fault.Unavailable, err, "start the watch over how everything stands")
}

// watch is what the step that looks is handed.
func (p *Parts) watch(c client.Client) activities.Watch {
	l := &lister{client: c, converter: p.converter}
	return activities.Watch{
		Commitments: p.Commitments, Runs: l.runs, Evaluate: evaluate(p.Config), Announce: announcer(c, p.Config),
		Schedules: func(ctx context.Context) (map[string]observe.Schedule, error) { return scheduled(ctx, c, p.Config) },
	}
}

// scheduled are the schedules of policies as they stand in Temporal: whether one
// rests is what a person has made of what the configuration says. Of those that
// can't be listed nothing is said.
func scheduled(ctx context.Context, c client.Client, cfg *config.Config) (map[string]observe.Schedule, error) {
	standing, err := schedules.Stand(ctx, c)
	if err != nil {
		return nil, err
	}
	return standingOf(cfg, standing)
}

// standingOf are the schedules of policies among those that stand. One that does
// not stand yet is as the configuration has it.
func standingOf(cfg *config.Config, standing map[string]schedules.Standing) (map[string]observe.Schedule, error) {
	var err error
	out := map[string]observe.Schedule{}
	for name, p := range cfg.Policies {
		if p.Cron == "" || p.Kind == config.KindWAL {
			continue
		}
		gap, bad := schedules.LongestGap(p.Cron, p.TimeZone)
		if bad != nil {
			err = errors.Join(err, fault.While(bad, "policy %s", name))
			continue
		}
		at, stands := standing[name]
		out[name] = observe.Schedule{Interval: gap, Paused: at.Paused || !stands && p.Paused, Next: at.Next}
	}
	return out, err
}

// lister lists runs that have ended.
type lister struct {
	client    client.Client
	converter converter.DataConverter
}

// mostRuns bounds how many ended runs one look reads.
const mostRuns = 200

// runs are those that ended since a moment, but for those that skip knows; the
// newest alone where there are very many. Of each snapshot its history's first
// event and its result are read.
func (l *lister) runs(ctx context.Context, since time.Time, skip func(runID string) bool) ([]observe.Run, error) {
	query := fmt.Sprintf("CloseTime >= '%s' AND %s IN ('%s', '%s', '%s', '%s')", since.UTC().Format(time.RFC3339Nano), workflows.AttrOperation.GetName(),
		workflows.OperationSnapshot, workflows.OperationVerify, workflows.OperationPrune, workflows.OperationDrill)
	var out []observe.Run
	var token []byte
	for {
		page, err := l.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: 100, NextPageToken: token})
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "ask Temporal for the runs that have ended")
		}
		for _, e := range page.GetExecutions() {
			if e.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW || skip(e.GetExecution().GetRunId()) {
				continue
			}
			run, err := l.run(ctx, e)
			if err != nil {
				return nil, err
			}
			if out = append(out, run); len(out) == mostRuns {
				return out, nil
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return out, nil
		}
	}
}

func (l *lister) run(ctx context.Context, e *workflowpb.WorkflowExecutionInfo) (observe.Run, error) {
	attribute := func(name string) string {
		var value string
		if p := e.GetSearchAttributes().GetIndexedFields()[name]; p != nil {
			_ = converter.GetDefaultDataConverter().FromPayload(p, &value)
		}
		return value
	}
	run := observe.Run{
		RunID: e.GetExecution().GetRunId(), WorkflowID: e.GetExecution().GetWorkflowId(),
		Operation: attribute(workflows.AttrOperation.GetName()), Surface: attribute(workflows.AttrSurface.GetName()),
		Started: e.GetStartTime().AsTime(), Closed: e.GetCloseTime().AsTime(), Outcome: outcomeOf(e.GetStatus()),
	}
	if run.Operation == workflows.OperationVerify && run.Outcome != observe.Cancelled {
		run.Point = attribute(workflows.AttrPoint.GetName())
		err := l.result(ctx, &run)
		return run, err
	}
	if run.Operation != workflows.OperationSnapshot || run.Outcome == observe.Cancelled {
		return run, nil
	}
	err := l.asked(ctx, &run)
	if err == nil {
		err = l.result(ctx, &run)
	}
	return run, err
}

func outcomeOf(s enumspb.WorkflowExecutionStatus) observe.Outcome {
	switch s {
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return observe.Succeeded
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return observe.Cancelled
	default:
		return observe.Failed
	}
}

// asked reads what a snapshot was asked for, from its history's first event. One
// whose history is gone, as namespaces remove old ones, stays without.
func (l *lister) asked(ctx context.Context, run *observe.Run) error {
	events := l.client.GetWorkflowHistory(ctx, run.WorkflowID, run.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	first, err := events.Next()
	if gone(err) {
		return nil
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "read what run %s was asked for", run.WorkflowID)
	}
	var in workflows.SnapshotInput
	if err := l.converter.FromPayloads(first.GetWorkflowExecutionStartedEventAttributes().GetInput(), &in); err != nil {
		return fault.Wrap(fault.Unsupported, err, "read what run %s was asked for", run.WorkflowID)
	}
	run.Surface, run.Kind, run.Policy = in.Surface, in.Kind, in.Policy
	return nil
}

// result reads what a snapshot made or a verification read, or why it failed.
func (l *lister) result(ctx context.Context, run *observe.Run) error {
	var made workflows.SnapshotResult
	err := l.client.GetWorkflow(ctx, run.WorkflowID, run.RunID).Get(ctx, &made)
	switch {
	case ctx.Err() != nil:
		return fault.Wrap(fault.Unavailable, ctx.Err(), "read how run %s ended", run.WorkflowID)
	case err != nil && run.Outcome == observe.Failed:
		run.Failure, run.Corrupt = fault.Line(errors.New(workflows.Message(err))), workflows.KindOf(err) == fault.Corrupt
	default:
		run.Bytes = made.Bytes
	}
	return nil
}
