package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// deadlines are the moments at which a judged drill does something by itself.
type deadlines struct {
	// expires ends the wait for a decision, remind is when it is asked for
	// again, and kept until when the environment stays.
	expires, remind, kept time.Time
}

// awaitPeople waits for a decision, reminds of it, lets it expire, and tears
// down what was kept when its time is over.
func (d *driller) awaitPeople(ctx workflow.Context) error {
	d.out.State = drill.StateClosed
	if d.rec.Verdict == drill.VerdictAborted {
		return ctx.Err()
	}
	if d.rec.Plan.NeedsSignOff() {
		d.out.State = drill.StateAwaiting
	}
	judged := d.rec.Timeline.Judged
	at := deadlines{
		expires: judged.Add(d.rec.Plan.SignOff.Within.Of()), remind: judged.Add(d.rec.Plan.SignOff.Remind.Of()),
		kept: judged.Add(max(d.rec.Plan.Keep.Of(), tearDownPause*time.Duration(d.tearDowns))),
	}
	// A cancellation ends the wait, and nothing that was begun.
	calm, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	for d.out.State == drill.StateAwaiting || d.standing {
		d.phase(ctx, d.out.State)
		if err := d.wait(ctx, at); err != nil {
			return err
		}
		if err := d.due(calm, &at); err != nil {
			return err
		}
	}
	d.phase(ctx, d.out.State)
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// What could not be removed is tried again after a pause, and not without end:
// after that the housekeeping of the host goes on.
const (
	tearDownPause = 10 * time.Minute
	maxTearDowns  = 6
)

// wait waits until a person did something, or until the next deadline. While a
// decision is being filed, the deadlines of one don't count.
func (d *driller) wait(ctx workflow.Context, at deadlines) error {
	var next []time.Time
	if d.standing {
		next = append(next, at.kept)
	}
	if d.out.State == drill.StateAwaiting && d.decided == nil {
		next = append(next, at.expires)
		if d.rec.Plan.SignOff.Remind > 0 {
			next = append(next, at.remind)
		}
	}
	seen := d.changed
	happened := func() bool { return d.changed != seen || d.filed < d.told || d.unsettled }
	if len(next) == 0 {
		return workflow.Await(ctx, happened)
	}
	first := slices.MinFunc(next, time.Time.Compare)
	_, err := workflow.AwaitWithTimeout(ctx, max(0, first.Sub(workflow.Now(ctx))), happened)
	return err
}

// due does what it is time for.
func (d *driller) due(ctx workflow.Context, at *deadlines) error {
	if d.standing && !workflow.Now(ctx).Before(at.kept) {
		d.release(ctx)
		at.kept = workflow.Now(ctx).Add(tearDownPause)
	}
	for d.filed < d.told || d.unsettled {
		if err := d.judge(ctx); err != nil {
			return err
		}
	}
	now := workflow.Now(ctx)
	switch {
	case d.out.State != drill.StateAwaiting || d.decided != nil || d.filed < d.told:
		return nil
	case !now.Before(at.expires):
		return d.expire(ctx, "nobody signed in time")
	case d.rec.Plan.SignOff.Remind == 0 || now.Before(at.remind):
		return nil
	}
	at.remind = now.Add(d.rec.Plan.SignOff.Remind.Of())
	d.out.Reminders++
	err := do(recording(ctx, "remind of the sign-off"), acts.Remind, activities.RemindInput{
		DrillRef: d.ref, Number: d.out.Reminders, Verdict: d.out.Verdict, Expires: at.expires,
	})
	if err != nil {
		// The drill can be signed all the same.
		workflow.GetLogger(ctx).Error("a reminder of a sign-off is not in the ledger", "drill", d.out.ID, "error", err)
	}
	return nil
}

// expire files that there will be no decision of a person.
func (d *driller) expire(ctx workflow.Context, why string) error {
	return d.decide(ctx, drill.SignedOff{
		DrillID: d.out.ID, Revision: d.out.Revision, Record: d.out.Record, Decision: drill.DecisionExpired,
		Statement: why, At: workflow.Now(ctx),
	})
}

// release tears down what stands after the verdict, and files what came of it.
// What is left makes a new revision of the record, for a verdict that did not
// know of it is none. What was decided stays decided until the last try failed.
func (d *driller) release(ctx workflow.Context) {
	if !d.standing {
		return
	}
	d.tearDown(ctx)
	left := d.rec.Isolation.Left
	if d.out.Sequence == nil {
		return
	}
	d.unsettled = !slices.Equal(d.leftFiled, left) && (d.decided == nil || !d.standing)
	if len(left) > 0 {
		workflow.GetLogger(ctx).Error("an environment could not be removed", "drill", d.out.ID, "left", left, "tries", d.tearDowns)
	}
	err := do(recording(ctx, "record what became of the environment"), acts.RecordTearDown,
		activities.TornDown{DrillRef: d.ref, At: workflow.Now(ctx), Left: left, Try: d.tearDowns})
	if err != nil {
		workflow.GetLogger(ctx).Error("what became of an environment is not in the ledger", "drill", d.out.ID, "left", left, "error", err)
	}
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
		return err
	})
}

// close sees to it that nothing is left, however the run ends: no environment,
// and no drill that waits for a decision which nobody can make any more.
func (d *driller) close(ctx workflow.Context, err error) error {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	d.over = true
	d.release(ctx)
	if bad := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); bad != nil {
		return bad
	}
	if d.unsettled {
		if bad := d.judge(ctx); bad != nil {
			return bad
		}
	}
	switch {
	case d.out.Verdict == "":
		return verdict(ctx, err)
	case d.out.State == drill.StateAwaiting && temporal.IsCanceledError(err):
		return d.expire(ctx, "the drill was cancelled before anybody signed it")
	}
	return nil
}
