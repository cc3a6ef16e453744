package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
)

// Verify reads back every byte of a point.
func Verify(ctx workflow.Context, in VerifyInput) (out VerifyResult, err error) {
	t, err := track(ctx, "verification of "+in.Point.ID)
	if err != nil {
		return out, err
	}
	defer func() {
		if bad := verdict(ctx, err); bad != nil && err == nil {
			err = bad
		}
		attest(ctx, activities.AuditInput{By: in.By, Operation: OperationVerify, Subject: in.Point.Surface, ID: in.Point.ID}, err)
		err = fail(err)
	}()
	t.phase(ctx, "reading")
	done, err := call(patient(ctx, "read back every byte"), acts.Verify,
		activities.Located{Store: in.Point.Store, Dir: in.Point.Dir, ID: in.Point.ID})
	if err != nil {
		return out, err
	}
	t.phase(ctx, "done")
	return VerifyResult{
		ID: in.Point.ID, State: "verified", VerifiedAt: done.At, Parts: done.Parts, Bytes: done.Bytes, PlainBytes: done.PlainBytes,
	}, nil
}
