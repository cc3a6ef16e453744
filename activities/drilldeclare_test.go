package activities_test

import (
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	stores "github.com/lifeboat-dr/lifeboat/internal/store/all"
)

// ledger gives steps a ledger of their own.
func ledger(t *testing.T, a *activities.Activities) {
	t.Helper()
	text, _, err := seal.GenerateSigner(evidence.DefaultOrigin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(text)
	if err != nil {
		t.Fatal(err)
	}
	st, err := stores.Open(t.Context(), store.Config{Kind: "local", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	a.Ledger = evidence.Open(st, evidence.Options{Origin: evidence.DefaultOrigin, Signer: signer})
	a.Drills = drills.Open(a.Ledger)
}

// A drill whose runbook can't be read is in the ledger, and goes on to fail.
func TestADrillIsDeclaredBeforeItReads(t *testing.T) {
	t.Parallel()
	a := fenced(t, drill.Plan{
		Kind: drill.Quarterly, Surfaces: []string{"main"}, Runbook: &drill.Runbook{Repository: filepath.Join(t.TempDir(), "away"), File: "recovery.md"},
	})
	ledger(t, a)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&activities.FaultInterceptor{}}})
	env.RegisterActivity(a)
	value, err := env.ExecuteActivity(a.DeclareDrill, activities.DeclareInput{
		DrillID: theDrill, Plan: "annual", Declared: time.Now(), Trigger: "request", StartedBy: "bob", WorkflowID: "drill/annual/x", RunID: "r", Attempts: 6,
	})
	if err != nil {
		t.Fatal(err)
	}
	var got activities.Declared
	if err := value.Get(&got); err != nil {
		t.Fatal(err)
	}
	if len(got.Unread) != 1 || got.Unread[0].Phase != drill.PhaseDeclare || got.Unread[0].Kind != string(fault.Missing) || got.Identity.RunbookCommit != "" {
		t.Errorf("unread is %+v", got.Unread)
	}
	found, err := a.Drills.Find(t.Context(), theDrill)
	if err != nil || found.ID != theDrill || found.Verdict != "" {
		t.Errorf("the ledger has %+v: %v", found, err)
	}
}
