package workflows

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// call runs a step and waits for it, with its input and result checked by the compiler.
func call[In, Out any](ctx workflow.Context, step func(context.Context, In) (Out, error), in In) (Out, error) {
	var out Out
	err := workflow.ExecuteActivity(ctx, step, in).Get(ctx, &out)
	return out, ended(err)
}

// do runs a step that returns nothing.
func do[In any](ctx workflow.Context, step func(context.Context, In) error, in In) error {
	return ended(workflow.ExecuteActivity(ctx, step, in).Get(ctx, nil))
}

// ended is how a step has ended for its run. An attempt that fails while its
// cancellation is asked for is the last one, also where a retry would have
// mended it: then the step is cancelled, as it is between two attempts.
func ended(err error) error {
	step, ok := errors.AsType[*temporal.ActivityError](err)
	if !ok || step.RetryState() != enumspb.RETRY_STATE_CANCEL_REQUESTED {
		return err
	}
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok && app.NonRetryable() {
		return err
	}
	return temporal.NewCanceledError()
}

// KindOf is the fault kind of an error that came through Temporal. A step that
// timed out was unavailable.
func KindOf(err error) fault.Kind {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		for _, kind := range fault.Kinds {
			if string(kind) == app.Type() {
				return kind
			}
		}
	}
	if _, ok := errors.AsType[*temporal.TimeoutError](err); ok {
		return fault.Unavailable
	}
	return fault.KindOf(err)
}

// is reports whether a step failed for good with an error of the kind.
func is(err error, kind fault.Kind) bool {
	return KindOf(err) == kind
}

// Message is the innermost message of an error that came through Temporal, for people.
func Message(err error) string {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return app.Message()
	}
	if timeout, ok := errors.AsType[*temporal.TimeoutError](err); ok {
		return "a step did not finish in time: " + timeout.Message()
	}
	return err.Error()
}

// fail ends a workflow with the error of its step, without the layers that
// Temporal put around it, so that the Web UI shows the sentence that matters.
func fail(err error) error {
	if err == nil || temporal.IsCanceledError(err) {
		return err
	}
	return temporal.NewNonRetryableApplicationError(Message(err), string(KindOf(err)), nil)
}
