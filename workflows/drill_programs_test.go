package workflows_test

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// A program that was up, and is not any more when all was checked, fails the drill.
func TestAProgramThatDiesWhileTheDrillGoesOn(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.died = "it ended with status 3 while the drill went on: no host"
	r.at(day/2, func() { r.sign("ann", "seen") })
	got := r.run(t, "bob")
	if got.Verdict != drill.VerdictFail || len(got.Findings) != 1 || !strings.Contains(got.Findings[0].Cause, r.died) || got.RTOSeconds != 0 {
		t.Errorf("%+v", got)
	}
	if p := r.records[0].Programs; len(p) != 1 || p[0].LogDigest != "late" {
		t.Errorf("the programs are %+v", p)
	}
}

// Nor does a drill pass whose programs can't be looked at.
func TestProgramsThatNobodyCanLookAt(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.fail["look again"] = forGood(fault.Corrupt)
	r.at(day/2, func() { r.sign("ann", "seen") })
	if got := r.run(t, "bob"); got.Verdict != drill.VerdictFail || len(got.Findings) != 1 || !strings.HasSuffix(got.Findings[0].ID, "/reconcile-failed") {
		t.Errorf("%+v", got)
	}
}
