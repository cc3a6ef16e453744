package workflows

import (
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// Drill rehearses a disaster: it declares one, restores what the plan names
// into an isolated environment, starts it, checks and reconciles it, judges
// what was measured, records that as evidence, and waits for a person to sign
// it. A verdict of fail is a result of the drill, not a failure of the run.
func Drill(ctx workflow.Context, in DrillInput) (out DrillResult, err error) {
	t, err := track(ctx, "drill of "+in.Plan)
	if err != nil {
		return out, err
	}
	d := newDriller(ctx, t, in)
	err = workflow.SetQueryHandler(ctx, DrillQuery, func() (DrillResult, error) { return d.result(), nil })
	if err != nil {
		return out, err
	}
	// From its first step on, so that nobody who is early is told that drills take no steps.
	if err := d.handlers(ctx); err != nil {
		return out, err
	}
	defer func() {
		if bad := d.close(ctx, err); bad != nil && err == nil {
			err = bad
		}
		err = fail(err)
		out = d.result()
	}()
	if err := d.upsert(ctx); err != nil {
		return out, err
	}
	if err := d.declare(ctx); err != nil {
		return out, err
	}
	if d.rec.Kind == drill.Tabletop {
		err = d.tabletop(ctx)
	} else {
		err = d.rehearse(ctx)
	}
	if err := d.conclude(ctx, err); err != nil {
		return out, err
	}
	return out, d.awaitPeople(ctx)
}

// driller is one drill under way.
type driller struct {
	*tracker
	in       DrillInput
	declared activities.Declared
	ref      activities.DrillRef
	// host is where everything of the drill is restored and started.
	host string
	rec  drill.Record
	out  DrillResult
	// since is when the phase began that is under way.
	since time.Time
	// restored are the servers that run, in the order of the plan.
	restored []activities.ServerRef
	// standing is set while there may be something to tear down, tearDowns counts the tries.
	standing  bool
	tearDowns int
	// unsettled is set while the record lacks what became of the environment;
	// leftFiled is what the newest record says was left.
	unsettled bool
	leftFiled []string
	// told counts the manual steps of the drill, filed those that a record has,
	// telling those that are being looked up or recorded.
	told, filed, telling int
	// decided is set while a decision is filed, and then stays.
	decided *drill.SignedOff
	// changed counts the decisions that were tried to be filed.
	changed int
	// over is set once no step is recorded any more.
	over bool
}

func newDriller(ctx workflow.Context, t *tracker, in DrillInput) *driller {
	info, now := workflow.GetInfo(ctx), workflow.Now(ctx)
	d := &driller{tracker: t, in: in}
	id := in.DrillID
	if id == "" {
		id = drillID(now, info.WorkflowExecution.RunID)
	}
	d.out = DrillResult{
		ID: id, Plan: in.Plan, State: drill.StateRunning, CreatedAt: now, StartedBy: in.StartedBy,
		WorkflowID: info.WorkflowExecution.ID, Findings: []drill.Finding{},
	}
	d.rec = drill.Record{
		SchemaVersion: drill.SchemaVersion, ID: id, PlanName: in.Plan,
		Surfaces: []drill.Restored{}, Checks: []drill.CheckResult{}, Reconciled: []drill.Reconciliation{},
		ManualSteps: []drill.ManualStep{}, Findings: []drill.Finding{},
		Timeline: drill.Timeline{Failed: now, Declared: now, Phases: []drill.Phase{}},
	}
	return d
}

// drillID names a drill that nobody named, in the form of the IDs of recovery
// points: its time, and six characters that are the same whenever this run is replayed.
func drillID(now time.Time, runID string) string {
	const alphabet = "abcdefghijklmnop"
	var tail strings.Builder
	for _, r := range runID {
		if i := strings.IndexRune("0123456789abcdef", r); i >= 0 && tail.Len() < 6 {
			tail.WriteByte(alphabet[i])
		}
	}
	return now.UTC().Format("20060102T150405.000Z") + "-" + tail.String()
}

// result is what the drill has come to.
func (d *driller) result() DrillResult {
	out := d.out.WithSteps(d.rec.Plan, d.rec.ManualSteps)
	if out.State == drill.StateRunning {
		out.Phase, out.PhaseSince, out.Phases = d.Phase, d.since, slices.Clone(d.rec.Timeline.Phases)
	}
	return out
}

func (d *driller) upsert(ctx workflow.Context) error {
	return workflow.UpsertTypedSearchAttributes(ctx, AttrSurface.ValueSet(d.in.Plan), AttrOperation.ValueSet(OperationDrill),
		AttrPoint.ValueSet(d.out.ID), AttrVerdict.ValueSet(VerdictRunning))
}

// phaseOf times one phase. What ends it for good is noted in the record.
func (d *driller) phaseOf(ctx workflow.Context, name string, do func() error) error {
	d.phase(ctx, name)
	p := drill.Phase{Name: name, Start: workflow.Now(ctx)}
	d.since = p.Start
	err := do()
	p.Seconds = workflow.Now(ctx).Sub(p.Start).Seconds()
	if err != nil {
		p.Error = Message(err)
	}
	d.rec.Timeline.Phases = append(d.rec.Timeline.Phases, p)
	return err
}

// failed notes an error that ended a step for good.
func (d *driller) failed(phase, surface string, err error) {
	kind := string(KindOf(err))
	if temporal.IsCanceledError(err) {
		kind = drill.FailureCancelled
	}
	d.rec.Failures = append(d.rec.Failures, drill.Failure{Phase: phase, Surface: surface, Kind: kind, Error: Message(err)})
}

// declare files the declaration. It is not cancelled half-way: a drill of
// which the ledger knows has an end there, too.
func (d *driller) declare(ctx workflow.Context) error {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	info := workflow.GetInfo(ctx)
	return d.phaseOf(ctx, drill.PhaseDeclare, func() (err error) {
		d.declared, err = call(declaring(ctx, "declare the failure"), acts.DeclareDrill, activities.DeclareInput{
			DrillID: d.out.ID, Plan: d.in.Plan, Declared: d.rec.Timeline.Declared, Trigger: d.in.Trigger, StartedBy: d.in.StartedBy, CommandLine: d.in.CommandLine,
			Overridden: d.overridden(),
			WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID, Attempts: int(retryBriefly.MaximumAttempts),
		})
		if err != nil {
			return err
		}
		d.rec.Plan, d.rec.Identity, d.rec.NextDue = d.declared.Plan, d.declared.Identity, d.declared.NextDue
		d.rec.WrittenDown, d.rec.Failures = d.declared.WrittenDown, d.declared.Unread
		d.rec.Kind, d.host = d.declared.Plan.Kind, d.declared.Identity.Host
		d.out.Kind, d.out.Host = d.rec.Kind, d.host
		d.ref = activities.DrillRef{DrillID: d.out.ID, Plan: d.in.Plan, PlanDigest: d.rec.Identity.PlanDigest}
		return nil
	})
}

// rehearse does all that machines do of a drill. Whatever goes wrong stands in
// the record; the error is for a run that was cancelled.
func (d *driller) rehearse(ctx workflow.Context) error {
	d.standing = true
	here := onHost(ctx, d.host)
	err := d.phaseOf(ctx, drill.PhaseIsolate, func() (err error) {
		d.rec.Isolation, err = call(patient(here, "isolate"), acts.Isolate, d.ref)
		return err
	})
	if err != nil {
		d.failed(drill.PhaseIsolate, "", err)
		return ctx.Err()
	}
	selected := d.selectPoints(ctx)
	d.restoreAll(ctx, selected)
	whole := ctx.Err() == nil && d.restoredAll()
	if whole {
		whole = d.sanitise(here)
	}
	if whole {
		d.rec.Timeline.DatabaseReady = workflow.Now(ctx)
		whole = d.start(here)
	}
	d.check(here, whole)
	d.reconcile(here, whole)
	return ctx.Err()
}

// restoredAll reports whether every surface of the plan is there.
func (d *driller) restoredAll() bool {
	for _, s := range d.rec.Surfaces {
		if s.Result != drill.Pass {
			return false
		}
	}
	return len(d.rec.Surfaces) == len(d.rec.Plan.Surfaces)
}
