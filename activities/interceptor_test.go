package activities_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// failing is the one error of a step, as Temporal gets it from the interceptor.
func failing(t *testing.T, err error) *temporal.ApplicationError {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&activities.FaultInterceptor{}}})
	step := func(context.Context) error { return err }
	env.RegisterActivity(step)
	_, got := env.ExecuteActivity(step)
	app, ok := errors.AsType[*temporal.ApplicationError](got)
	if !ok {
		t.Fatalf("%v became %v", err, got)
	}
	return app
}

func TestEveryKindDecidesOnRetries(t *testing.T) {
	t.Parallel()
	for _, kind := range fault.Kinds {
		got := failing(t, fault.New(kind, "what happened"))
		if got.Type() != string(kind) || got.NonRetryable() == kind.Retryable() || got.Message() != "what happened" {
			t.Errorf("kind %s became type %s, retried %v: %s", kind, got.Type(), !got.NonRetryable(), got.Message())
		}
	}
}

func TestMessagesStaySmall(t *testing.T) {
	t.Parallel()
	if got := failing(t, errors.New(strings.Repeat("long ", 2000))); len(got.Message()) > 2100 || got.Type() != string(fault.Internal) {
		t.Errorf("a message of %d bytes, type %s", len(got.Message()), got.Type())
	}
}
