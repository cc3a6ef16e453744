// Package launch starts and finds workflows on behalf of people: the API server
// and the command line ask for work through it, so that both give the same
// names, memos, search attributes and idempotency.
package launch

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Launcher starts workflows.
type Launcher struct {
	client    client.Client
	converter converter.DataConverter
}

// New makes a Launcher on a Temporal client. The converter is the one that the
// client encodes with.
func New(c client.Client, dc converter.DataConverter) *Launcher {
	return &Launcher{client: c, converter: dc}
}

// Request says who asks, and how to recognise the same request again.
type Request struct {
	// Requester is the name of the API key or operator, for memo and audit.
	Requester string
	// IdempotencyKey makes a repeated request find the first one's workflow,
	// for as long as the workflow's history is kept. Empty for none.
	IdempotencyKey string
}

// Started is a workflow that runs, or ran already for the same idempotency key.
type Started struct {
	// ID is the recovery point, or the restore, that the workflow works on.
	ID         string `json:"id"`
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	// Replayed is set when an earlier request with the same key had started it.
	Replayed bool `json:"-"`
}

// Snapshot starts a snapshot; the point gets its ID here, so that the answer can name it.
func (l *Launcher) Snapshot(ctx context.Context, req Request, in workflows.SnapshotInput) (Started, error) {
	request := in
	in.PointID, in.By = archive.NewID(time.Now()), req.Requester
	return l.start(ctx, req, job{
		name: workflows.SnapshotName, operation: workflows.OperationSnapshot, surface: in.Surface,
		id: in.PointID, point: in.PointID, request: request, input: in,
		summary: in.Kind + " of " + in.Surface,
	})
}

// Verify starts the verification of a point.
func (l *Launcher) Verify(ctx context.Context, req Request, in workflows.VerifyInput) (Started, error) {
	request := in
	in.By = req.Requester
	return l.start(ctx, req, job{
		name: workflows.VerifyName, operation: workflows.OperationVerify, surface: in.Point.Surface,
		id: in.Point.ID, unique: "/" + seal.RandomID(6), point: in.Point.ID, request: request, input: in,
		summary: "verification of " + in.Point.ID,
	})
}

// Restore starts a restore; it gets its ID here.
func (l *Launcher) Restore(ctx context.Context, req Request, in workflows.RestoreInput) (Started, error) {
	request := in
	in.RestoreID, in.By = archive.NewID(time.Now()), req.Requester
	return l.start(ctx, req, job{
		name: workflows.RestoreName, operation: workflows.OperationRestore, surface: in.Point.Surface,
		id: in.RestoreID, point: in.Point.ID, request: request, input: in,
		summary: "restore of " + in.Point.ID,
	})
}

// Recover starts the recovery of a surface to a moment; it gets its ID here.
func (l *Launcher) Recover(ctx context.Context, req Request, in workflows.RecoverInput) (Started, error) {
	request := in
	in.RestoreID, in.By = archive.NewID(time.Now()), req.Requester
	return l.start(ctx, req, job{
		name: workflows.RecoverName, operation: workflows.OperationRecover, surface: in.Surface,
		id: in.RestoreID, request: request, input: in, summary: "recovery of " + in.Surface + " to " + in.At,
	})
}

// Remove starts the deletion of an instance that a provider restored.
func (l *Launcher) Remove(ctx context.Context, req Request, in workflows.RemoveInput) (Started, error) {
	request := in
	in.By = req.Requester
	return l.start(ctx, req, job{
		name: workflows.RemoveName, operation: workflows.OperationRemove, surface: in.Surface,
		id: in.ID, unique: "/" + seal.RandomID(6), request: request, input: in, summary: "deletion of what was recovered by " + in.ID,
	})
}

// Rewind starts a restore of objects to a moment; it gets its ID here.
func (l *Launcher) Rewind(ctx context.Context, req Request, in workflows.RewindInput) (Started, error) {
	request := in
	in.RestoreID, in.By = archive.NewID(time.Now()), req.Requester
	return l.start(ctx, req, job{
		name: workflows.RewindName, operation: workflows.OperationRewind, surface: in.Surface,
		id: in.RestoreID, request: request, input: in, summary: "objects of " + in.Surface + " as of " + in.At.UTC().Format(time.RFC3339),
	})
}

// Prune starts the retention of a policy.
func (l *Launcher) Prune(ctx context.Context, req Request, in workflows.PruneInput) (Started, error) {
	request, id := in, archive.NewID(time.Now())
	in.By = req.Requester
	return l.start(ctx, req, job{
		name: workflows.PruneName, operation: workflows.OperationPrune, surface: in.Policy,
		id: id, request: request, input: in, summary: "retention of " + in.Policy,
	})
}

// job is a workflow about to be started.
type job struct {
	name, operation, surface string
	// id is what the caller is told; unique is added where id alone names no single run.
	id, unique string
	point      string
	// request is what was asked for, without what is made anew each time.
	request, input any
	summary        string
}

func (l *Launcher) start(ctx context.Context, req Request, j job) (Started, error) {
	asked, err := json.Marshal(j.request)
	if err != nil {
		return Started{}, fault.Wrap(fault.Internal, err, "encode the request")
	}
	workflowID := j.operation + "/" + j.surface + "/" + j.id + j.unique
	if req.IdempotencyKey != "" {
		workflowID = j.operation + "/by-key/" + fingerprint(req.Requester, req.IdempotencyKey)[:32]
	}
	options := client.StartWorkflowOptions{
		ID: workflowID, TaskQueue: workflows.TaskQueue, StaticSummary: j.summary,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.AttrSurface.ValueSet(j.surface), workflows.AttrOperation.ValueSet(j.operation),
			workflows.AttrPoint.ValueSet(j.point), workflows.AttrVerdict.ValueSet(workflows.VerdictRunning),
		),
		Memo: map[string]any{
			workflows.MemoPoint: j.id, workflows.MemoRequester: req.Requester,
			workflows.MemoRequest: fingerprint(j.name, string(asked)), workflows.MemoTrigger: "request",
		},
	}
	run, err := l.client.ExecuteWorkflow(ctx, options, j.name, j.input)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &already):
		return l.replay(ctx, workflowID, fingerprint(j.name, string(asked)))
	case err != nil:
		return Started{}, fault.Wrap(fault.Unavailable, err, "ask Temporal to start the %s", j.operation)
	}
	return Started{ID: j.id, WorkflowID: run.GetID(), RunID: run.GetRunID()}, nil
}

// replay answers a repeated request with what the first one started.
func (l *Launcher) replay(ctx context.Context, workflowID, asked string) (Started, error) {
	desc, err := l.client.DescribeWorkflow(ctx, workflowID, "")
	if err != nil {
		return Started{}, fault.Wrap(fault.Unavailable, err, "look up the earlier request")
	}
	if first := l.memo(desc.Memo, workflows.MemoRequest); first != asked {
		return Started{}, fault.New(fault.Conflict, "this Idempotency-Key was used for a different request: take a new one")
	}
	return Started{
		ID: l.memo(desc.Memo, workflows.MemoPoint), WorkflowID: workflowID,
		RunID: desc.WorkflowExecution.RunID, Replayed: true,
	}, nil
}

// fingerprint is a digest of several texts, in hex.
func fingerprint(texts ...string) string {
	_, hex, _ := strings.Cut(seal.DigestOf([]byte(strings.Join(texts, "\x00"))), ":")
	return hex
}
