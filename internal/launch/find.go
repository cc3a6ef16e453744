package launch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Run is what is known of a workflow.
type Run struct {
	ID         string `json:"id"`
	Surface    string `json:"surface"`
	Operation  string `json:"operation"`
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	// State is running, done, failed, or cancelled.
	State   string    `json:"state"`
	Started time.Time `json:"startedAt"`
	Closed  time.Time `json:"closedAt,omitzero"`
	// Error is the one-line failure of a failed run.
	Error string `json:"error,omitempty"`
}

// Find returns the latest run of an operation on a point, or a restore by its
// own ID. It is Missing when Temporal knows none.
func (l *Launcher) Find(ctx context.Context, operation, id string) (Run, error) {
	if strings.ContainsAny(id, `'"\\`) {
		return Run{}, fault.New(fault.Missing, "no %s %q is known", operation, id)
	}
	query := fmt.Sprintf("%s = '%s' AND %s = '%s'",
		workflows.AttrOperation.GetName(), operation, workflows.AttrPoint.GetName(), id)
	switch operation {
	case workflows.OperationRestore, workflows.OperationRecover, workflows.OperationRemove, workflows.OperationPrune, workflows.OperationRewind:
		// The ID of a restore is its own, and stands in the workflow's ID or memo.
		query = fmt.Sprintf("%s = '%s'", workflows.AttrOperation.GetName(), operation)
	}
	found, err := l.list(ctx, query, func(r Run) bool { return r.ID == id })
	if err != nil {
		return Run{}, err
	}
	if len(found) == 0 {
		return Run{}, fault.New(fault.Missing, "no %s %s is known", operation, id)
	}
	return l.withError(ctx, found[0]), nil
}

// Running lists the open runs on a surface, all surfaces when it is empty, newest first.
func (l *Launcher) Running(ctx context.Context, surface string) ([]Run, error) {
	query := fmt.Sprintf("ExecutionStatus = 'Running' AND %s != ''", workflows.AttrOperation.GetName())
	if surface != "" {
		if strings.ContainsAny(surface, `'"\\`) {
			return nil, fault.New(fault.Missing, "surface %q is not in the configuration", surface)
		}
		query += fmt.Sprintf(" AND %s = '%s'", workflows.AttrSurface.GetName(), surface)
	}
	return l.list(ctx, query, func(Run) bool { return true })
}

// Health reports whether Temporal can be reached.
func (l *Launcher) Health(ctx context.Context) error {
	_, err := l.client.CheckHealth(ctx, &client.CheckHealthRequest{})
	return fault.Wrap(fault.Unavailable, err, "reach Temporal")
}

// maxListed bounds how many runs one look-up reads.
const maxListed = 1000

func (l *Launcher) list(ctx context.Context, query string, want func(Run) bool) ([]Run, error) {
	var out []Run
	var token []byte
	for read := 0; read < maxListed; {
		page, err := l.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: 100, NextPageToken: token,
		})
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "ask Temporal for runs")
		}
		for _, e := range page.GetExecutions() {
			if r := l.run(e); want(r) {
				out = append(out, r)
			}
		}
		read += len(page.GetExecutions())
		if token = page.GetNextPageToken(); len(token) == 0 {
			break
		}
	}
	return out, nil
}

func (l *Launcher) run(e *workflowpb.WorkflowExecutionInfo) Run {
	attr := func(name string) string {
		var value string
		if p := e.GetSearchAttributes().GetIndexedFields()[name]; p != nil {
			// A search attribute is never encrypted, and one of another type shows as empty.
			_ = l.converter.FromPayload(p, &value)
		}
		return value
	}
	r := Run{
		WorkflowID: e.GetExecution().GetWorkflowId(), RunID: e.GetExecution().GetRunId(),
		Surface: attr(workflows.AttrSurface.GetName()), Operation: attr(workflows.AttrOperation.GetName()),
		State: stateOf(e.GetStatus()), Started: e.GetStartTime().AsTime(),
	}
	if e.GetCloseTime() != nil {
		r.Closed = e.GetCloseTime().AsTime()
	}
	if r.ID = l.memo(e.GetMemo(), workflows.MemoPoint); r.ID == "" {
		r.ID = attr(workflows.AttrPoint.GetName())
	}
	return r
}

// stateRunning is the state of a run that goes on.
const stateRunning = "running"

func stateOf(s enumspb.WorkflowExecutionStatus) string {
	switch s {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return stateRunning
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return "done"
	case enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return "cancelled"
	default:
		return "failed"
	}
}

// memo returns a value of a memo, empty when it isn't there.
func (l *Launcher) memo(m *commonpb.Memo, key string) string {
	var value string
	if p := m.GetFields()[key]; p != nil {
		_ = l.converter.FromPayload(p, &value)
	}
	return value
}

// withError adds to a failed run the sentence it failed with.
func (l *Launcher) withError(ctx context.Context, r Run) Run {
	if r.State == "failed" {
		if err := l.client.GetWorkflow(ctx, r.WorkflowID, r.RunID).Get(ctx, nil); err != nil {
			r.Error = workflows.Message(err)
		}
	}
	return r
}

// Wait waits for a started workflow and decodes its result. Its error has the
// kind and the sentence of the step that failed.
func (l *Launcher) Wait(ctx context.Context, s Started, result any) error {
	err := l.client.GetWorkflow(ctx, s.WorkflowID, s.RunID).Get(ctx, result)
	var notFound *serviceerror.NotFound
	switch {
	case err == nil:
		return nil
	case errors.As(err, &notFound):
		return fault.New(fault.Missing, "workflow %s is not known", s.WorkflowID)
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return fault.New(workflows.KindOf(err), "%s", workflows.Message(err))
	}
}
