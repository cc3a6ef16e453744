package activities

import (
	"context"
	"errors"
	"strings"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/fence"
)

// FaultInterceptor gives every error of a step its place: the fault kind becomes
// the type that Temporal shows, and kinds that no retry mends end the retries.
// It is also where every step of a drill, and of the restores that a drill
// orders, is marked as one: what it uses then asks the drill's fence.
type FaultInterceptor struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (*FaultInterceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &faultInbound{}
	i.Next = next
	return i
}

type faultInbound struct {
	interceptor.ActivityInboundInterceptorBase
}

func (i *faultInbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	ctx = fence.With(ctx, drillOf(activity.GetInfo(ctx).WorkflowExecution.ID, in.Args))
	out, err := i.Next.ExecuteActivity(ctx, in)
	return out, forTemporal(ctx, err)
}

// ByDrill is the part of a workflow's ID that is followed by the ID of the drill that it works for.
const ByDrill = "by-drill/"

// drillOf is the drill that a step is a part of, empty for none: the one that
// its workflow works for, or that its input names.
func drillOf(workflowID string, args []any) string {
	if _, rest, found := strings.Cut(workflowID, "/"+ByDrill); found {
		id, _, _ := strings.Cut(rest, "/")
		return id
	}
	for _, arg := range args {
		if step, ok := arg.(interface{ ofDrill() string }); ok {
			return step.ofDrill()
		}
	}
	return ""
}

// lastAttempts is how often a step is tried that fails with an error of a kind
// that a retry may mend, where that is not for as long as its policy allows.
var lastAttempts = map[fault.Kind]int32{
	// It may pass, but a person should not wait for long to hear of a defect.
	fault.Internal: 5,
	// Somebody may free some room at once, or notice only when the run has
	// failed. Until then the source's view, and what it keeps there from being
	// cleaned up, stays open: with workflows.retryPassing for some five minutes
	// beside what the attempts take themselves.
	fault.Exhausted: 14,
}

// final reports whether a step that failed with a kind at an attempt, counted
// from 1, is not to be tried again.
func final(kind fault.Kind, attempt int32) bool {
	last, bounded := lastAttempts[kind]
	return !kind.Retryable() || bounded && attempt >= last
}

// maxMessage keeps a failure well below what a history stores of one.
const maxMessage = 2000

func forTemporal(ctx context.Context, err error) error {
	var app *temporal.ApplicationError
	switch {
	case err == nil:
		return nil
	case stopping(ctx):
		// Nobody asked for the step to be cancelled: another worker takes it over.
		return temporal.NewApplicationError("the worker is stopping", string(fault.Unavailable))
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return temporal.NewCanceledError()
	case errors.As(err, &app), temporal.IsCanceledError(err):
		return err
	}
	kind := fault.KindOf(err)
	message := fault.Line(err)
	if len(message) > maxMessage {
		message = message[:maxMessage] + "…"
	}
	return temporal.NewApplicationErrorWithOptions(message, string(kind), temporal.ApplicationErrorOptions{
		NonRetryable: final(kind, activity.GetInfo(ctx).Attempt),
	})
}

func stopping(ctx context.Context) bool {
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return true
	default:
		return false
	}
}
