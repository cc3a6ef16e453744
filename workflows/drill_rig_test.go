package workflows_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

const (
	drillHost = "h1"
	theDrill  = "20260401T060000.000Z-aaaaaa"
	day       = 24 * time.Hour
)

// rehearsal plays the steps of a drill, and writes down their order and what
// was recorded. Its clock skips.
type rehearsal struct {
	*testsuite.TestWorkflowEnvironment
	plan drill.Plan
	// startedFrom is where the drill is started from.
	startedFrom drill.CommandLine
	// unread is what the declaration could not read.
	unread []drill.Failure

	mu    sync.Mutex
	calls []string
	// fail ends a step for good, meanwhile is done while a step is under way.
	fail      map[string]error
	meanwhile map[string]func()
	// left is what each tear-down leaves, in order; after the last nothing is left.
	left [][]string

	// prior are the findings that the ledger has of other drills.
	prior     []drill.Finding
	records   []drill.Record
	decisions []drill.SignedOff
	reminders []activities.RemindInput
	gone      []activities.TornDown
	// recovered is what the recovery to a moment looks at.
	recovered activities.RecoveryCheck
	// died is how the programs ended while the drill went on, empty for not at all.
	died string
	// updates are the errors of updates by their names in the test, nil for a success.
	updates map[string]error
	// looking, recording and deciding are steps that a test may make slow.
	looking, recording, deciding *testsuite.MockCallWrapper
}

// quarterlyPlan restores two surfaces, and does everything that a plan can ask for.
func quarterlyPlan() drill.Plan {
	return drill.Plan{
		Kind: drill.Quarterly, Surfaces: []string{"main", "redis"}, Owner: "ops", Operator: "oli",
		Sanitize:  []drill.Sanitize{{Name: "mail", Surface: "main", SQL: "UPDATE users SET mail = NULL"}},
		Start:     []drill.Program{{Name: "api", Command: []string{"api"}}},
		Checks:    []drill.Check{{Name: "users", Kind: drill.CheckSQL, Surface: "main"}, {Name: "ping", Kind: drill.CheckRedis, Surface: "redis"}},
		Reconcile: []drill.Reconcile{{Name: "orders", Kind: drill.ReconcileQuery, Surface: "main"}},
		Runbook:   &drill.Runbook{Repository: "/srv/runbooks", File: "recover.md"},
		SignOff:   drill.SignOff{Within: drill.Duration(14 * day), Remind: drill.Duration(day)},
	}
}

func newRehearsal(t *testing.T, plan drill.Plan) *rehearsal {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	r := &rehearsal{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), plan: plan,
		fail: map[string]error{}, meanwhile: map[string]func(){}, updates: map[string]error{},
		recovered: activities.RecoveryCheck{Name: "amcheck", Result: "no error"},
	}
	r.SetTestTimeout(2 * time.Minute)
	r.RegisterWorkflowWithOptions(workflows.Drill, workflow.RegisterOptions{Name: workflows.DrillName})
	r.RegisterActivity(&activities.Activities{})
	r.playRestores()
	r.playBeginning()
	r.playMiddle()
	r.playEnd()
	return r
}

// playRestores plays the children. One that is cancelled takes a while to clean up.
func (r *rehearsal) playRestores() {
	take := func(ctx workflow.Context) error {
		err := r.note("restore")
		if err == nil {
			err = workflow.Sleep(ctx, time.Minute)
		}
		if temporal.IsCanceledError(err) {
			calm, stop := workflow.NewDisconnectedContext(ctx)
			defer stop()
			_ = workflow.Sleep(calm, time.Minute)
			_ = r.note("clean up")
		}
		return err
	}
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.RestoreInput) (workflows.RestoreResult, error) {
		return workflows.RestoreResult{Address: "127.0.0.1:2", Compared: 7, Counts: map[string]int64{"keys": 3}}, take(ctx)
	}, workflow.RegisterOptions{Name: workflows.RestoreName})
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.RecoverInput) (workflows.RecoverResult, error) {
		return workflows.RecoverResult{
			Address: "127.0.0.1:1", Point: "base", Checks: []activities.RecoveryCheck{{Name: "backup manifest", Result: "whole"}, r.recovered},
		}, take(ctx)
	}, workflow.RegisterOptions{Name: workflows.RecoverName})
}

func (r *rehearsal) playBeginning() {
	r.OnActivity(acts.DeclareDrill, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.DeclareInput) (activities.Declared, error) {
		return activities.Declared{Plan: r.plan, Identity: drill.Identity{
			Trigger: in.Trigger, StartedBy: in.StartedBy, CommandLine: in.CommandLine, Overridden: in.Overridden, PlanDigest: "digest", Host: drillHost, RunbookCommit: "c0ffee",
		}, Unread: r.unread}, r.note("declare")
	})
	r.OnActivity(acts.Isolate, mock.Anything, mock.Anything).Return(func(context.Context, activities.DrillRef) (drill.Isolation, error) {
		return drill.Isolation{Where: "here", Attempts: []drill.Attempt{}}, r.note("isolate")
	})
	r.OnActivity(acts.SelectPoint, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.SelectInput) (activities.SelectedPoint, error) {
		if in.Surface == "main" {
			return activities.SelectedPoint{At: "latest", Store: "primary", Restored: drill.Restored{
				Surface: "main", Kind: "postgres", PointKind: "base", Point: "base", URI: "/points/main/base", Store: "primary", Reached: in.Declared,
			}}, r.note("select main")
		}
		return activities.SelectedPoint{
			Point: &activities.Located{Store: "primary", Dir: "points/redis/x", ID: "x"},
			Restored: drill.Restored{
				Surface: in.Surface, Kind: "redis", PointKind: "snapshot", Point: "x", URI: "/points/redis/x", Store: "primary", Reached: in.Declared,
			},
		}, r.note("select " + in.Surface)
	})
}

func (r *rehearsal) playMiddle() {
	r.OnActivity(acts.Sanitise, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.NamedStep) (drill.Sanitised, error) {
		return drill.Sanitised{Name: in.Name, Surface: "main", Rows: 3}, r.note("sanitise")
	})
	r.OnActivity(acts.TryIsolation, mock.Anything, mock.Anything).Return(func(context.Context, activities.DrillStep) (activities.Tried, error) {
		return activities.Tried{
			Attempts: []drill.Attempt{{What: "a login", Expected: "refused", Observed: "refused", Result: drill.Pass}},
			Servers:  map[string]string{drill.PartServer + "main": "postgres 15.18"},
		}, r.note("try")
	})
	r.OnActivity(acts.StartProgram, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.NamedStep) (drill.Started, error) {
		return drill.Started{Name: in.Name, Result: drill.Pass}, r.note("start")
	})
	r.OnActivity(acts.LookAtPrograms, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.ProgramsInput) ([]drill.Started, error) {
		for i := range in.Programs {
			if r.died != "" {
				in.Programs[i].Result, in.Programs[i].Detail = drill.Fail, r.died
			}
			in.Programs[i].LogDigest = "late"
		}
		return in.Programs, r.note("look again")
	})
	r.OnActivity(acts.HealthCheck, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.NamedStep) (drill.CheckResult, error) {
		return drill.CheckResult{Result: drill.Pass, Expected: "1", Observed: "1", Attempts: 1}, r.note("check " + in.Name)
	})
	r.OnActivity(acts.ReconcileState, mock.Anything, mock.Anything).Return(func(context.Context, activities.NamedStep) (drill.Reconciliation, error) {
		return drill.Reconciliation{Subject: "main", Result: drill.Pass}, r.note("reconcile")
	})
	r.OnActivity(acts.ProveUntouched, mock.Anything, mock.Anything).Return(func(context.Context, activities.DrillRef) (drill.Untouched, error) {
		return drill.Untouched{Fenced: []string{"store:primary"}, Used: []string{"store:offsite"}}, r.note("prove untouched")
	})
	r.OnActivity(acts.LowerFence, mock.Anything, mock.Anything).Return(func(context.Context, activities.DrillRef) error { return r.note("lower") })
	r.OnActivity(acts.TearDown, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.DrillStep) ([]string, error) {
		err := r.note("tear down")
		if len(in.Servers) != len(r.plan.Surfaces) {
			err = fmt.Errorf("the servers to remove are %+v", in.Servers)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		var left []string
		if len(r.left) > 0 {
			left, r.left = r.left[0], r.left[1:]
		}
		return left, err
	})
}

func (r *rehearsal) playEnd() {
	r.OnActivity(acts.PriorFindings, mock.Anything, mock.Anything).Return(func(context.Context, activities.DrillRef) ([]drill.Finding, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return append([]drill.Finding{}, r.prior...), nil
	})
	r.recording = r.OnActivity(acts.RecordDrill, mock.Anything, mock.Anything).Return(func(_ context.Context, rec drill.Record) (drills.Filed, error) {
		if err := r.note("record"); err != nil {
			return drills.Filed{}, err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.records = append(r.records, rec)
		return drills.Filed{Sequence: int64(len(r.records)), Digest: fmt.Sprintf("sha-%d", rec.Revision)}, nil
	})
	r.OnActivity(acts.ProvePoint, mock.Anything, mock.Anything).Return(func(context.Context, activities.ProveInput) error { return r.note("prove") })
	r.looking = r.OnActivity(acts.LookUpStep, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.LookUpInput) (drill.ManualStep, error) {
		in.Step.Documented, in.Step.Commit = in.Step.Text == "switch DNS", in.Commit
		return in.Step, r.note("look up")
	})
	r.deciding = r.OnActivity(acts.RecordDecision, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.DecisionInput) (drills.Filed, error) {
		if err := r.note("decide"); err != nil {
			return drills.Filed{}, err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.decisions = append(r.decisions, in.Decision)
		return drills.Filed{}, nil
	})
	r.OnActivity(acts.Remind, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.RemindInput) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reminders = append(r.reminders, in)
		return r.fail["remind"]
	})
	r.OnActivity(acts.RecordTearDown, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.TornDown) error {
		r.mu.Lock()
		r.gone = append(r.gone, in)
		r.mu.Unlock()
		return r.note("note gone")
	})
}

// note writes a call down, and does what the test wants to happen meanwhile.
func (r *rehearsal) note(call string) error {
	r.mu.Lock()
	r.calls = append(r.calls, call)
	err, meanwhile := r.fail[call], r.meanwhile[call]
	delete(r.meanwhile, call)
	r.mu.Unlock()
	if meanwhile != nil {
		meanwhile()
	}
	return err
}

func (r *rehearsal) count(call string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, c := range r.calls {
		if c == call {
			n++
		}
	}
	return n
}

// run runs the drill to its end.
func (r *rehearsal) run(t *testing.T, startedBy string) workflows.DrillResult {
	t.Helper()
	r.ExecuteWorkflow(workflows.DrillName, workflows.DrillInput{
		Plan: "quarterly", DrillID: theDrill, Trigger: workflows.TriggerRequest, StartedBy: startedBy, CommandLine: r.startedFrom,
	})
	if !r.IsWorkflowCompleted() {
		t.Fatal("the drill has not ended")
	}
	// A run that was cancelled has no result, but answers.
	value, err := r.QueryWorkflow(workflows.DrillQuery)
	if err != nil {
		t.Fatal(err)
	}
	var out workflows.DrillResult
	if err := value.Get(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// failure of a step that no retry mends.
func forGood(kind fault.Kind) error {
	return temporal.NewNonRetryableApplicationError("it is "+string(kind), string(kind), nil)
}
