package workflows

import (
	"cmp"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// selectPoints chooses what each surface is restored from. A surface without a
// point is in the record as failed.
func (d *driller) selectPoints(ctx workflow.Context) []activities.SelectedPoint {
	selected := make([]activities.SelectedPoint, len(d.rec.Plan.Surfaces))
	d.rec.Surfaces = make([]drill.Restored, len(selected))
	_ = d.phaseOf(ctx, drill.PhaseSelect, func() error {
		return d.eachSurface(ctx, func(ctx workflow.Context, i int, name string) error {
			d.rec.Surfaces[i] = drill.Restored{Surface: name, Result: drill.Skipped}
			asked, own := d.in.Points[name]
			if !own {
				asked = d.rec.Plan.Points[name]
			}
			got, err := call(patient(onHost(ctx, d.host), "choose the recovery point of "+name), acts.SelectPoint, activities.SelectInput{
				DrillRef: d.ref, Surface: name, Selection: asked, Declared: d.rec.Timeline.Declared,
			})
			if err != nil {
				d.rec.Surfaces[i].Result, d.rec.Surfaces[i].Error = drill.Fail, Message(err)
				d.failed(drill.PhaseSelect, name, err)
				return err
			}
			got.Restored.RestoreID = d.serverID(i)
			got.Restored.Result = drill.Skipped
			selected[i], d.rec.Surfaces[i] = got, got.Restored
			return nil
		})
	})
	return selected
}

// overridden are the surfaces whose point somebody chose for this drill. A policy
// has the point that it has just made restored, as the plan says.
func (d *driller) overridden() []string {
	if d.in.Trigger == TriggerPolicy {
		return nil
	}
	return workflow.DeterministicKeys(d.in.Points)
}

// eachSurface does the same for every surface of the plan at once, and returns the first error.
func (d *driller) eachSurface(ctx workflow.Context, do func(ctx workflow.Context, i int, name string) error) error {
	var first error
	group := workflow.NewWaitGroup(ctx)
	for i, name := range d.rec.Plan.Surfaces {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			if err := do(ctx, i, name); err != nil && first == nil {
				first = err
			}
		})
	}
	group.Wait(ctx)
	return first
}

// restoreAll restores every surface that has a point, all at once.
func (d *driller) restoreAll(ctx workflow.Context, selected []activities.SelectedPoint) {
	d.out.Servers = map[string]DrillServer{}
	begun := workflow.Now(ctx)
	_ = d.phaseOf(ctx, drill.PhaseRestore, func() error {
		return d.eachSurface(ctx, func(ctx workflow.Context, i int, name string) error {
			s := &d.rec.Surfaces[i]
			if s.Result == drill.Fail || ctx.Err() != nil {
				return ctx.Err()
			}
			err := d.restoreOne(ctx, selected[i], s)
			if err != nil {
				s.Result, s.Error = drill.Fail, Message(err)
				d.failed(drill.PhaseRestore, name, err)
				return err
			}
			s.Result = drill.Pass
			d.restored = append(d.restored, activities.ServerRef{RestoreID: s.RestoreID, Surface: name, Moment: s.Reached})
			d.out.Servers[name] = DrillServer{RestoreID: s.RestoreID, Address: s.Address}
			return nil
		})
	})
	d.rec.Objectives.RestoreSeconds = workflow.Now(ctx).Sub(begun).Seconds()
}

// restoreOne restores a snapshot, or recovers to a moment, as anybody's restore
// would be done: by the same workflows.
func (d *driller) restoreOne(ctx workflow.Context, from activities.SelectedPoint, s *drill.Restored) error {
	id := "restore/" + activities.ByDrill + d.out.ID + "/" + s.Surface
	if from.Point == nil {
		return d.recoverOne(ctx, id, from, s)
	}
	ctx = awaited(making(child(ctx, id, "restore of "+s.Surface+" for a drill", OperationRestore, s.Surface), s.RestoreID))
	var got RestoreResult
	err := workflow.ExecuteChildWorkflow(ctx, RestoreName, RestoreInput{
		Point:     PointRef{Store: from.Point.Store, Dir: from.Point.Dir, ID: from.Point.ID, Surface: s.Surface},
		RestoreID: s.RestoreID, Isolated: true, Host: d.host,
	}).Get(ctx, &got)
	if err != nil {
		return err
	}
	s.Address, s.Compared, s.Counts, s.Steps = got.Address, got.Compared, got.Counts, phases(s.Surface, got.Steps)
	s.Notes = got.Notes
	return nil
}

func (d *driller) recoverOne(ctx workflow.Context, id string, from activities.SelectedPoint, s *drill.Restored) error {
	ctx = awaited(making(child(ctx, id, "recovery of "+s.Surface+" for a drill", OperationRecover, s.Surface), s.RestoreID))
	var got RecoverResult
	err := workflow.ExecuteChildWorkflow(ctx, RecoverName, RecoverInput{
		Surface: s.Surface, RestoreID: s.RestoreID, At: from.At, Store: from.Store, Host: d.host,
	}).Get(ctx, &got)
	if err != nil {
		return err
	}
	s.Address, s.Steps = got.Address, phases(s.Surface, got.Steps)
	s.Point, s.EndLSN, s.Timeline = got.Point, got.Reached.LSN.String(), got.Reached.Timeline
	switch {
	case !got.Reached.Marker.IsZero():
		s.Reached, s.ReachedBy = got.Reached.Marker, "the time that the source had written into its own data"
	case s.Reached.IsZero() && !got.Reached.Time.IsZero():
		s.Reached, s.ReachedBy = got.Reached.Time, "the last transaction that is there"
	case s.Reached.IsZero() && !got.Reached.Promised.IsZero():
		s.Reached, s.ReachedBy = got.Reached.Promised, "what the provider says that it restored to"
	}
	for _, c := range got.Checks {
		d.rec.Reconciled = append(d.rec.Reconciled, drill.Reconciliation{
			Name: c.Name + " of " + s.Surface, Kind: drill.ReconcileRecovery, Subject: s.Surface, Result: cmp.Or(c.Outcome, drill.Pass), Detail: c.Result,
		})
	}
	return nil
}

func phases(surface string, steps []Step) []drill.Phase {
	out := make([]drill.Phase, len(steps))
	for i, s := range steps {
		out[i] = drill.Phase{Name: s.Name, Seconds: s.Seconds, Surface: surface}
	}
	return out
}
