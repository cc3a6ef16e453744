package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Restore brings a point back: into an isolated server, to a configured
// target, or in place of the live surface.
func Restore(ctx workflow.Context, in RestoreInput) (out RestoreResult, err error) {
	t, err := track(ctx, "restore of "+in.Point.ID)
	if err != nil {
		return out, err
	}
	defer func() {
		if bad := verdict(ctx, err); bad != nil && err == nil {
			err = bad
		}
		attest(ctx, in.audit(), err)
		err = fail(err)
	}()
	r := &restorer{
		tracker: t, in: in,
		point: activities.Located{Store: in.Point.Store, Dir: in.Point.Dir, ID: in.Point.ID},
		out: RestoreResult{
			ID: in.RestoreID, Point: in.Point.ID, Surface: in.Point.Surface, CreatedAt: workflow.Now(ctx), Steps: []Step{},
		},
	}
	switch {
	case in.InPlace && in.Confirm != in.Point.Surface:
		err = fault.New(fault.Invalid, "an in-place restore replaces live data: confirm it with the name of the surface, %s", in.Point.Surface)
	case in.InPlace && len(in.Selection.Tables)+len(in.Selection.Schemas) > 0:
		err = fault.New(fault.Invalid, "an in-place restore replaces the whole database: restore single tables into an isolated server or a target")
	case in.DryRun:
		return r.out, r.dryRun(ctx)
	case in.InPlace:
		err = r.inPlace(ctx)
	case in.Target != "" || in.SealedURL != "":
		err = r.named(ctx)
	default:
		err = r.isolated(ctx)
	}
	if err != nil {
		return r.out, err
	}
	r.out.State = "restored"
	t.phase(ctx, "done")
	return r.out, nil
}

// dryRun says what a restore to a target, or in place, would change.
func (r *restorer) dryRun(ctx workflow.Context) error {
	kind := activities.TargetNamed
	switch {
	case r.in.InPlace:
		kind = activities.TargetLive
	case r.in.Target == "" && r.in.SealedURL == "":
		return fault.New(fault.Invalid, "an isolated restore begins with nothing: a dry run is for a target, or for a restore in place")
	}
	err := r.step(ctx, "comparing", func() (err error) {
		r.out.Changes, err = call(patient(ctx, "look what a restore would change"), acts.Diff,
			activities.RestoreStep{Point: r.point, Target: r.target(kind)})
		return err
	})
	if err == nil {
		r.out.State = "compared"
		r.phase(ctx, "done")
	}
	return err
}

// audit says what was asked for.
func (in RestoreInput) audit() activities.AuditInput {
	to := in.Target
	switch {
	case in.InPlace:
		to = "in place"
	case in.SealedURL != "":
		to = "a server by its URL"
	case to == "":
		to = "an isolated server"
	}
	return activities.AuditInput{By: in.By, Operation: OperationRestore, Subject: in.Point.Surface, ID: in.RestoreID, Facts: map[string]string{
		"point": in.Point.ID, "store": in.Point.Store, "to": to,
	}}
}

// restorer is one restore under way.
type restorer struct {
	*tracker
	in    RestoreInput
	point activities.Located
	out   RestoreResult
}

// step times one step of the restore and shows it as the phase.
func (r *restorer) step(ctx workflow.Context, name string, do func() error) error {
	return r.timed(ctx, &r.out.Steps, name, do)
}

func (r *restorer) target(kind string) activities.TargetRef {
	return activities.TargetRef{
		Kind: kind, Name: r.in.Target, SealedURL: r.in.SealedURL, RestoreID: r.in.RestoreID, Surface: r.in.Point.Surface,
		Replace: r.in.Replace, Conflict: r.in.Conflict, Selection: r.in.Selection,
	}
}

func (r *restorer) server() activities.ServerRef {
	return activities.ServerRef{RestoreID: r.in.RestoreID, Surface: r.in.Point.Surface}
}

// isolated restores into a server that Lifeboat starts, and leaves it running.
func (r *restorer) isolated(ctx workflow.Context) (err error) {
	host, err := r.startServer(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			r.cleanUp(ctx, host, "stop the server", acts.StopServer)
		}
	}()
	ctx = onHost(ctx, host)
	if err := r.fill(ctx, r.target(activities.TargetIsolated)); err != nil {
		return err
	}
	return r.step(ctx, "handing over", func() error {
		done, err := call(patient(ctx, "make durable"), acts.Handover, r.server())
		r.out.Address, r.out.SealedURL = done.Address, done.SealedURL
		return err
	})
}

func (r *restorer) startServer(ctx workflow.Context) (host string, err error) {
	err = r.step(ctx, "starting a server", func() error {
		started, err := call(patient(onHost(ctx, r.in.Host), "start an isolated server"), acts.StartServer, activities.ServerInput{
			RestoreID: r.in.RestoreID, Point: r.point, Surface: r.in.Point.Surface,
		})
		host = started.Host
		r.out.Host, r.out.Address = started.Host, started.Address
		return err
	})
	if err != nil {
		// A place may have been made by half.
		r.cleanUp(ctx, r.in.Host, "remove what was made", acts.StopServer)
	}
	return host, err
}

// named restores into a server of the configuration, or one whose URL was given.
func (r *restorer) named(ctx workflow.Context) error {
	return r.fill(ctx, r.target(activities.TargetNamed))
}

// fill restores every part into a target and compares it with the fingerprint.
func (r *restorer) fill(ctx workflow.Context, target activities.TargetRef) error {
	in := activities.RestoreStep{Point: r.point, Target: target}
	var begun activities.Begun
	err := r.step(ctx, "preparing", func() (err error) {
		begun, err = call(patient(ctx, "prepare the target"), acts.Begin, in)
		return err
	})
	if err != nil {
		return err
	}
	r.expect(ctx, "loading", begun.Parts, begun.Bytes)
	err = r.step(ctx, "loading", func() error {
		return inParallel(ctx, parallelLoads, begun.Parts, func(ctx workflow.Context, i int) error {
			summary := fmt.Sprintf("load part %d of %d", i+1, begun.Parts)
			done, err := call(patient(ctx, summary), acts.Load, activities.LoadInput{RestoreStep: in, Index: i})
			if err == nil {
				r.done(ctx, done.PlainBytes)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	err = r.step(ctx, "completing", func() error { return do(patient(ctx, "indexes and constraints"), acts.Finish, in) })
	if err != nil {
		return err
	}
	return r.compare(ctx, in)
}

func (r *restorer) compare(ctx workflow.Context, in activities.RestoreStep) error {
	return r.step(ctx, "comparing", func() error {
		done, err := call(patient(ctx, "compare with the fingerprint"), acts.Compare, in)
		r.out.Compared, r.out.Counts = done.Entries, done.Counts
		if done.LeftOut > 0 {
			r.out.Notes = append(r.out.Notes, fmt.Sprintf("%d entries of the point were neither restored nor compared: the environment does not take their types", done.LeftOut))
		}
		return err
	})
}

// cleanUp undoes a step of a restore that failed, also one that was cancelled.
func (r *restorer) cleanUp(ctx workflow.Context, host, summary string, undo stepOnServer) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if err := do(patient(onHost(ctx, host), summary), undo, r.server()); err != nil {
		workflow.GetLogger(ctx).Error("a failed restore was not cleaned up", "step", summary, "error", err)
		r.out.Notes = append(r.out.Notes, "lifeboat environment stop "+r.in.RestoreID+" removes what is left of it: "+Message(err))
	}
}
