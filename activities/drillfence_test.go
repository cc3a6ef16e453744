package activities_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/fence"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	stores "github.com/lifeboat-dr/lifeboat/internal/store/all"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	surfaces "github.com/lifeboat-dr/lifeboat/internal/surface/all"
)

// theDrill is the ID of the drill whose fence is up.
const theDrill = "20260401T060000.000Z-aaaaaa"

// fenced are steps of a host that has the store "live" and the surface "main",
// both barred for theDrill, whose plan is "annual".
func fenced(t *testing.T, plan drill.Plan) *activities.Activities {
	t.Helper()
	keys, err := seal.NewKeyring(seal.Config{Unencrypted: true})
	if err != nil {
		t.Fatal(err)
	}
	live := surface.Config{Kind: "postgres", URL: "postgres://u:p@db.example:5432/db"}
	main, err := surfaces.Open("main", live)
	if err != nil {
		t.Fatal(err)
	}
	st, err := stores.Open(t.Context(), store.Config{Kind: "local", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	dataDir := t.TempDir()
	f := fence.New(dataDir)
	if err := f.Raise(t.Context(), theDrill, fence.Bars{Stores: []string{"live"}, Surfaces: []string{"main"}}); err != nil {
		t.Fatal(err)
	}
	return &activities.Activities{
		Config: &config.Config{
			DataDir: dataDir, PointsPrefix: "points", Drills: map[string]drill.Plan{"annual": plan},
			Surfaces: map[string]config.Surface{"main": {Config: live}},
			Targets:  map[string]config.Target{"spare": {URL: "postgres://u:p@127.0.0.1:1/db"}},
		},
		Stores: map[string]store.Store{"live": fence.WrapStore("live", st, f)}, Surfaces: map[string]surface.Surface{"main": main},
		Keys: keys, Environment: local.New(dataDir), Fence: f, Host: "h1",
	}
}

// stepIn runs one step in a workflow of an ID, as a worker would.
func stepIn(t *testing.T, a *activities.Activities, workflowID string, step, in any) error {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&activities.FaultInterceptor{}}})
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflowID, TaskQueue: "q"})
	env.RegisterActivity(a)
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
		})
		return workflow.ExecuteActivity(ctx, step, in).Get(ctx, nil)
	})
	return env.GetWorkflowError()
}

// kindOf is the kind of the fault that ended a step.
func kindOf(err error) fault.Kind {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return fault.Kind(app.Type())
	}
	return ""
}

func refused(t *testing.T, a *activities.Activities) []string {
	t.Helper()
	_, refused, err := a.Fence.Read(theDrill)
	if err != nil {
		t.Fatal(err)
	}
	return refused
}

// The restores of a drill are workflows of their own, and are fenced all the same.
func TestTheRestoresOfADrillAskItsFence(t *testing.T) {
	t.Parallel()
	var named *activities.Activities
	point := activities.RestoreStep{
		Point:  activities.Located{Store: "live", Dir: "points/main/x", ID: "x"},
		Target: activities.TargetRef{Kind: activities.TargetNamed, Name: "spare", Surface: "main"},
	}
	for name, c := range map[string]struct{ step, in any }{
		"begin":   {named.Begin, point},
		"load":    {named.Load, activities.LoadInput{RestoreStep: point}},
		"finish":  {named.Finish, point},
		"compare": {named.Compare, point},
		"plan":    {named.PlanRecovery, activities.PlanInput{Surface: "main", Store: "live", At: "latest"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := fenced(t, drill.Plan{})
			if err := stepIn(t, a, "restore/by-drill/another/main", c.step, c.in); kindOf(err) == fault.Denied || len(refused(t, a)) > 0 {
				t.Errorf("a restore for another drill: %v, refused is %v", err, refused(t, a))
			}
			if err := stepIn(t, a, "restore/by-drill/"+theDrill+"/main", c.step, c.in); kindOf(err) != fault.Denied {
				t.Errorf("a restore by the drill: %v", err)
			}
			if got := refused(t, a); !slices.Equal(got, []string{"store:live"}) {
				t.Errorf("refused is %v", got)
			}
		})
	}
}

// A worker may be lost between the proof and its answer: it is asked for again,
// also when the plan was changed meanwhile.
func TestTheProofCanBeReadAgain(t *testing.T) {
	t.Parallel()
	a := fenced(t, drill.Plan{})
	ref := activities.DrillRef{DrillID: theDrill, Plan: "annual", PlanDigest: "of another plan"}
	for range 2 {
		got, err := proof(t, a, ref)
		if err != nil || !slices.Equal(got.Fenced, []string{"store:live", "surface:main"}) || got.Method == "" {
			t.Errorf("%+v: %v", got, err)
		}
	}
	if err := stepIn(t, a, "drill/annual/x", a.LowerFence, ref); err != nil {
		t.Fatal(err)
	}
	if _, err := proof(t, a, ref); kindOf(err) != fault.Missing {
		t.Errorf("a proof without a fence: %v", err)
	}
}

func proof(t *testing.T, a *activities.Activities, ref activities.DrillRef) (out drill.Untouched, err error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&activities.FaultInterceptor{}}})
	env.RegisterActivity(a)
	value, err := env.ExecuteActivity(a.ProveUntouched, ref)
	if err == nil {
		err = value.Get(&out)
	}
	return out, err
}

// What the plan itself writes down as an address is asked about, too.
func TestAPlanThatNamesWhatIsLive(t *testing.T) {
	t.Parallel()
	plan := drill.Plan{
		Kind: drill.AnnualFull, Surfaces: []string{"main"},
		Start: []drill.Program{
			{Name: "api", Command: []string{"/bin/true"}, Env: map[string]secret.String{"DSN": "postgres://u:p@db.example/db"}, Once: true, Timeout: drill.Duration(time.Minute)},
		},
		Checks:    []drill.Check{{Name: "port", Kind: drill.CheckTCP, Address: "db.example:5432", Timeout: drill.Duration(time.Second)}},
		Reconcile: []drill.Reconcile{{Name: "node", Kind: drill.ReconcileChain, Surface: "main", Chain: &drill.Chain{URL: "http://db.example:5432"}}},
	}
	var named *activities.Activities
	for name, step := range map[string]any{"api": named.StartProgram, "port": named.HealthCheck, "node": named.ReconcileState} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := fenced(t, plan)
			ref := activities.DrillRef{DrillID: theDrill, Plan: "annual", PlanDigest: a.Config.PlanDigest("annual")}
			err := stepIn(t, a, "drill/annual/x", step, activities.NamedStep{DrillStep: activities.DrillStep{DrillRef: ref}, Name: name, Attempts: 1})
			if kindOf(err) != fault.Denied {
				t.Errorf("it ended with %v", err)
			}
			if got := refused(t, a); !slices.Equal(got, []string{"surface:main"}) {
				t.Errorf("refused is %v", got)
			}
		})
	}
}
