package workflows

import (
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// maxStatement bounds what a person may write: it stands in a history, a record and a page.
const maxStatement = 4000

// handlers lets people take part: they tell of manual steps, and decide.
func (d *driller) handlers(ctx workflow.Context) error {
	err := workflow.SetUpdateHandlerWithOptions(ctx, ManualStepUpdate, d.manualStep, workflow.UpdateHandlerOptions{
		Validator: func(in ManualStepInput) error { return fail(d.mayTell(in)) },
	})
	if err != nil {
		return err
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, SignOffUpdate, d.signOff, workflow.UpdateHandlerOptions{
		Validator: func(in SignOffInput) error { return fail(d.maySign(in)) },
	})
}

func (d *driller) open() bool {
	return d.out.State == drill.StateRunning || d.out.State == drill.StateAwaiting
}

func (d *driller) mayTell(in ManualStepInput) error {
	switch {
	case !d.open() || d.decided != nil:
		return fault.New(fault.Conflict, "drill %s is %s: a manual step can be told of before it is signed", d.out.ID, d.out.State)
	case strings.TrimSpace(in.Text) == "":
		return fault.New(fault.Invalid, "say what was done by hand")
	case len(in.Text) > maxStatement:
		return fault.New(fault.Invalid, "a manual step takes at most %d characters", maxStatement)
	case in.By == "":
		return fault.New(fault.Invalid, "say who did it")
	}
	return nil
}

// manualStep notes what was done by hand, and whether the runbook knows it.
// After the verdict it makes a new revision of the record.
func (d *driller) manualStep(ctx workflow.Context, in ManualStepInput) (drill.ManualStep, error) {
	step, err := call(brief(onHost(ctx, d.host), "look the step up in the runbook"), acts.LookUpStep, activities.LookUpInput{
		DrillRef: d.ref, Commit: d.rec.Identity.RunbookCommit,
		Step: drill.ManualStep{At: workflow.Now(ctx), By: in.By, Text: strings.TrimSpace(in.Text)},
	})
	if err != nil {
		return step, fail(err)
	}
	d.rec.ManualSteps = append(d.rec.ManualSteps, step)
	d.told++
	d.changed++
	if d.out.State == drill.StateAwaiting {
		err = workflow.Await(ctx, func() bool { return d.told == 0 })
	}
	return step, err
}

func (d *driller) maySign(in SignOffInput) error {
	approvers := d.rec.Plan.SignOff.Approvers
	switch {
	case d.out.State == drill.StateRunning:
		return fault.New(fault.Conflict, "drill %s is not judged yet: sign it when it has a verdict", d.out.ID)
	case d.out.State != drill.StateAwaiting || d.decided != nil:
		return fault.New(fault.Conflict, "drill %s is %s: there is nothing to sign", d.out.ID, d.out.State)
	case in.Signer == "":
		return fault.New(fault.Invalid, "say who signs")
	case strings.TrimSpace(in.Statement) == "":
		return fault.New(fault.Invalid, "a sign-off needs a statement: say what was looked at and decided")
	case len(in.Statement) > maxStatement:
		return fault.New(fault.Invalid, "a statement takes at most %d characters", maxStatement)
	case in.Signer == d.in.StartedBy:
		return fault.New(fault.Denied, "%s started drill %s: another person has to sign it", in.Signer, d.out.ID)
	case d.operated(in.Signer):
		return fault.New(fault.Denied, "%s took part in drill %s as its operator: another person has to sign it", in.Signer, d.out.ID)
	case len(approvers) > 0 && !slices.Contains(approvers, in.Signer):
		return fault.New(fault.Denied, "the plan lets %s sign its drills, and not %s", strings.Join(approvers, ", "), in.Signer)
	}
	return nil
}

// operated reports whether somebody did a manual step of the drill, or is its operator by plan.
func (d *driller) operated(who string) bool {
	if who == d.rec.Plan.Operator {
		return true
	}
	for _, s := range d.rec.ManualSteps {
		if s.By == who && d.rec.Kind != drill.Tabletop {
			return true
		}
	}
	return false
}

// signOff records a person's decision.
func (d *driller) signOff(ctx workflow.Context, in SignOffInput) (DrillResult, error) {
	decision := drill.SignedOff{
		DrillID: d.out.ID, Decision: drill.DecisionSigned, Signer: in.Signer, Role: in.Role,
		Statement: strings.TrimSpace(in.Statement), At: workflow.Now(ctx),
	}
	if in.Refuse {
		decision.Decision = drill.DecisionRefused
	}
	// From here on nobody else may decide, and no step may be told of.
	d.decided = &decision
	if err := workflow.Await(ctx, func() bool { return d.told == 0 }); err != nil {
		return d.result(), err
	}
	decision.Revision, decision.Record = d.out.Revision, d.out.Record
	if err := d.decide(ctx, decision); err != nil {
		return d.result(), fail(err)
	}
	return d.result(), nil
}

// decide files a decision. A refusal sends the drill back with a finding.
func (d *driller) decide(ctx workflow.Context, decision drill.SignedOff) error {
	d.decided = &decision
	in := activities.DecisionInput{DrillRef: d.ref, Verdict: d.out.Verdict, Decision: decision}
	if _, err := call(recording(ctx, "record the decision"), acts.RecordDecision, in); err != nil {
		return err
	}
	d.out.SignOff = &decision
	switch decision.Decision {
	case drill.DecisionSigned:
		d.out.State = drill.StateSigned
	case drill.DecisionExpired:
		d.out.State = drill.StateExpired
	default:
		d.rec.Failures = append(d.rec.Failures, drill.Failure{
			Phase: drill.PhaseSignOff, Kind: drill.FailureRefused, Error: decision.Signer + " refused to sign: " + decision.Statement,
		})
		if err := d.judge(ctx); err != nil {
			return err
		}
		d.out.State = drill.StateRefused
	}
	d.changed++
	return nil
}

// awaitPeople waits for a decision, reminds of it, lets it expire, and tears
// down what was kept when its time is over.
func (d *driller) awaitPeople(ctx workflow.Context) error {
	if d.rec.Verdict == drill.VerdictAborted {
		d.out.State = drill.StateClosed
		return ctx.Err()
	}
	d.out.State = drill.StateClosed
	if d.rec.Plan.NeedsSignOff() {
		d.out.State = drill.StateAwaiting
	}
	d.phase(ctx, d.out.State)
	judged := d.rec.Timeline.Judged
	expires, remind := judged.Add(d.rec.Plan.SignOff.Within.Of()), judged.Add(d.rec.Plan.SignOff.Remind.Of())
	kept := judged.Add(d.rec.Plan.Keep.Of())
	for d.out.State == drill.StateAwaiting || d.standing {
		next := expires
		if d.out.State == drill.StateAwaiting && d.rec.Plan.SignOff.Remind > 0 && remind.Before(next) {
			next = remind
		}
		if d.standing && (kept.Before(next) || d.out.State != drill.StateAwaiting) {
			next = kept
		}
		seen := d.changed
		_, err := workflow.AwaitWithTimeout(ctx, max(0, next.Sub(workflow.Now(ctx))), func() bool { return d.changed != seen })
		if err != nil {
			return err
		}
		if err := d.due(ctx, expires, &remind, kept); err != nil {
			return err
		}
	}
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// due does what it is time for.
func (d *driller) due(ctx workflow.Context, expires time.Time, remind *time.Time, kept time.Time) error {
	now := workflow.Now(ctx)
	if d.told > 0 {
		if err := d.judge(ctx); err != nil {
			return err
		}
	}
	if d.standing && !now.Before(kept) {
		d.tearDown(ctx)
		if err := do(recording(ctx, "record that the environment is gone"), acts.RecordTearDown,
			activities.TornDown{DrillRef: d.ref, At: now, Left: d.rec.Isolation.Left}); err != nil {
			return err
		}
		// A person has to look at what could not be removed; waiting does not help.
		d.standing = false
	}
	if d.out.State != drill.StateAwaiting || d.decided != nil {
		return nil
	}
	if !now.Before(expires) {
		return d.decide(ctx, drill.SignedOff{
			DrillID: d.out.ID, Revision: d.out.Revision, Record: d.out.Record, Decision: drill.DecisionExpired, At: now,
			Statement: "nobody signed in time",
		})
	}
	if !now.Before(*remind) {
		*remind = now.Add(d.rec.Plan.SignOff.Remind.Of())
		d.out.Reminders++
		return do(recording(ctx, "remind of the sign-off"), acts.Remind, activities.RemindInput{
			DrillRef: d.ref, Number: d.out.Reminders, Verdict: d.out.Verdict, Expires: expires,
		})
	}
	return nil
}

// tabletop waits until people have ticked every step of the checklist, or its time is over.
func (d *driller) tabletop(ctx workflow.Context) error {
	return d.phaseOf(ctx, drill.PhaseTabletop, func() error {
		done, err := workflow.AwaitWithTimeout(ctx, d.rec.Plan.SignOff.Within.Of(), func() bool {
			return drill.Ticked(d.rec.Plan, d.rec.ManualSteps)
		})
		if err == nil && !done {
			d.failed(drill.PhaseTabletop, "", fault.New(fault.Missing, "the checklist was not done within %v", d.rec.Plan.SignOff.Within))
		}
		d.told = 0
		return err
	})
}

// close sees to it that nothing is left, however the run ends.
func (d *driller) close(ctx workflow.Context, err error) error {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	d.tearDown(ctx)
	if d.rec.Verdict != "" {
		return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
	}
	return verdict(ctx, err)
}
