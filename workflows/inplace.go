package workflows

import (
	"context"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

type stepOnServer = func(context.Context, activities.ServerRef) error

// inPlace replaces what the live surface holds. Nothing live is touched before
// the point was restored elsewhere and found equal to its fingerprint, and
// what is live now was saved in a point of its own.
func (r *restorer) inPlace(ctx workflow.Context) error {
	swaps, err := call(brief(ctx, "how can the live surface be replaced"), acts.CanSwap, r.in.Point.Surface)
	if err != nil {
		return err
	}
	if swaps {
		err = r.bySwap(ctx)
	} else {
		err = r.byOverwriting(ctx)
	}
	if err != nil {
		return err
	}
	return r.step(ctx, "running the reload hook", func() error {
		_, err := call(patient(ctx, "reload hook"), acts.ReloadHook,
			activities.HookInput{Surface: r.in.Point.Surface, Point: r.point.ID})
		return err
	})
}

// bySwap restores beside the live database and swaps the two by name.
func (r *restorer) bySwap(ctx workflow.Context) (err error) {
	swapped := false
	defer func() {
		if err != nil && !swapped {
			r.cleanUp(ctx, "", "discard what was restored beside", acts.Discard)
		}
	}()
	if err := r.fill(ctx, r.target(activities.TargetBeside)); err != nil {
		return err
	}
	if err := r.saveLive(ctx); err != nil {
		return err
	}
	return r.step(ctx, "swapping", func() error {
		r.out.Kept, err = call(patient(ctx, "swap by name"), acts.Swap, r.server())
		swapped = err == nil
		return err
	})
}

// byOverwriting rehearses in an isolated server, and only then overwrites the
// live one, for surfaces that have no second name to restore under.
func (r *restorer) byOverwriting(ctx workflow.Context) error {
	host, err := r.startServer(ctx)
	if err != nil {
		return err
	}
	err = r.fill(onHost(ctx, host), r.target(activities.TargetIsolated))
	r.cleanUp(ctx, host, "stop the server", acts.StopServer)
	r.out.Host, r.out.Address = "", ""
	if err != nil {
		return err
	}
	if err := r.saveLive(ctx); err != nil {
		return err
	}
	return r.fill(ctx, r.target(activities.TargetLive))
}

// saveLive makes a point of what is live, before it is replaced.
func (r *restorer) saveLive(ctx workflow.Context) error {
	return r.step(ctx, "saving what is live", func() error {
		id := "snapshot/" + r.in.Point.Surface + "/before-" + r.in.RestoreID
		var saved SnapshotResult
		ctx := child(ctx, id, "safety snapshot of "+r.in.Point.Surface, OperationSnapshot, r.in.Point.Surface)
		err := workflow.ExecuteChildWorkflow(ctx, SnapshotName, SnapshotInput{
			Surface: r.in.Point.Surface, Kind: "snapshot", Reason: "before restore " + r.in.RestoreID,
		}).Get(ctx, &saved)
		r.out.SafetyPoint = saved.ID
		if KindOf(err) != fault.Missing {
			return err
		}
		// What is gone altogether can't be saved, and is what a restore in place is
		// for. Something else may be missing, too: the source itself says.
		gone, asked := call(patient(ctx, "is anything live"), acts.NothingLive, r.in.Point.Surface)
		if asked != nil || !gone {
			return err
		}
		r.out.Notes = append(r.out.Notes, "no safety point was made, as nothing is live: "+Message(err))
		return nil
	})
}
