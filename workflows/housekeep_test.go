package workflows_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Every host is tidied, or the one that asks; one that can't be keeps no other
// from it, and neither does a ledger that can't be read.
func TestHousekeep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		host   string
		ledger error
		fails  bool
		want   []string
	}{
		"all":              {want: []string{"lifeboat-host-a", "lifeboat-host-b"}},
		"one":              {host: "c", want: []string{"lifeboat-host-c"}},
		"without a ledger": {host: "b", ledger: forGood(fault.Corrupt), fails: true, want: []string{"lifeboat-host-b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestWorkflowEnvironment()
			env.SetTestTimeout(time.Minute)
			env.RegisterActivity(&activities.Activities{})
			env.OnActivity(acts.CloseLostDrills, mock.Anything, mock.Anything).Return([]string{"a", "b"}, c.ledger)
			var tidied []string
			env.OnActivity(acts.TidyHost, mock.Anything, mock.Anything).Return(func(ctx context.Context, in activities.HousekeepInput) ([]activities.TornDown, error) {
				queue := activity.GetInfo(ctx).TaskQueue
				if tidied = append(tidied, queue); in.Now.IsZero() {
					t.Error("there is no moment of it")
				}
				if queue == "lifeboat-host-a" {
					return nil, forGood(fault.Denied)
				}
				return []activities.TornDown{{}}, nil
			})
			env.ExecuteWorkflow(workflows.Housekeep, workflows.HousekeepInput{Host: c.host})
			if err := env.GetWorkflowError(); (err != nil) != c.fails || !slices.Equal(tidied, c.want) {
				t.Errorf("tidied %q: %v", tidied, err)
			}
		})
	}
}
