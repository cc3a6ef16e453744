package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// A drill remembers whose points a request chose; those of a policy are the plan's.
func TestPointsThatARequestChose(t *testing.T) {
	t.Parallel()
	for trigger, want := range map[string][]string{workflows.TriggerRequest: {"main", "redis"}, workflows.TriggerPolicy: nil} {
		r := newRehearsal(t, quarterlyPlan())
		r.at(time.Hour, func() { r.sign("ann", "seen") })
		r.ExecuteWorkflow(workflows.DrillName, workflows.DrillInput{
			Plan: "quarterly", DrillID: theDrill, Trigger: trigger, StartedBy: "bob",
			Points: map[string]drill.Selection{"redis": {ID: "x"}, "main": {At: "-10m"}},
		})
		if len(r.records) != 1 || !slices.Equal(drill.SummaryOf(r.records[0]).Overridden, want) {
			t.Errorf("%s: %+v", trigger, r.records)
		}
	}
}
