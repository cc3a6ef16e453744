package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

func TestADrillThatRunsTellsItsPhases(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	var live workflows.DrillResult
	r.at(30*time.Second, func() {
		value, err := r.QueryWorkflow(workflows.DrillQuery)
		if err == nil {
			err = value.Get(&live)
		}
		if err != nil {
			t.Error(err)
		}
	})
	r.at(day/2, func() { r.sign("ann", "fine") })
	ended := r.run(t, "bob")
	var names []string
	for _, p := range live.Phases {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, []string{drill.PhaseDeclare, drill.PhaseIsolate, drill.PhaseSelect}) || live.Phase != drill.PhaseRestore ||
		live.PhaseSince.Before(live.CreatedAt) || live.State != drill.StateRunning {
		t.Errorf("while it restores it tells of %q, and %s since %s", names, live.Phase, live.PhaseSince)
	}
	if len(ended.Phases) != 0 || !ended.PhaseSince.IsZero() {
		t.Errorf("one that has ended tells what its record has: %+v", ended.Phases)
	}
}
