package workflows

import (
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// maxStatement bounds what a person may write: it stands in a history, a record and a page.
const maxStatement = 4000

// The steps that people may tell of in one drill: each stands in its record, and
// again in a finding where the runbook has it not.
const (
	maxSteps     = 200
	maxStepsText = 128 << 10
)

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
		return d.tooLate()
	case strings.TrimSpace(in.Text) == "":
		return fault.New(fault.Invalid, "say what was done by hand")
	case len(in.Text) > maxStatement:
		return fault.New(fault.Invalid, "a manual step takes at most %d characters", maxStatement)
	case d.fullOfSteps(len(in.Text)):
		return fault.New(fault.Invalid, "drill %s has %d manual steps, and takes at most %d with %d bytes of text: tell of the rest in the statement of its sign-off",
			d.out.ID, len(d.rec.ManualSteps), maxSteps, maxStepsText)
	case in.By == "":
		return fault.New(fault.Invalid, "say who did it")
	}
	return nil
}

// fullOfSteps reports whether a drill has no room for another manual step.
func (d *driller) fullOfSteps(size int) bool {
	// Each that is being looked up may be as long as one can be.
	size += d.telling * maxStatement
	for _, s := range d.rec.ManualSteps {
		size += len(s.Text)
	}
	return len(d.rec.ManualSteps)+d.telling >= maxSteps || size > maxStepsText
}

func (d *driller) tooLate() error {
	state := d.out.State
	if d.decided != nil {
		state = d.decided.Decision
	}
	return fault.New(fault.Conflict, "drill %s is %s: a manual step can be told of before it is signed", d.out.ID, state)
}

// manualStep notes what was done by hand, and whether the runbook knows it.
// After the verdict it makes a new revision of the record.
func (d *driller) manualStep(ctx workflow.Context, in ManualStepInput) (drill.ManualStep, error) {
	d.telling++
	defer func() { d.telling-- }()
	// The plan and the host are known once the drill is declared.
	if err := workflow.Await(ctx, func() bool { return d.host != "" || d.over }); err != nil {
		return drill.ManualStep{}, err
	}
	if d.host == "" {
		return drill.ManualStep{}, fail(fault.New(fault.Conflict, "drill %s ended before it was declared: nothing can be added to it", d.out.ID))
	}
	step, err := call(brief(onHost(ctx, d.host), "look the step up in the runbook"), acts.LookUpStep, activities.LookUpInput{
		DrillRef: d.ref, Commit: d.rec.Identity.RunbookCommit,
		Step: drill.ManualStep{At: workflow.Now(ctx), By: in.By, Text: strings.TrimSpace(in.Text), CommandLine: in.CommandLine},
	})
	if err != nil {
		return step, fail(err)
	}
	if !d.open() || d.decided != nil {
		return step, fail(d.tooLate())
	}
	d.rec.ManualSteps = append(d.rec.ManualSteps, step)
	d.told++
	if mine := d.told; d.out.State == drill.StateAwaiting {
		// What is being recorded is recorded, also where the drill is cancelled meanwhile.
		ctx, stop := workflow.NewDisconnectedContext(ctx)
		defer stop()
		err = workflow.Await(ctx, func() bool { return d.filed >= mine || d.over })
		if err == nil && d.filed < mine {
			err = fail(fault.New(fault.Conflict, "drill %s ended before the step was recorded", d.out.ID))
		}
	}
	return step, err
}

func (d *driller) maySign(in SignOffInput) error {
	plan, signer := d.rec.Plan.SignOff, drill.Actor{Name: in.Signer, CommandLine: in.CommandLine}
	switch {
	case d.out.State == drill.StateRunning && d.out.Sequence == nil:
		return fault.New(fault.Conflict, "drill %s is not judged yet: sign it when it has a verdict", d.out.ID)
	case !d.signable() || d.decided != nil:
		return fault.New(fault.Conflict, "drill %s is %s: there is nothing to sign", d.out.ID, d.out.State)
	case d.unsettled:
		return fault.New(fault.Conflict, "what became of the environment of drill %s is being recorded: look at what it changes, and sign then", d.out.ID)
	case d.telling > 0 || d.filed < d.told:
		return fault.New(fault.Conflict, "a manual step of drill %s is being recorded: look at what it changes, and sign then", d.out.ID)
	case in.Signer == "":
		return fault.New(fault.Invalid, "say who signs")
	case strings.TrimSpace(in.Statement) == "":
		return fault.New(fault.Invalid, "a sign-off needs a statement: say what was looked at and decided")
	case len(in.Statement) > maxStatement:
		return fault.New(fault.Invalid, "a statement takes at most %d characters", maxStatement)
	case signer.MayNotSign(drill.Actor{Name: d.in.StartedBy, CommandLine: d.in.CommandLine}):
		return fault.New(fault.Denied, "%s started drill %s: another person has to sign it", signer, d.out.ID)
	case d.operated(signer):
		return fault.New(fault.Denied, "%s took part in drill %s as its operator: another person has to sign it", signer, d.out.ID)
	case !plan.Admits(in.Signer):
		return fault.New(fault.Denied, "the plan lets %s sign its drills, and not %s", strings.Join(plan.Approvers, ", "), in.Signer)
	}
	return nil
}

// signable reports whether the drill waits for a person. The ledger says so once
// it has the record, which is a little before the run has done its part.
func (d *driller) signable() bool {
	return d.out.State == drill.StateAwaiting ||
		d.out.State == drill.StateRunning && d.out.Sequence != nil && d.rec.Plan.NeedsSignOff() && d.out.Verdict != drill.VerdictAborted
}

// operated reports whether somebody did a manual step of the drill, or is its operator by plan.
func (d *driller) operated(who drill.Actor) bool {
	if operator := d.rec.Plan.Operator; operator != "" && (operator == who.Name || operator == who.Account) {
		return true
	}
	for _, s := range d.rec.ManualSteps {
		if d.rec.Kind != drill.Tabletop && who.MayNotSign(drill.Actor{Name: s.By, CommandLine: s.CommandLine}) {
			return true
		}
	}
	return false
}

// signOff records a person's decision, also where the drill is cancelled meanwhile.
func (d *driller) signOff(ctx workflow.Context, in SignOffInput) (DrillResult, error) {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	decision := drill.SignedOff{
		DrillID: d.out.ID, Revision: d.out.Revision, Record: d.out.Record, Decision: drill.DecisionSigned, Signer: in.Signer, Role: in.Role,
		Statement: strings.TrimSpace(in.Statement), At: workflow.Now(ctx), CommandLine: in.CommandLine,
	}
	if in.Refuse {
		decision.Decision = drill.DecisionRefused
	}
	d.decided = &decision
	if err := workflow.Await(ctx, func() bool { return d.out.State != drill.StateRunning || d.over }); err != nil {
		return d.result(), err
	}
	if d.out.State != drill.StateAwaiting {
		d.decided = nil
		return d.result(), fail(fault.New(fault.Conflict, "drill %s ended before it was signed", d.out.ID))
	}
	err := fail(d.decide(ctx, decision))
	return d.result(), err
}

// decide files a decision. A refusal sends the drill back with a finding.
func (d *driller) decide(ctx workflow.Context, decision drill.SignedOff) error {
	// From here on nobody else may decide, and no step may be told of.
	d.decided = &decision
	defer func() { d.changed++ }()
	in := activities.DecisionInput{DrillRef: d.ref, Verdict: d.out.Verdict, Decision: decision}
	if _, err := call(recording(ctx, "record the decision"), acts.RecordDecision, in); err != nil {
		// It was not decided.
		d.decided = nil
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
			Phase: drill.PhaseSignOff, Kind: drill.FailureRefused, Error: decision.Signer + ": " + decision.Statement,
		})
		err := d.judge(ctx)
		d.out.State = drill.StateRefused
		return err
	}
	return nil
}
