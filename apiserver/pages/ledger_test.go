package pages

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	drillreport "github.com/lifeboat-dr/lifeboat/internal/evidence/report"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// signingKey is the one key that signs the ledgers of the tests.
var signingKey = sync.OnceValues(func() (secret.String, error) {
	text, _, err := seal.GenerateSigner(evidence.DefaultOrigin)
	return text, err
})

// keepEvidence gives a server a ledger on its store, and two plans of drills.
func (r *rig) keepEvidence(t *testing.T, d *apiserver.Deps) {
	t.Helper()
	text, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(text)
	if err != nil {
		t.Fatal(err)
	}
	d.Config.Drills = map[string]drill.Plan{
		"quarterly": {
			Kind: drill.Quarterly, Surfaces: []string{"main"}, Owner: "ops@example.com",
			Targets: drill.Targets{RTO: drill.Duration(30 * time.Minute), RPO: drill.Duration(10 * time.Minute)},
			Checks:  []drill.Check{{Name: "page", Kind: drill.CheckHTTP, URL: "http://127.0.0.1:1"}},
		},
		"talk": {Kind: drill.Tabletop, Steps: []string{"who calls whom"}},
	}
	d.Ledger = evidence.Open(r.store, evidence.Options{Origin: evidence.DefaultOrigin, Signer: signer})
	d.Drills = drills.Open(d.Ledger)
	plans, ledger, archive := d.Config.Drills, d.Ledger, d.Drills
	summaries := func(ctx context.Context, plan string) ([]drill.Summary, error) {
		found, err := archive.List(ctx, drills.Query{Plan: plan})
		out := make([]drill.Summary, len(found))
		for i, d := range found {
			out[i] = d.Summary
		}
		return out, err
	}
	d.Commitments = func(ctx context.Context, now time.Time) ([]drill.Commitment, error) {
		states := map[string]drill.PlanState{}
		for name, plan := range plans {
			last, err := summaries(ctx, name)
			if err != nil {
				return nil, err
			}
			states[name] = drill.PlanState{Plan: plan, Last: last, NextDue: now.Add(20 * 24 * time.Hour), Overdue: len(last) == 0}
		}
		return drill.Commit(states, now), nil
	}
	d.Coverage = func(ctx context.Context, now time.Time) (drill.Coverage, error) {
		runs := map[string]drill.PlanRuns{}
		for name, plan := range plans {
			last, err := summaries(ctx, name)
			if err != nil {
				return drill.Coverage{}, err
			}
			runs[name] = drill.PlanRuns{Plan: plan, Drills: last}
		}
		return drill.Cover(runs, []string{"main"}, now), nil
	}
	d.Report = func(ctx context.Context, id string, _ time.Time) (drillreport.Drill, error) {
		found, err := archive.Find(ctx, id)
		if err != nil {
			return drillreport.Drill{}, err
		}
		rec, entry, err := archive.Record(ctx, found)
		if err != nil {
			return drillreport.Drill{}, err
		}
		proof, err := ledger.Prove(ctx, entry.Seq)
		return drillreport.Drill{Record: rec, Decision: found.SignOff, Proof: &proof, Trusted: ledger.Trusted()}, err
	}
	r.drills = archive
}

// judge puts a drill of the plan quarterly into the ledger, which boss started:
// one that is sound, or one with a check that failed and a step that is in no runbook.
func (r *rig) judge(id string, pass bool) drill.Record {
	r.t.Helper()
	at := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Minute)
	plan := r.config.Drills["quarterly"]
	rec := drill.Record{
		SchemaVersion: drill.SchemaVersion, ID: id, Revision: 1, PlanName: "quarterly", Plan: plan, Kind: plan.Kind,
		Identity: drill.Identity{WorkflowID: "drill/" + id, Trigger: "request", StartedBy: "boss", Host: "worker-1"},
		Isolation: drill.Isolation{
			Where: "here", TornDown: at.Add(time.Minute), Attempts: []drill.Attempt{{What: "a login", Expected: "refused", Observed: "refused", Result: drill.Pass}},
		},
		Timeline: drill.Timeline{
			Failed: at, Declared: at, DatabaseReady: at, Healthy: at, Reconciled: at.Add(40 * time.Second), Judged: at.Add(42 * time.Second),
			Phases: []drill.Phase{{Name: drill.PhaseRestore, Start: at.Add(time.Second), Seconds: 30}, {Name: drill.PhaseReconcile, Start: at.Add(31 * time.Second), Seconds: 9}},
		},
		Surfaces: []drill.Restored{{
			Surface: "main", Kind: "postgres", Selection: drill.SelectLatest, Point: "P-main", PointKind: "snapshot", Store: "primary",
			Reached: at.Add(-time.Minute), Compared: 3, Result: drill.Pass, Steps: []drill.Phase{{Name: "load", Seconds: 20}},
		}},
		Checks:     []drill.CheckResult{{Name: "page", Kind: drill.CheckHTTP, Expected: "200", Observed: "200", Result: drill.Pass, Attempts: 1}},
		Reconciled: []drill.Reconciliation{{Name: "rows", Kind: drill.ReconcileFingerprint, Result: drill.Pass, Items: []drill.Item{{Name: hostile, Expected: "3", Observed: "3", Result: drill.Pass}}}},
	}
	if !pass {
		rec.Checks[0].Observed, rec.Checks[0].Result = hostile, drill.Fail
		rec.ManualSteps = []drill.ManualStep{{At: at.Add(5 * time.Second), By: "operator", Text: "moved the DNS name"}}
	}
	rec = drill.Judge(rec, nil, rec.Timeline.Judged)
	if (rec.Verdict == drill.VerdictPass) != pass {
		r.t.Fatalf("the verdict is %s: %s", rec.Verdict, rec.Summary)
	}
	ref := drills.Ref{Plan: "quarterly", ID: id, Actor: "boss", Since: at}
	if err := r.drills.Declare(r.t.Context(), ref, rec.Identity); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.drills.Judge(r.t.Context(), ref, rec, nil); err != nil {
		r.t.Fatal(err)
	}
	return rec
}
