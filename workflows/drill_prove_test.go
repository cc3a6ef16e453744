package workflows_test

import (
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// A point of which something was not as it should be, or was not looked at, is
// not marked as proven.
func TestWhatIsProven(t *testing.T) {
	t.Parallel()
	for call, want := range map[string]int{"": 2, "reconcile": 1, "check users": 1, "check ping": 1, "start": 0, "tear down": 2} {
		r := newRehearsal(t, quarterlyPlan())
		if call != "" {
			r.fail[call] = forGood(fault.Corrupt)
		}
		r.at(day/2, func() { r.sign("ann", "seen") })
		got := r.run(t, "bob")
		if n := r.count("prove"); n != want || len(r.records) == 0 {
			t.Errorf("%q failed, and %d points are proven: %s", call, n, got.Summary)
		}
	}
}

// What a recovery to a moment looked at has the outcome that it had.
func TestOutcomeOfARecovery(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		outcome, verdict string
		proven           int
	}{
		"all is there":     {"", drill.VerdictPass, 2},
		"not looked at":    {drill.Warn, drill.VerdictPartial, 2},
		"not the database": {drill.Fail, drill.VerdictFail, 1},
	} {
		r := newRehearsal(t, quarterlyPlan())
		r.recovered = activities.RecoveryCheck{Name: "database", Result: "shop was not there", Outcome: c.outcome}
		r.at(time.Hour, func() { r.sign("ann", "seen") })
		got := r.run(t, "bob")
		if got.Verdict != c.verdict || r.count("prove") != c.proven {
			t.Errorf("%s: %s, %d points proven: %s", name, got.Verdict, r.count("prove"), got.Summary)
		}
	}
}
