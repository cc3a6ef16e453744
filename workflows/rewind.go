package workflows

import (
	"strconv"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// RewindInput asks for the objects below a prefix as they were at a moment.
type RewindInput struct {
	Surface string    `json:"surface"`
	At      time.Time `json:"at"`
	// Prefix is what whole keys begin with; empty means all of the surface.
	Prefix string              `json:"prefix,omitempty"`
	To     surface.Destination `json:"to"`
	// RestoreID names this restore.
	RestoreID string `json:"restoreId"`
	// By is who asked for it.
	By string `json:"by,omitempty"`
}

// RewindResult is what came of it.
type RewindResult struct {
	ID        string    `json:"id"`
	Surface   string    `json:"surface"`
	At        time.Time `json:"at"`
	CreatedAt time.Time `json:"createdAt"`
	surface.Rewound
}

// Rewind restores objects of a bucket to their versions at a moment.
func Rewind(ctx workflow.Context, in RewindInput) (out RewindResult, err error) {
	out = RewindResult{ID: in.RestoreID, Surface: in.Surface, At: in.At, CreatedAt: workflow.Now(ctx)}
	t, err := track(ctx, "restore of objects of "+in.Surface)
	if err != nil {
		return out, err
	}
	defer func() {
		if bad := verdict(ctx, err); bad != nil && err == nil {
			err = bad
		}
		attest(ctx, activities.AuditInput{By: in.By, Operation: OperationRewind, Subject: in.Surface, ID: in.RestoreID, Facts: map[string]string{
			"at": in.At.UTC().Format(time.RFC3339Nano), "prefix": in.Prefix, "to": in.To.Bucket + "/" + in.To.Prefix,
			"copied": strconv.FormatInt(out.Copied, 10),
		}}, err)
		err = fail(err)
	}()
	t.phase(ctx, "copying")
	out.Rewound, err = call(patient(ctx, "restore the objects of "+in.Surface), acts.Rewind,
		activities.RewindInput{Surface: in.Surface, At: in.At, Prefix: in.Prefix, To: in.To})
	if err == nil {
		t.phase(ctx, "done")
	}
	return out, err
}
