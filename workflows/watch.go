package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
)

// WatchInput is what an installation's watch goes on with; empty at first.
type WatchInput = activities.ObserveInput

// Watch looks at how everything stands until it is cancelled, one turn after the
// other. What it sees is in the heartbeats of its step: the history grows by
// what one turn hands to the next alone.
func Watch(ctx workflow.Context, in WatchInput) error {
	t, err := track(ctx, "watch")
	if err != nil {
		return err
	}
	t.phase(ctx, "looking at how everything stands")
	for !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		state, err := call(observing(ctx, "look at how everything stands"), acts.Observe, in)
		switch {
		case temporal.IsCanceledError(err):
			return err
		case err == nil:
			in.State = state
			continue
		}
		// Nothing but a defect ends it: the next try may be of another version.
		t.phase(ctx, "waiting to look again: "+Message(err))
		if err := workflow.Sleep(ctx, watchPause); err != nil {
			return err
		}
	}
	return workflow.NewContinueAsNewError(ctx, WatchName, in)
}
