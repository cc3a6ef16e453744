package workflows_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/observe"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// seenBy is what a worker hands on.
func seenBy(host string) observe.State { return observe.State{Report: status.Report{Host: host}} }

// One turn goes on with what the one before has seen, also after one that failed
// for good, until the watch is cancelled.
func TestWatchTurns(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	env.RegisterActivity(&activities.Activities{})
	var went []string
	env.OnActivity(acts.Observe, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.ObserveInput) (observe.State, error) {
		went = append(went, in.State.Report.Host)
		switch len(went) {
		case 1:
			return seenBy("b"), nil
		case 2:
			return seenBy("never"), forGood(fault.Invalid)
		case 3:
			env.CancelWorkflow()
		}
		return seenBy("c"), nil
	})
	env.ExecuteWorkflow(workflows.Watch, workflows.WatchInput{State: seenBy("a")})
	if err := env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("a cancelled watch ends with %v", err)
	}
	if want := []string{"a", "b", "b"}; !slices.Equal(went, want) {
		t.Errorf("the turns went on from %q, not %q", went, want)
	}
}

func TestWatchBeginsANewHistory(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterActivity(&activities.Activities{})
	env.RegisterWorkflowWithOptions(workflows.Watch, workflow.RegisterOptions{Name: workflows.WatchName})
	env.OnActivity(acts.Observe, mock.Anything, mock.Anything).Return(func(context.Context, activities.ObserveInput) (observe.State, error) {
		env.SetContinueAsNewSuggested(true)
		return seenBy("b"), nil
	})
	env.ExecuteWorkflow(workflows.WatchName, workflows.WatchInput{State: seenBy("a")})
	if err := env.GetWorkflowError(); !workflow.IsContinueAsNewError(err) {
		t.Errorf("a long history ends with %v", err)
	}
}
