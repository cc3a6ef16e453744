package launch_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// ledgerKey is the key of the tests' ledgers; it is no secret.
const ledgerKey secret.String = "PRIVATE+KEY+lifeboat-evidence+e49e8279+AdatGdCBeInwctk6UsbF3sofffe+vIAQREGVRoZ3r7xn"

const drillID = "20260102T030000Z-abcdef"

func ledger(t *testing.T) *drills.Archive {
	t.Helper()
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(ledgerKey)
	if err != nil {
		t.Fatal(err)
	}
	return drills.Open(evidence.Open(st, evidence.Options{Signer: signer}))
}

// judge files a drill whose environment is kept for an hour, and returns the record's digest.
func judge(t *testing.T, archive *drills.Archive) drills.Filed {
	t.Helper()
	now := time.Now().UTC()
	ref := drills.Ref{Plan: "quarterly", ID: drillID, Actor: "ann", Since: now.Add(-time.Hour)}
	if err := archive.Declare(t.Context(), ref, map[string]any{"kind": drill.Quarterly, "declared": now}); err != nil {
		t.Fatal(err)
	}
	filed, err := archive.Judge(t.Context(), ref, drill.Record{
		SchemaVersion: drill.SchemaVersion, ID: drillID, PlanName: "quarterly", Kind: drill.Quarterly, Revision: 1, Verdict: drill.VerdictPass,
		Identity: drill.Identity{StartedBy: "ann", Host: "h1"}, Plan: drill.Plan{Keep: drill.Duration(time.Hour)},
		Timeline: drill.Timeline{Declared: now, Judged: now},
	}, map[string][]byte{"html": []byte("<p>")})
	if err != nil {
		t.Fatal(err)
	}
	return filed
}

func TestADrillThatIsUnderWayIsAsked(t *testing.T) {
	t.Parallel()
	running := workflows.DrillResult{ID: drillID, State: drill.StateRunning}
	got, rec, err := launch.ShowDrill(t.Context(), ledger(t), drillID, func(context.Context, string) (workflows.DrillResult, error) { return running, nil })
	if err != nil || rec != nil || got.State != running.State {
		t.Errorf("%+v, %+v, %v", got, rec, err)
	}
	_, _, err = launch.ShowDrill(t.Context(), ledger(t), drillID, func(context.Context, string) (workflows.DrillResult, error) {
		return workflows.DrillResult{}, fault.New(fault.Missing, "nobody knows it")
	})
	if !fault.Is(err, fault.Missing) {
		t.Errorf("a drill that nobody knows: %v", err)
	}
}

func TestADrillThatWasJudgedIsShownFromTheLedger(t *testing.T) {
	t.Parallel()
	archive := ledger(t)
	filed := judge(t, archive)
	servers := map[string]workflows.DrillServer{"main": {RestoreID: "r1"}}
	for _, c := range []struct {
		name string
		err  error
		kept bool
	}{{"kept", nil, true}, {"not to be asked", errors.New("no worker runs"), false}} {
		got, rec, err := launch.ShowDrill(t.Context(), archive, drillID, func(context.Context, string) (workflows.DrillResult, error) {
			return workflows.DrillResult{Servers: servers}, c.err
		})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if rec == nil || rec.ID != drillID || got.Verdict != drill.VerdictPass || got.Host != "h1" || got.Record != filed.Digest {
			t.Errorf("%s: %+v, want the record %s", c.name, got, filed.Digest)
		}
		if kept := got.KeptUntil != nil && got.Servers["main"].RestoreID == "r1"; kept != c.kept {
			t.Errorf("%s: servers %+v until %v", c.name, got.Servers, got.KeptUntil)
		}
	}
}

func TestADrillMayBeJudgedWhileItIsAsked(t *testing.T) {
	t.Parallel()
	archive := ledger(t)
	got, rec, err := launch.ShowDrill(t.Context(), archive, drillID, func(context.Context, string) (workflows.DrillResult, error) {
		if found, err := archive.Find(t.Context(), drillID); err == nil {
			return workflows.DrillResult{Sequence: found.Sequence}, nil
		}
		filed := judge(t, archive)
		return workflows.DrillResult{Sequence: &filed.Sequence}, nil
	})
	if err != nil || rec == nil || got.Verdict != drill.VerdictPass {
		t.Errorf("%+v, %+v, %v", got, rec, err)
	}
}
