package worker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// yearConfig drills every night, every quarter and once a year.
const yearConfig = `
dataDir: DIR/data
encryption: {identity: IDENTITY}
evidence: {store: ledger}
stores:
  primary: {kind: local, dir: DIR/primary}
  offsite: {kind: local, dir: DIR/offsite}
  ledger:  {kind: local, dir: DIR/ledger}
surfaces:
  main:  {kind: postgres, url: "postgres://app@db.example.com/app"}
  redis: {kind: redis, url: "redis://cache.example.com"}
  spare: {kind: redis, url: "redis://spare.example.com"}
policies:
  main-daily:  {surface: main, cron: "0 1 * * *", store: primary, copies: [offsite]}
  redis-daily: {surface: redis, cron: "0 1 * * *", store: primary, copies: [offsite]}
drills:
  nightly:   {kind: restore_test, cron: "0 2 * * *", surfaces: [redis], owner: ops}
  quarterly:
    cron: "0 6 1 1,4,7,10 *"
    surfaces: [main, redis]
    owner: ops
    targets: {rto: 30m, rpo: 5m}
    checks: [{name: users, kind: sql, surface: main, query: SELECT 1, expect: "1"}]
  yearly:
    kind: annual_full
    cron: "0 6 15 11 *"
    surfaces: [main, redis]
    store: offsite
    scenario: the data centre is lost
    targets: {rto: 2h}
    keep: 1d
`

// night is when the simulated year begins. It is a leap year.
var night = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// on is a moment of the year.
func on(month time.Month, day, hour int) time.Time {
	return time.Date(2024, month, day, hour, 0, 0, 0, time.UTC)
}

// almanac is a year in which all time is simulated: one workflow starts each
// drill when it is due, the real workflow conducts it, and what is recorded goes
// into a real ledger. Only the restores and what is done to their servers are played.
type almanac struct {
	*testsuite.TestWorkflowEnvironment
	parts *Parts
	// breaks says whether the restore of a plan fails at a moment, red whether its check does.
	breaks func(plan string, at time.Time) bool
	red    func(plan string, at time.Time) bool
	// takes is how long a restore takes.
	takes func(plan string, at time.Time) time.Duration

	mu sync.Mutex
	// seen is what may be promised at the moments that were looked at.
	seen map[time.Time]map[string]drill.Commitment
	bad  []error
}

// turn is a drill that is started, or with an empty plan a look at the commitments.
type turn struct {
	Plan string
	At   time.Time
	By   string
}

func (r turn) id() string { return "drill/" + r.Plan + "-" + r.At.Format(time.RFC3339) }

func newAlmanac(t *testing.T) *almanac {
	t.Helper()
	dir := t.TempDir()
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "lifeboat.yaml")
	text := strings.NewReplacer("DIR", dir, "IDENTITY", identity.Reveal()).Replace(yearConfig)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := Open(t.Context(), cfg, "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	a := &almanac{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), parts: parts, seen: map[time.Time]map[string]drill.Commitment{}}
	a.SetStartTime(night)
	a.SetTestTimeout(5 * time.Minute)
	private, _, err := seal.GenerateSigner("lifeboat-evidence")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	parts.Ledger = evidence.Open(parts.Stores["ledger"], evidence.Options{Signer: signer, Now: a.Now})
	parts.Drills = drills.Open(parts.Ledger)
	a.play()
	return a
}

// quiet says nothing of what goes wrong on purpose.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// play registers the workflows and the steps, and plays those that restore.
func (a *almanac) play() {
	var acts *activities.Activities
	a.RegisterActivity(&activities.Activities{
		Config: a.parts.Config, Ledger: a.parts.Ledger, Drills: a.parts.Drills, Host: "host-1", Version: a.parts.Version,
	})
	a.RegisterActivityWithOptions(a.look, activity.RegisterOptions{Name: "look"})
	a.RegisterWorkflowWithOptions(workflows.Drill, workflow.RegisterOptions{Name: workflows.DrillName})
	a.RegisterWorkflowWithOptions(year, workflow.RegisterOptions{Name: "year"})
	a.RegisterWorkflowWithOptions(func(ctx workflow.Context, in workflows.RestoreInput) (workflows.RestoreResult, error) {
		plan, now := planOf(in.RestoreID), workflow.Now(ctx)
		if err := workflow.Sleep(ctx, a.takes(plan, now)); err != nil {
			return workflows.RestoreResult{}, err
		}
		if a.breaks(plan, now) {
			return workflows.RestoreResult{}, temporal.NewNonRetryableApplicationError("part 1 is damaged", string(fault.Corrupt), nil)
		}
		return workflows.RestoreResult{Address: "127.0.0.1:1", Compared: 3, Counts: map[string]int64{"keys": 2}}, nil
	}, workflow.RegisterOptions{Name: workflows.RestoreName})
	a.OnActivity(acts.Isolate, mock.Anything, mock.Anything).Return(drill.Isolation{Where: "host-1", Attempts: []drill.Attempt{}}, nil)
	a.OnActivity(acts.SelectPoint, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.SelectInput) (activities.SelectedPoint, error) {
		from := "primary"
		if in.Plan == "yearly" {
			from = "offsite"
		}
		return activities.SelectedPoint{
			Point: &activities.Located{Store: from, Dir: "points/" + in.Surface + "/x", ID: "x"},
			Restored: drill.Restored{
				Surface: in.Surface, PointKind: "snapshot", Point: "x", URI: "/points/" + in.Surface + "/x", Store: from,
				Selection: drill.SelectLatest, Reached: in.Declared.Add(-time.Minute),
			},
		}, nil
	})
	a.OnActivity(acts.TryIsolation, mock.Anything, mock.Anything).Return(activities.Tried{Attempts: []drill.Attempt{{What: "a login", Result: drill.Pass}}}, nil)
	a.OnActivity(acts.HealthCheck, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.NamedStep) (drill.CheckResult, error) {
		got := drill.CheckResult{Result: drill.Pass, Expected: "1", Observed: "1", Attempts: 1}
		if a.red(in.Plan, a.Now()) {
			got.Result, got.Observed = drill.Fail, "0"
		}
		return got, nil
	})
	a.OnActivity(acts.TearDown, mock.Anything, mock.Anything).Return([]string(nil), nil)
	a.OnActivity(acts.ProvePoint, mock.Anything, mock.Anything).Return(nil)
	a.OnActivity(acts.ProveUntouched, mock.Anything, mock.Anything).Return(drill.Untouched{
		Fenced: []string{"store:primary", "surface:main", "surface:redis"}, Used: []string{"store:offsite"},
	}, nil)
}

// planOf tells the plan of a restored server: nightly drills begin at two.
func planOf(restoreID string) string {
	if strings.Contains(restoreID, "T02") {
		return "nightly"
	}
	return "others"
}

// look notes what may be promised now.
func (a *almanac) look(ctx context.Context, at time.Time) error {
	found, err := a.parts.Commitments(ctx, a.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[at] = map[string]drill.Commitment{}
	for _, c := range found {
		a.seen[at][c.Plan] = c
	}
	return err
}

// year starts every drill at its time, and waits until all have ended.
func year(ctx workflow.Context, turns []turn) error {
	var all []workflow.Future
	for _, r := range turns {
		if err := workflow.Sleep(ctx, r.At.Sub(workflow.Now(ctx))); err != nil {
			return err
		}
		if r.Plan == "" {
			options := workflow.ActivityOptions{StartToCloseTimeout: time.Minute}
			if err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), "look", r.At).Get(ctx, nil); err != nil {
				return err
			}
			continue
		}
		in := workflows.DrillInput{Plan: r.Plan, Trigger: workflows.TriggerSchedule, StartedBy: r.By}
		if r.By != "" {
			in.Trigger = workflows.TriggerRequest
		}
		child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: r.id()})
		all = append(all, workflow.ExecuteChildWorkflow(child, workflows.DrillName, in))
	}
	for i, f := range all {
		if err := f.Get(ctx, nil); err != nil {
			return fmt.Errorf("drill %d: %w", i, err)
		}
	}
	return nil
}

// decide has a person decide on a drill some time after it began.
func (a *almanac) decide(r turn, after time.Duration, in workflows.SignOffInput) {
	a.RegisterDelayedCallback(func() {
		note := func(err error) {
			if err != nil {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.bad = append(a.bad, fmt.Errorf("%s of %s: %w", in.Signer, r.id(), err))
			}
		}
		note(a.UpdateWorkflowByID(r.id(), workflows.SignOffUpdate, r.id(), &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: note, OnComplete: func(_ any, err error) { note(err) },
		}, in))
	}, r.At.Add(after).Sub(night))
}

// turnsOf are those of a plan's schedule in the year, without those that are missed.
func (a *almanac) turnsOf(t *testing.T, plan string, missed func(time.Time) bool) []turn {
	t.Helper()
	schedule, err := cron.ParseStandard(a.parts.Config.Drills[plan].Cron)
	if err != nil {
		t.Fatal(err)
	}
	var all []turn
	for at := schedule.Next(night.Add(-time.Second)); at.Year() == night.Year(); at = schedule.Next(at) {
		if !missed(at) {
			all = append(all, turn{Plan: plan, At: at})
		}
	}
	return all
}
