package launch

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Drill starts a drill; it gets its ID here.
func (l *Launcher) Drill(ctx context.Context, req Request, in workflows.DrillInput) (Started, error) {
	request := in
	in.DrillID = archive.NewID(time.Now())
	return l.start(ctx, req, job{
		name: workflows.DrillName, operation: workflows.OperationDrill, surface: in.Plan,
		id: in.DrillID, point: in.DrillID, request: request, input: in, summary: "drill of " + in.Plan,
	})
}

// DrillState is what a drill has come to, whether it runs or has ended. One
// whose run ended before there was a verdict is failed, with the run's error,
// whatever it answered last. It is Missing when Temporal knows none of that ID
// (any more).
func (l *Launcher) DrillState(ctx context.Context, id string) (workflows.DrillResult, error) {
	var out workflows.DrillResult
	run, err := l.Find(ctx, workflows.OperationDrill, id)
	if err != nil {
		return out, err
	}
	value, err := l.client.QueryWorkflow(ctx, run.WorkflowID, run.RunID, workflows.DrillQuery)
	if err != nil {
		return out, fault.Wrap(fault.Unavailable, err, "ask drill %s for its state; a worker has to run for that", id)
	}
	if err := value.Get(&out); err != nil {
		return out, fault.Wrap(fault.Internal, err, "read the state of drill %s", id)
	}
	if run.State != stateRunning {
		out = out.Ended(cmp.Or(run.Error, "its run is "+run.State))
	}
	return out, nil
}

// ManualStep tells a drill what was done by hand.
func (l *Launcher) ManualStep(ctx context.Context, req Request, id string, in workflows.ManualStepInput) (drill.ManualStep, error) {
	var out drill.ManualStep
	err := l.update(ctx, req, id, workflows.ManualStepUpdate, in, &out)
	return out, err
}

// SignOff gives a drill a person's decision.
func (l *Launcher) SignOff(ctx context.Context, req Request, id string, in workflows.SignOffInput) (workflows.DrillResult, error) {
	var out workflows.DrillResult
	err := l.update(ctx, req, id, workflows.SignOffUpdate, in, &out)
	return out, err
}

// update asks a running drill for a change and waits for its answer. A repeated
// idempotency key gets the first one's.
func (l *Launcher) update(ctx context.Context, req Request, id, name string, in, out any) error {
	run, err := l.Find(ctx, workflows.OperationDrill, id)
	if err != nil {
		return err
	}
	options := client.UpdateWorkflowOptions{
		WorkflowID: run.WorkflowID, RunID: run.RunID, UpdateName: name, Args: []any{in},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	}
	if req.IdempotencyKey != "" {
		options.UpdateID = fingerprint(req.Requester, name, req.IdempotencyKey)[:32]
	}
	handle, err := l.client.UpdateWorkflow(ctx, options)
	if err == nil {
		err = handle.Get(ctx, out)
	}
	var ended *serviceerror.NotFound
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ended):
		return fault.New(fault.Conflict, "drill %s has ended: nothing can be added to it", id)
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return fault.New(workflows.KindOf(err), "%s", workflows.Message(err))
	}
}

// CancelDrill asks a running drill to stop; it cleans up after itself, and records that it was aborted.
func (l *Launcher) CancelDrill(ctx context.Context, id string) error {
	run, err := l.Find(ctx, workflows.OperationDrill, id)
	if err != nil {
		return err
	}
	if run.State != stateRunning {
		return fault.New(fault.Conflict, "drill %s does not run: it is %s", id, run.State)
	}
	return fault.Wrap(fault.Unavailable, l.client.CancelWorkflow(ctx, run.WorkflowID, run.RunID), "cancel drill %s", id)
}
