package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func keptPlan() drill.Plan {
	plan := quarterlyPlan()
	plan.Keep = drill.Duration(2 * day)
	return plan
}

// What is left of a kept environment changes the verdict as long as nobody has
// decided, and is tried again until nothing is left.
func TestLeftBehindAfterTheVerdict(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, keptPlan())
	r.left = [][]string{{"folder x"}, {"folder x"}}
	r.at(2*day+6*time.Minute, func() {
		if last := r.records[len(r.records)-1]; len(r.records) != 2 || last.Verdict != drill.VerdictFail || !slices.ContainsFunc(last.Findings,
			func(f drill.Finding) bool { return f.Code == "left-behind" }) {
			t.Errorf("%d records, the last has %q with %+v", len(r.records), last.Verdict, last.Findings)
		}
	})
	r.at(3*day, func() { r.sign("ann", "fine") })
	got := r.run(t, "bob")
	if len(r.gone) != 3 || len(r.gone[0].Left) != 1 || len(r.gone[1].Left) != 1 || len(r.gone[2].Left) != 0 {
		t.Errorf("filed of the environment: %+v", r.gone)
	}
	if len(r.records) != 3 || got.Verdict != drill.VerdictPass || r.records[2].Isolation.TornDown.IsZero() {
		t.Errorf("%d records, %+v", len(r.records), got)
	}
	r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "ann", 3)
}

// A signature does not cover what was left behind after it, for good.
func TestLeftBehindAfterTheSignature(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, keptPlan())
	r.left = slices.Repeat([][]string{{"process 7"}}, 6)
	r.at(day, func() { r.sign("ann", "fine") })
	got := r.run(t, "bob")
	if len(r.gone) != 6 || len(r.records) != 2 || got.Verdict != drill.VerdictFail || got.State != drill.StateSigned || got.SignOff.Revision != 1 {
		t.Errorf("%d entries of the environment, %d records: %+v", len(r.gone), len(r.records), got)
	}
}

// A drill that nobody signs does not end with a verdict that is not true.
func TestLeftBehindByACancelledWait(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, keptPlan())
	r.fail["tear down"] = forGood(fault.Denied)
	r.at(day, r.CancelWorkflow)
	got := r.run(t, "bob")
	if len(r.records) != 2 || got.Verdict != drill.VerdictFail || got.State != drill.StateExpired || got.SignOff.Revision != 2 {
		t.Errorf("%d records: %+v", len(r.records), got)
	}
	if len(got.Servers) == 0 {
		t.Errorf("servers that stand are not shown: %+v", got)
	}
}
