package activities_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// What a drill begins with goes into a record for ever: it has no password of
// the plan, and every name of who started it.
func TestWhatADrillBeginsWithHasNoSecret(t *testing.T) {
	t.Parallel()
	a := fenced(t, drill.Plan{Kind: drill.Quarterly, Surfaces: []string{"main"}, Checks: []drill.Check{
		{Name: "web", Kind: drill.CheckHTTP, URL: "http://bob:hush-hush@127.0.0.1/"},
	}})
	ledger(t, a)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&activities.FaultInterceptor{}}})
	env.RegisterActivity(a)
	from := drill.CommandLine{Account: "cli:ops", Holds: "admin"}
	value, err := env.ExecuteActivity(a.DeclareDrill, activities.DeclareInput{
		DrillID: theDrill, Plan: "annual", Declared: time.Now(), Trigger: "request", StartedBy: "bob", CommandLine: from,
		WorkflowID: "drill/annual/x", RunID: "r", Attempts: 6,
	})
	if err != nil {
		t.Fatal(err)
	}
	var got activities.Declared
	if err := value.Get(&got); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil || strings.Contains(string(text), "hush") || got.Plan.Checks[0].URL == "" {
		t.Errorf("%v: the drill begins with %s", err, text)
	}
	if got.Identity.StartedBy != "bob" || got.Identity.CommandLine != from {
		t.Errorf("started by %+v", got.Identity)
	}
}
