package apiserver

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/report"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// signingKey is the one key that signs the ledgers of the tests.
var signingKey = sync.OnceValues(func() (secret.String, error) {
	text, _, err := seal.GenerateSigner(evidence.DefaultOrigin)
	return text, err
})

func signer(t *testing.T) *seal.Signer {
	t.Helper()
	text, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	s, err := seal.NewSigner(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// parts are the fingerprints of what the drills of the tests prove.
var parts = map[string]string{"plan": "p1", "store:primary": "s1"}

// judge puts a drill into the ledger as its workflow does: declared by boss,
// and judged from a record that is sound, or has a check that failed.
func (b *bundle) judge(plan, id string, pass bool) drill.Record {
	b.t.Helper()
	at := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Minute)
	rec := drill.Record{
		SchemaVersion: drill.SchemaVersion, ID: id, Revision: 1, PlanName: plan, Plan: b.config.Drills[plan], Kind: b.config.Drills[plan].Kind,
		Identity: drill.Identity{WorkflowID: "drill/" + id, Trigger: "request", StartedBy: "boss", Host: "worker-1", Parts: parts},
		Isolation: drill.Isolation{
			Where: "here", TornDown: at.Add(time.Minute), Attempts: []drill.Attempt{{What: "a login", Expected: "refused", Observed: "refused", Result: drill.Pass}},
		},
		Timeline: drill.Timeline{Failed: at, Declared: at, DatabaseReady: at, Healthy: at, Reconciled: at.Add(time.Second), Judged: at.Add(2 * time.Second)},
	}
	for _, name := range rec.Plan.Surfaces {
		rec.Surfaces = append(rec.Surfaces, drill.Restored{
			Surface: name, Kind: b.config.Surfaces[name].Kind, Selection: drill.SelectLatest, Point: "P-" + name, PointKind: "snapshot", Store: "primary",
			Reached: at.Add(-time.Minute), Compared: 3, Result: drill.Pass,
		})
	}
	for _, c := range rec.Plan.Checks {
		result := drill.CheckResult{Name: c.Name, Kind: c.Kind, Expected: "200", Observed: "200", Result: drill.Pass, Attempts: 1}
		if !pass {
			result.Observed, result.Result = "503", drill.Fail
		}
		rec.Checks = append(rec.Checks, result)
	}
	rec = drill.Judge(rec, nil, rec.Timeline.Judged)
	if (rec.Verdict == drill.VerdictPass) != pass {
		b.t.Fatalf("the verdict is %s: %s", rec.Verdict, rec.Summary)
	}
	ref := drills.Ref{Plan: plan, ID: id, Actor: "boss", Since: at}
	if err := b.drills.Declare(b.t.Context(), ref, rec.Identity); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.drills.Judge(b.t.Context(), ref, rec, nil); err != nil {
		b.t.Fatal(err)
	}
	return rec
}

// decide puts a decision on a drill into the ledger.
func (b *bundle) decide(rec drill.Record, decision, who string) {
	b.t.Helper()
	at := rec.Timeline.Judged.Add(time.Second)
	_, err := b.drills.Decide(b.t.Context(), drills.Ref{Plan: rec.PlanName, ID: rec.ID, Actor: who, Since: at}, drill.SignedOff{
		DrillID: rec.ID, Revision: rec.Revision, Decision: decision, Signer: who, Role: "approver", Statement: "looked at all of it", At: at,
	}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
}

// summaries are the drills of a plan as its commitments see them.
func (b *bundle) summaries(ctx context.Context, plan string) ([]drill.Summary, error) {
	if b.config.Drills == nil {
		return nil, nil
	}
	found, err := b.drills.List(ctx, drills.Query{Plan: plan})
	out := make([]drill.Summary, len(found))
	for i, d := range found {
		out[i] = d.Summary
	}
	return out, err
}

func (b *bundle) commitments(ctx context.Context, now time.Time) ([]drill.Commitment, error) {
	states := map[string]drill.PlanState{}
	for name, plan := range b.config.Drills {
		last, err := b.summaries(ctx, name)
		if err != nil {
			return nil, err
		}
		states[name] = drill.PlanState{Plan: plan, Parts: parts, Last: last}
	}
	return drill.Commit(states, now), nil
}

func (b *bundle) coverage(ctx context.Context, now time.Time) (drill.Coverage, error) {
	runs := map[string]drill.PlanRuns{}
	for name, plan := range b.config.Drills {
		last, err := b.summaries(ctx, name)
		if err != nil {
			return drill.Coverage{}, err
		}
		runs[name] = drill.PlanRuns{Plan: plan, Drills: last}
	}
	return drill.Cover(runs, []string{"cache", "main"}, now), nil
}

func (b *bundle) report(ctx context.Context, id string, _ time.Time) (report.Drill, error) {
	found, err := b.drills.Find(ctx, id)
	if err != nil {
		return report.Drill{}, err
	}
	rec, entry, err := b.drills.Record(ctx, found)
	if err != nil {
		return report.Drill{}, err
	}
	proof, err := b.ledger.Prove(ctx, entry.Seq)
	return report.Drill{Record: rec, Decision: found.SignOff, Proof: &proof, Trusted: b.ledger.Trusted()}, err
}

// withoutLedger is a server that has nothing to keep evidence in.
func withoutLedger(d *Deps) {
	d.Ledger, d.Drills, d.NoLedger = nil, nil, "no store is configured"
	missing := fault.New(fault.Invalid, "there is no ledger of evidence: no store is configured")
	d.Commitments = func(context.Context, time.Time) ([]drill.Commitment, error) { return nil, missing }
	d.Coverage = func(context.Context, time.Time) (drill.Coverage, error) { return drill.Coverage{}, missing }
}
