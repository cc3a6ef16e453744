package activities

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/robfig/cron/v3"
	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/fence"
	"github.com/lifeboat-dr/lifeboat/internal/gitfile"
)

// earlierDrills is how many earlier drills of a plan a new one is compared with.
const earlierDrills = 12

// clockSlack is how far the clocks of workers may be apart.
const clockSlack = 10 * time.Minute

// DeclareDrill takes the plan as it stands, files that a disaster was declared,
// and then reads what the drill begins with. The host that takes this step is
// where all of the drill will happen.
func (a *Activities) DeclareDrill(ctx context.Context, in DeclareInput) (Declared, error) {
	p := startPulse(ctx, "declare the failure", 0)
	defer p.end()
	plan, ok := a.Config.Drills[in.Plan]
	if !ok {
		return Declared{}, fault.New(fault.Missing, "there is no drill %q in the configuration: add it under drills", in.Plan)
	}
	if a.Drills == nil {
		return Declared{}, fault.New(fault.Invalid, "there is no ledger to record a drill in: %s", a.NoLedger)
	}
	out := Declared{Plan: a.Config.PublicPlan(in.Plan), Identity: drill.Identity{
		WorkflowID: in.WorkflowID, RunID: in.RunID, Trigger: in.Trigger, StartedBy: in.StartedBy, CommandLine: in.CommandLine, Overridden: in.Overridden,
		Config: a.Config.Fingerprint(), PlanDigest: a.Config.PlanDigest(in.Plan), Parts: ProofParts(a.Config, in.Plan, a.Version),
		Tools: map[string]string{"lifeboat": a.Version}, Host: a.Host,
	}}
	out.NextDue = nextDue(plan, in.Declared)
	ref := drills.Ref{Plan: in.Plan, ID: in.DrillID, Actor: cmp.Or(in.StartedBy, in.Trigger), Since: in.Declared.Add(-clockSlack)}
	err := a.Drills.Declare(ctx, ref, map[string]any{"identity": out.Identity, "kind": plan.Kind, "declared": in.Declared, "plan": in.Plan})
	if err == nil {
		err = a.recall(ctx, in, &out)
	}
	return out, err
}

// recallWithin bounds what one attempt takes for reading what a drill begins with.
const recallWithin = time.Minute

// recall reads what a drill begins with: the open findings, the runbook, and the
// earlier drills of its plan. What can't be read, and no retry mends, is noted as
// a failure: a drill that was declared goes on, and fails.
func (a *Activities) recall(ctx context.Context, in DeclareInput, out *Declared) error {
	reading, stop := context.WithTimeout(ctx, recallWithin)
	defer stop()
	for _, part := range []struct {
		what string
		read func() error
	}{
		{"the open findings", func() (err error) { out.Prior, err = a.Drills.Findings(reading, in.Plan); return err }},
		{"the runbook", func() error { return readRunbook(reading, a.Config.Drills[in.Plan].Runbook, out) }},
		{"the earlier drills", func() (err error) { out.Earlier, err = a.earlier(reading, in); return err }},
	} {
		err := fault.While(part.read(), "%s of plan %s", part.what, in.Plan)
		attempt, kind := activity.GetInfo(ctx).Attempt, fault.KindOf(err)
		switch {
		case err == nil:
		case ctx.Err() != nil, !final(kind, attempt) && int(attempt) < in.Attempts:
			return err
		default:
			out.Unread = append(out.Unread, drill.Failure{Phase: drill.PhaseDeclare, Kind: string(kind), Error: fault.Line(err)})
		}
	}
	return nil
}

// readRunbook notes at which commit the runbook is, and which steps it has by
// now that an earlier drill found missing in it.
func readRunbook(ctx context.Context, book *drill.Runbook, out *Declared) error {
	if book == nil {
		return nil
	}
	commit, err := gitfile.Commit(ctx, book.Repository, book.Ref, book.File)
	if err != nil {
		return err
	}
	text, err := gitfile.Read(ctx, book.Repository, commit, book.File)
	if err != nil {
		return err
	}
	out.Identity.RunbookCommit = commit
	for _, f := range out.Prior {
		if f.Status != drill.FindingClosed && drill.Documented(string(text), f.Subject) {
			out.WrittenDown = append(out.WrittenDown, f.Subject)
		}
	}
	return nil
}

// ProofParts are the parts that a passed drill of a plan proves, with the
// version that does it. It is no method: every exported one of Activities is a step.
func ProofParts(c *config.Config, plan, version string) map[string]string {
	parts := c.ProofParts(plan)
	parts["version"] = version
	return parts
}

// earlier are the newest drills of the plan that were judged, this one left out.
func (a *Activities) earlier(ctx context.Context, in DeclareInput) ([]drill.Summary, error) {
	found, err := a.Drills.List(ctx, drills.Query{Plan: in.Plan, Limit: earlierDrills + 1})
	if err != nil {
		return nil, err
	}
	var out []drill.Summary
	for _, d := range found {
		if d.ID != in.DrillID && d.Verdict != "" {
			out = append(out, d.Summary)
		}
	}
	return out, nil
}

// nextDue is when a plan's schedule comes round again after a moment; zero without a schedule.
func nextDue(plan drill.Plan, after time.Time) time.Time {
	schedule, err := cron.ParseStandard(plan.Cron)
	if plan.Cron == "" || err != nil {
		return time.Time{}
	}
	zone, err := time.LoadLocation(plan.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return schedule.Next(after.In(zone)).UTC()
}

// planOf is the plan of a drill under way, with its secrets.
func (a *Activities) planOf(ref DrillRef) (drill.Plan, error) {
	plan, ok := a.Config.Drills[ref.Plan]
	if !ok || a.Config.PlanDigest(ref.Plan) != ref.PlanDigest {
		return plan, fault.New(fault.Conflict, "plan %s was changed while drill %s ran: run the drill again", ref.Plan, ref.DrillID)
	}
	return plan, nil
}

// Isolate prepares the environment of a drill. For an annual one it bars
// everything that is live.
func (a *Activities) Isolate(ctx context.Context, in DrillRef) (drill.Isolation, error) {
	p := startPulse(ctx, "isolate", 0)
	defer p.end()
	plan, err := a.planOf(in)
	if err != nil {
		return drill.Isolation{}, err
	}
	out := drill.Isolation{Attempts: []drill.Attempt{}}
	out.Where, out.Limits = a.whereabouts(plan)
	if plan.Kind != drill.AnnualFull {
		return out, nil
	}
	bars := fence.Bars{Surfaces: plan.Surfaces, Stores: a.liveStores(plan)}
	return out, fault.While(a.Fence.Raise(ctx, in.DrillID, bars), "bar what is live")
}

// liveStores are the stores that the policies of a plan's surfaces write to
// first: those that a failure of the cluster takes along. One that the plan
// itself reads from is not among them.
func (a *Activities) liveStores(plan drill.Plan) []string {
	read := map[string]bool{plan.Store: true}
	for _, s := range plan.Points {
		read[s.Store] = true
	}
	var live []string
	for _, p := range a.Config.Policies {
		if slices.Contains(plan.Surfaces, p.Surface) && !read[p.Store] && !slices.Contains(live, p.Store) {
			live = append(live, p.Store)
		}
	}
	slices.Sort(live)
	return live
}

// ProveUntouched reads what a drill's steps used, and what they were refused. It
// may be asked again: the fence is up until LowerFence.
func (a *Activities) ProveUntouched(ctx context.Context, in DrillRef) (drill.Untouched, error) {
	p := startPulse(ctx, "what was used of what is live", 0)
	defer p.end()
	bars, err := a.Fence.Bars(in.DrillID)
	if err != nil {
		return drill.Untouched{}, err
	}
	used, refused, err := a.Fence.Read(in.DrillID)
	if err != nil {
		return drill.Untouched{}, err
	}
	out := drill.Untouched{Used: used, Refused: refused, Method: untouchedMethod}
	for _, name := range bars.Stores {
		out.Fenced = append(out.Fenced, "store:"+name)
	}
	for _, name := range bars.Surfaces {
		out.Fenced = append(out.Fenced, "surface:"+name)
	}
	return out, nil
}

// untouchedMethod says how it is known what a drill used, and what is not known.
const untouchedMethod = "every step of this drill, and of the restores that it ordered, asks a fence on its host before it uses a store or " +
	"connects to a live surface; the fence notes what is used, and refuses what is barred. The ledger is written beside it, and is no part of the plan. " +
	"So does a program, check or reconciliation that has the address of a live surface in its text or its variables. " +
	"What programs connect to by themselves is not watched: they share the host's network."

// LowerFence takes down the fence of a drill whose record was filed.
func (a *Activities) LowerFence(ctx context.Context, in DrillRef) error {
	p := startPulse(ctx, "take down the fence", 0)
	defer p.end()
	return a.Fence.Lower(in.DrillID)
}

// LookUpInput names a manual step, and the commit of the runbook.
type LookUpInput struct {
	DrillRef
	Commit string           `json:"commit,omitempty"`
	Step   drill.ManualStep `json:"step"`
}

// LookUpStep says whether the runbook has a manual step, as it was committed
// when the drill was declared.
func (a *Activities) LookUpStep(ctx context.Context, in LookUpInput) (drill.ManualStep, error) {
	plan, err := a.planOf(in.DrillRef)
	step := in.Step
	if err != nil || plan.Runbook == nil || in.Commit == "" {
		return step, err
	}
	text, err := gitfile.Read(ctx, plan.Runbook.Repository, in.Commit, plan.Runbook.File)
	if err != nil {
		return step, fault.While(err, "read the runbook")
	}
	step.Documented, step.Commit = drill.Documented(string(text), step.Text), in.Commit
	return step, nil
}
