package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// sanitise runs the plan's rules before anybody is told of the servers, and
// shows that nobody from outside gets in.
func (d *driller) sanitise(ctx workflow.Context) bool {
	err := d.phaseOf(ctx, drill.PhaseSanitize, func() error {
		for _, rule := range d.rec.Plan.Sanitize {
			done, err := call(patient(ctx, "sanitise: "+rule.Name), acts.Sanitise, d.named(rule.Name, 1))
			if err != nil {
				return err
			}
			d.rec.Sanitised = append(d.rec.Sanitised, done)
		}
		tried, err := call(patient(ctx, "try to get in from outside"), acts.TryIsolation, d.step())
		d.rec.Isolation.Attempts = append(d.rec.Isolation.Attempts, tried.Attempts...)
		for _, server := range workflow.DeterministicKeys(tried.Servers) {
			d.rec.Identity.Restored(server, tried.Servers[server])
		}
		return err
	})
	if err != nil {
		d.failed(drill.PhaseSanitize, "", err)
	}
	return err == nil
}

// start starts the application's own programs, in order.
func (d *driller) start(ctx workflow.Context) bool {
	if len(d.rec.Plan.Start) == 0 {
		return true
	}
	err := d.phaseOf(ctx, drill.PhaseStart, func() error {
		for _, program := range d.rec.Plan.Start {
			begun := workflow.Now(ctx)
			done, err := call(starting(ctx, program), acts.StartProgram, d.named(program.Name, 1))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				done = drill.Started{Name: program.Name, Result: drill.Fail, Detail: Message(err)}
			}
			done.Seconds = workflow.Now(ctx).Sub(begun).Seconds()
			d.rec.Programs = append(d.rec.Programs, done)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.failed(drill.PhaseStart, "", err)
	}
	return err == nil
}

// check asks everything that the plan wants to be asked, all at once.
func (d *driller) check(ctx workflow.Context, whole bool) {
	checks := d.rec.Plan.Checks
	d.rec.Checks = make([]drill.CheckResult, len(checks))
	for i, c := range checks {
		d.rec.Checks[i] = drill.CheckResult{Name: c.Name, Kind: c.Kind, Result: drill.Skipped, Optional: c.Optional, Detail: notWhole}
	}
	if !whole || len(checks) == 0 {
		return
	}
	err := d.phaseOf(ctx, drill.PhaseCheck, func() error {
		return inParallel(ctx, parallelChecks, len(checks), func(ctx workflow.Context, i int) error {
			c := checks[i]
			begun := workflow.Now(ctx)
			got, err := call(checking(ctx, c), acts.HealthCheck, d.named(c.Name, attempts(c)))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				got = drill.CheckResult{Result: drill.Fail, Observed: "nothing", Detail: Message(err)}
			}
			got.Name, got.Kind, got.Optional = c.Name, c.Kind, c.Optional
			got.Seconds = workflow.Now(ctx).Sub(begun).Seconds()
			d.rec.Checks[i] = got
			return nil
		})
	})
	if err == nil {
		d.rec.Timeline.Healthy = workflow.Now(ctx)
	}
}

// notWhole is why something was not looked at.
const notWhole = "not looked at, because something before it failed"

// reconcile compares what was restored with what there is beside it. The
// fingerprints were compared by the restores themselves.
func (d *driller) reconcile(ctx workflow.Context, whole bool) {
	d.fingerprints()
	plan := d.rec.Plan.Reconcile
	if !whole {
		for _, r := range plan {
			if r.Kind != drill.ReconcileFingerprint {
				d.rec.Reconciled = append(d.rec.Reconciled,
					drill.Reconciliation{Name: r.Name, Kind: r.Kind, Subject: r.Surface, Result: drill.Skipped, Detail: notWhole, Optional: r.Optional})
			}
		}
		return
	}
	err := d.phaseOf(ctx, drill.PhaseReconcile, func() error {
		for _, r := range plan {
			if r.Kind == drill.ReconcileFingerprint {
				continue
			}
			begun := workflow.Now(ctx)
			got, err := call(reconciling(ctx, r), acts.ReconcileState, d.named(r.Name, reconcileAttempts))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				got = drill.Reconciliation{Subject: r.Surface, Result: drill.Fail, Detail: Message(err), Unreached: true}
			}
			got.Name, got.Kind, got.Optional = r.Name, r.Kind, r.Optional
			got.Seconds = workflow.Now(ctx).Sub(begun).Seconds()
			d.rec.Reconciled = append(d.rec.Reconciled, got)
		}
		return d.lookAgain(ctx)
	})
	if err == nil {
		d.rec.Timeline.Reconciled = workflow.Now(ctx)
	}
}

// lookAgain looks at the programs once everything was asked of them: what died
// meanwhile has not recovered.
func (d *driller) lookAgain(ctx workflow.Context) error {
	if len(d.rec.Programs) == 0 {
		return nil
	}
	seen, err := call(patient(ctx, "look at the programs again"), acts.LookAtPrograms,
		activities.ProgramsInput{DrillRef: d.ref, Programs: d.rec.Programs})
	if err != nil {
		if ctx.Err() == nil {
			d.failed(drill.PhaseReconcile, "", err)
		}
		return err
	}
	d.rec.Programs = seen
	return nil
}

// fingerprints notes what the restores of snapshots compared.
func (d *driller) fingerprints() {
	for _, s := range d.rec.Surfaces {
		if s.PointKind != KindSnapshot || s.Result == drill.Skipped {
			continue
		}
		r := drill.Reconciliation{Name: "fingerprint of " + s.Surface, Kind: drill.ReconcileFingerprint, Subject: s.Surface, Result: drill.Pass}
		switch {
		case s.Result == drill.Pass:
			r.Items = countItems(s.Counts)
		case d.mismatched(s.Surface):
			r.Result, r.Detail = drill.Fail, s.Error
		default:
			r.Result, r.Detail = drill.Skipped, notWhole
		}
		d.rec.Reconciled = append(d.rec.Reconciled, r)
	}
}

func (d *driller) step() activities.DrillStep {
	return activities.DrillStep{DrillRef: d.ref, Servers: d.restored}
}

func (d *driller) named(name string, attempts int) activities.NamedStep {
	return activities.NamedStep{DrillStep: d.step(), Name: name, Attempts: attempts}
}
