package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
)

// makeBase streams a base backup into parts and seals the point. The server
// sends it in one go, so a stream that broke begins again from the start.
func makeBase(ctx workflow.Context, t *tracker, in SnapshotInput, p activities.Prepared) (activities.Sealed, error) {
	t.phase(ctx, "streaming a base backup")
	held, err := call(long(ctx, "stream a base backup"), acts.Base, activities.BaseInput{Point: p.Point, Policy: in.Policy})
	if err != nil {
		return activities.Sealed{}, err
	}
	return seal(ctx, t, in, p, held)
}

// seal writes the manifest: from then on the point exists.
func seal(ctx workflow.Context, t *tracker, in SnapshotInput, p activities.Prepared, held activities.Held) (activities.Sealed, error) {
	t.phase(ctx, "sealing")
	info := workflow.GetInfo(ctx)
	return call(long(ctx, "write the manifest"), acts.Seal, activities.SealInput{
		Point: p.Point, Held: held, Kind: in.Kind, Policy: in.Policy, Reason: in.Reason,
		WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID,
	})
}
