package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// acts gives steps their names; nothing is ever called on it.
var acts *activities.Activities

// Snapshot makes a recovery point: prepare, dump from one consistent view,
// seal, copy, verify, and then apply the policy's retention.
func Snapshot(ctx workflow.Context, in SnapshotInput) (out SnapshotResult, err error) {
	t, err := track(ctx, "snapshot of "+in.Surface)
	if err != nil {
		return out, err
	}
	defer func() {
		if bad := verdict(ctx, err); bad != nil && err == nil {
			err = bad
		}
		attest(ctx, activities.AuditInput{By: in.By, Operation: OperationSnapshot, Subject: in.Surface, ID: out.ID, Facts: map[string]string{
			"kind": in.Kind, "policy": in.Policy, "store": out.Store, "state": out.State,
		}}, err)
		err = fail(err)
	}()
	t.phase(ctx, "preparing")
	prepared, err := call(brief(ctx, "choose the store and the key"), acts.Prepare, activities.PrepareInput{
		Surface: in.Surface, Kind: in.Kind, PointID: in.PointID, Policy: in.Policy, Store: in.Store, Now: workflow.Now(ctx),
	})
	if err != nil {
		return out, err
	}
	if len(in.Copies) > 0 {
		prepared.Copies = in.Copies
	}
	err = workflow.UpsertTypedSearchAttributes(ctx, AttrSurface.ValueSet(in.Surface),
		AttrOperation.ValueSet(OperationSnapshot), AttrPoint.ValueSet(prepared.Point.ID), AttrVerdict.ValueSet(VerdictRunning))
	if err != nil {
		return out, err
	}
	make := makePoint
	if in.Kind == KindBase {
		make = makeBase
	}
	sealed, err := make(ctx, t, in, prepared)
	if err != nil {
		return out, err
	}
	info := workflow.GetInfo(ctx)
	out = SnapshotResult{
		ID: prepared.Point.ID, Surface: in.Surface, Kind: in.Kind, State: "sealed", URI: "/" + prepared.Point.Dir,
		Store: prepared.Point.Store, CreatedAt: sealed.CreatedAt, Bytes: sealed.Bytes, PlainBytes: sealed.PlainBytes,
		Parts: sealed.Parts, WorkflowID: info.WorkflowExecution.ID,
	}
	err = followUp(ctx, t, in, prepared, &out)
	return out, err
}

// followUp does what comes after sealing. Whatever fails here, the point stands.
func followUp(ctx workflow.Context, t *tracker, in SnapshotInput, p activities.Prepared, out *SnapshotResult) error {
	located := activities.Located{Store: p.Point.Store, Dir: p.Point.Dir, ID: p.Point.ID}
	if p.Verify {
		t.phase(ctx, "verifying")
		if _, err := call(long(ctx, "read back every byte"), acts.Verify, located); err != nil {
			return err
		}
		out.State = "verified"
	}
	for _, to := range p.Copies {
		t.phase(ctx, "copying to "+to)
		in := activities.CopyInput{From: located, To: to}
		if _, err := call(long(ctx, "copy to "+to), acts.Copy, in); err != nil {
			return err
		}
	}
	if p.Keep {
		t.phase(ctx, "applying retention")
		id := "prune/" + in.Policy + "/" + p.Point.ID
		ctx := child(ctx, id, "retention of "+in.Policy, OperationPrune, in.Surface)
		if err := workflow.ExecuteChildWorkflow(ctx, PruneName, PruneInput{Policy: in.Policy}).Get(ctx, nil); err != nil {
			return err
		}
	}
	for _, plan := range p.Drills {
		if err := rehearseAfter(ctx, plan, in, located.ID); err != nil {
			return err
		}
	}
	t.phase(ctx, "done")
	return nil
}

// rehearseAfter starts a drill on the point that was just made. It outlives
// this run: people may take days to sign it.
func rehearseAfter(ctx workflow.Context, plan string, in SnapshotInput, point string) error {
	drillIn := DrillInput{Plan: plan, Trigger: TriggerPolicy, StartedBy: "policy " + in.Policy}
	if in.Kind != KindBase {
		drillIn.Points = map[string]drill.Selection{in.Surface: {ID: point}}
	}
	ctx = abandoned(child(ctx, "drill/"+plan+"/after/"+point, "drill of "+plan+" after "+point, OperationDrill, plan))
	return workflow.ExecuteChildWorkflow(ctx, DrillName, drillIn).GetChildWorkflowExecution().Get(ctx, nil)
}
