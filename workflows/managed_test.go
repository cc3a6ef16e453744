package workflows_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// provider plays the steps of a recovery that a provider runs.
type provider struct {
	*testsuite.TestWorkflowEnvironment
	mu    sync.Mutex
	calls []string
	// fail has errors of steps; one that a retry mends comes once.
	fail map[string]error
}

func newProvider(fail map[string]error) *provider {
	var suite testsuite.WorkflowTestSuite
	p := &provider{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), fail: fail}
	p.SetTestTimeout(time.Minute)
	p.RegisterActivity(&activities.Activities{})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p.OnActivity(acts.PlanRecovery, mock.Anything, mock.Anything).Return(func(context.Context, activities.PlanInput) (activities.Planned, error) {
		return activities.Planned{Managed: &activities.ManagedPlan{Provider: "rds", At: at, Promised: at}}, p.note("plan")
	})
	p.OnActivity(acts.RestoreManaged, mock.Anything, mock.Anything).Return(func(context.Context, activities.RestoreManagedInput) (string, error) {
		return "lifeboat-x", p.note("begin")
	})
	p.OnActivity(acts.AwaitManaged, mock.Anything, mock.Anything).Return(func(context.Context, activities.ManagedRef) (string, error) {
		return "host:5432", p.note("await")
	})
	p.OnActivity(acts.CheckManaged, mock.Anything, mock.Anything).Return(func(context.Context, activities.CheckManagedInput) (activities.RecoveryChecked, error) {
		return activities.RecoveryChecked{Reached: activities.Reached{Promised: at}}, p.note("check")
	})
	p.OnActivity(acts.DeleteManaged, mock.Anything, mock.Anything).Return(func(context.Context, activities.ManagedRef) error { return p.note("delete") })
	return p
}

// note writes a step down.
func (p *provider) note(call string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
	err := p.fail[call]
	if app, ok := err.(*temporal.ApplicationError); ok && !app.NonRetryable() { //nolint:errorlint // It is as the test made it.
		delete(p.fail, call)
	}
	return err
}

func TestManagedRecoveryLeavesNoInstance(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail map[string]error
		// calls are the steps in order; want is in the error, empty for none.
		calls []string
		want  string
	}{
		"done":    {nil, []string{"plan", "begin", "await", "check"}, ""},
		"slow":    {map[string]error{"await": failure(fault.Unavailable)}, []string{"plan", "begin", "await", "await", "check"}, ""},
		"outside": {map[string]error{"plan": failure(fault.Missing)}, []string{"plan"}, "it is missing"},
		"refused": {map[string]error{"begin": failure(fault.Denied)}, []string{"plan", "begin"}, "it is denied"},
		"failed":  {map[string]error{"await": failure(fault.Lost)}, []string{"plan", "begin", "await", "delete"}, "it is lost"},
		"wrong":   {map[string]error{"check": failure(fault.Mismatch)}, []string{"plan", "begin", "await", "check", "delete"}, "it is mismatch"},
		"deleted in a while": {
			map[string]error{"check": failure(fault.Mismatch), "delete": failure(fault.Unavailable)},
			[]string{"plan", "begin", "await", "check", "delete", "delete"}, "it is mismatch",
		},
		"not deleted": {
			map[string]error{"check": failure(fault.Mismatch), "delete": failure(fault.Denied)},
			[]string{"plan", "begin", "await", "check", "delete"}, "could not be deleted, and costs money until it is: it is denied; try lifeboat pitr delete main r1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(c.fail)
			p.ExecuteWorkflow(workflows.Recover, workflows.RecoverInput{Surface: "main", RestoreID: "r1", At: "latest"})
			err := p.GetWorkflowError()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if !slices.Equal(p.calls, c.calls) {
				t.Errorf("steps %v, want %v", p.calls, c.calls)
			}
		})
	}
}

// TestManagedRecoveryCancelled cancels a recovery between two attempts of a step.
func TestManagedRecoveryCancelled(t *testing.T) {
	t.Parallel()
	for step, want := range map[string][]string{
		"await": {"plan", "begin", "await", "delete"},
		// Nobody knows whether the attempt to begin has come to anything: it is looked for twice.
		"begin": {"plan", "begin", "delete", "delete"},
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			p := newProvider(map[string]error{step: failure(fault.Unavailable)})
			p.RegisterDelayedCallback(p.CancelWorkflow, 500*time.Millisecond)
			start := p.Now()
			p.ExecuteWorkflow(workflows.Recover, workflows.RecoverInput{Surface: "main", RestoreID: "r1", At: "latest"})
			if err := p.GetWorkflowError(); !temporal.IsCanceledError(err) {
				t.Errorf("got %v, want it cancelled", err)
			}
			if !slices.Equal(p.calls, want) {
				t.Errorf("steps %v, want %v", p.calls, want)
			}
			if took := p.Now().Sub(start); (took > time.Minute) != (step == "begin") {
				t.Errorf("it took %v", took)
			}
		})
	}
}
