package workflows

import (
	"slices"
	"strconv"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// conclude ends the machines' part: it tears down what is not to be kept,
// judges, and puts the record into the ledger. It does so for a cancelled run too.
func (d *driller) conclude(ctx workflow.Context, cancelled error) error {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if cancelled != nil {
		d.rec.Verdict = drill.VerdictAborted
		if !slices.ContainsFunc(d.rec.Failures, func(f drill.Failure) bool { return f.Kind == drill.FailureCancelled }) {
			d.failed(d.Phase, "", cancelled)
		}
	}
	if cancelled != nil || d.rec.Plan.Keep == 0 {
		d.tearDown(ctx)
	}
	d.proveUntouched(ctx)
	defer d.lowerFence(ctx)
	if err := d.judge(ctx); err != nil {
		return err
	}
	d.provePoints(ctx)
	// Steps that were told of meanwhile.
	for d.filed < d.told {
		if err := d.judge(ctx); err != nil {
			return err
		}
	}
	return nil
}

// judge judges what the record holds, and files it as its next revision.
func (d *driller) judge(ctx workflow.Context) error {
	prior := d.prior(ctx)
	told := d.told
	d.unsettled, d.leftFiled = false, d.rec.Isolation.Left
	d.rec.Revision++
	err := d.phaseOf(ctx, drill.PhaseJudge, func() error {
		if d.rec.Timeline.Judged.IsZero() {
			d.rec.Timeline.Judged = workflow.Now(ctx)
		}
		d.rec = drill.Judge(d.rec, prior, workflow.Now(ctx))
		d.rec.Objectives.Trend = drill.TrendOf(d.rec, d.declared.Earlier)
		return nil
	})
	if err != nil {
		return err
	}
	return d.phaseOf(ctx, drill.PhaseRecord, func() error {
		filed, err := call(recording(ctx, "put the record into the ledger"), acts.RecordDrill, d.rec)
		if err != nil {
			return err
		}
		d.filed = told
		d.out.Verdict, d.out.Summary, d.out.Findings = d.rec.Verdict, d.rec.Summary, d.rec.Findings
		d.out.RTOSeconds, d.out.RPOSeconds = d.rec.Objectives.RTOSeconds, d.rec.Objectives.RPOSeconds
		d.out.RTOMeasured, d.out.RPOMeasured = d.rec.Objectives.RTOMeasured, d.rec.Objectives.RPOMeasured
		d.out.Revision, d.out.Sequence, d.out.Record = d.rec.Revision, &filed.Sequence, filed.Digest
		return workflow.UpsertTypedSearchAttributes(ctx, AttrVerdict.ValueSet(d.rec.Verdict))
	})
}

// prior are the findings of the plan as they are now: other drills of it may
// have ended since this one was declared.
func (d *driller) prior(ctx workflow.Context) []drill.Finding {
	prior, err := call(recording(ctx, "read the findings of earlier drills"), acts.PriorFindings, d.ref)
	if err != nil {
		// A verdict is recorded all the same; no finding is lost by it, for the ledger has them.
		workflow.GetLogger(ctx).Error("the findings of earlier drills are those of when the drill was declared", "drill", d.out.ID, "error", err)
		return d.declared.Prior
	}
	return prior
}

// provePoints marks the points that were restored and compared, where nothing
// that the plan looks at says otherwise.
func (d *driller) provePoints(ctx workflow.Context) {
	for _, s := range d.rec.Surfaces {
		if s.URI == "" || !d.rec.Proves(s) {
			continue
		}
		in := activities.ProveInput{DrillRef: d.ref, Config: d.rec.Identity.Config, Store: s.Store, URI: s.URI, At: d.rec.Timeline.Judged}
		if err := do(recording(ctx, "mark "+s.Point+" as proven"), acts.ProvePoint, in); err != nil {
			// The drill stands; retention and lists go by the older mark.
			workflow.GetLogger(ctx).Error("a restored point was not marked as proven", "point", s.Point, "error", err)
		}
	}
}

// proveUntouched reads what an annual drill used of what is live.
func (d *driller) proveUntouched(ctx workflow.Context) {
	if d.rec.Kind != drill.AnnualFull {
		return
	}
	got, err := call(patient(onHost(ctx, d.host), "what was used of what is live"), acts.ProveUntouched, d.ref)
	switch {
	case err == nil:
		d.rec.Untouched = &got
	case d.rec.Isolation.Where == "" && KindOf(err) == fault.Missing:
		// It ended before there was a fence, and used nothing. What ended it is told.
	default:
		d.failed(drill.PhaseIsolate, "", err)
	}
}

// lowerFence takes down what kept an annual drill from what is live, with the
// notes of which the record tells.
func (d *driller) lowerFence(ctx workflow.Context) {
	if d.rec.Kind != drill.AnnualFull {
		return
	}
	if err := do(patient(onHost(ctx, d.host), "take down the fence"), acts.LowerFence, d.ref); err != nil {
		// It bars nothing but this drill.
		workflow.GetLogger(ctx).Error("the fence of a drill is still there", "drill", d.out.ID, "error", err)
	}
}

// tearDown removes everything of the environment. What could not be removed is in the record.
func (d *driller) tearDown(ctx workflow.Context) {
	if !d.standing {
		return
	}
	d.tearDowns++
	err := d.phaseOf(ctx, drill.PhaseTearDown, func() error {
		left, err := call(patient(onHost(ctx, d.host), "remove the environment"), acts.TearDown, d.torn())
		if err != nil {
			return err
		}
		d.rec.Isolation.Left = left
		if len(left) == 0 {
			d.rec.Isolation.TornDown = workflow.Now(ctx)
		}
		return nil
	})
	if err != nil {
		d.failed(drill.PhaseTearDown, "", err)
		d.rec.Isolation.Left = []string{"unknown, because it could not be looked at: " + Message(err)}
	} else {
		d.out.Servers = nil
	}
	d.standing = len(d.rec.Isolation.Left) > 0 && d.tearDowns < maxTearDowns
}

// torn names all servers that the drill may have started, finished or not.
func (d *driller) torn() activities.DrillStep {
	step := activities.DrillStep{DrillRef: d.ref}
	for i, name := range d.rec.Plan.Surfaces {
		step.Servers = append(step.Servers, activities.ServerRef{RestoreID: d.serverID(i), Surface: name})
	}
	return step
}

// serverID names the server that a surface is restored into.
func (d *driller) serverID(i int) string { return d.out.ID + "-" + strconv.Itoa(i) }

// countItems shows what a comparison stands for, in order of its kinds.
func countItems(counts map[string]int64) []drill.Item {
	var items []drill.Item
	for _, kind := range workflow.DeterministicKeys(counts) {
		n := strconv.FormatInt(counts[kind], 10)
		items = append(items, drill.Item{Name: kind, Expected: n, Observed: n, Result: drill.Pass})
	}
	return items
}

// mismatched reports whether the restore of a surface failed because it was
// not equal to its fingerprint.
func (d *driller) mismatched(surface string) bool {
	return slices.ContainsFunc(d.rec.Failures, func(f drill.Failure) bool {
		return f.Surface == surface && f.Kind == string(fault.Mismatch)
	})
}
