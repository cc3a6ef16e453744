package activities

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/report"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// entry says which drill an entry of the ledger is about, and who acted.
func (r DrillRef) entry(actor string, since time.Time) drills.Ref {
	return drills.Ref{Plan: r.Plan, ID: r.DrillID, Actor: actor, Since: since.Add(-clockSlack)}
}

// PriorFindings are those of a drill's plan that are not closed, of all of its drills.
func (a *Activities) PriorFindings(ctx context.Context, in DrillRef) ([]drill.Finding, error) {
	p := startPulse(ctx, "read the findings", 0)
	defer p.end()
	found, err := a.Drills.Findings(ctx, in.Plan)
	return found, fault.While(err, "the open findings of plan %s", in.Plan)
}

// RecordDrill puts the record of a drill into the ledger, with its report.
func (a *Activities) RecordDrill(ctx context.Context, rec drill.Record) (drills.Filed, error) {
	p := startPulse(ctx, "record evidence", 0)
	defer p.end()
	ref := DrillRef{DrillID: rec.ID, Plan: rec.PlanName}
	page, err := report.HTML(report.Drill{Record: rec, Trusted: a.Ledger.Trusted()})
	if err != nil {
		return drills.Filed{}, fault.While(err, "write the report of drill %s", rec.ID)
	}
	return a.Drills.Judge(ctx, ref.entry(cmp.Or(rec.Identity.StartedBy, rec.Identity.Trigger), rec.Timeline.Judged), rec,
		map[string][]byte{"html": page})
}

// DecisionInput is a decision on a drill.
type DecisionInput struct {
	DrillRef
	Verdict  string          `json:"verdict"`
	Decision drill.SignedOff `json:"decision"`
}

// RecordDecision puts a person's decision on a drill into the ledger.
func (a *Activities) RecordDecision(ctx context.Context, in DecisionInput) (drills.Filed, error) {
	p := startPulse(ctx, "record the decision", 0)
	defer p.end()
	page, err := a.decidedReport(ctx, in)
	if err != nil {
		return drills.Filed{}, fault.While(err, "write the report of drill %s", in.DrillID)
	}
	return a.Drills.Decide(ctx, in.entry(cmp.Or(in.Decision.Signer, "lifeboat"), in.Decision.At), in.Decision, map[string][]byte{"html": page})
}

// decidedReport is the report with the decision in it.
func (a *Activities) decidedReport(ctx context.Context, in DecisionInput) ([]byte, error) {
	found, err := a.Drills.Find(ctx, in.DrillID)
	if err != nil {
		return nil, err
	}
	rec, entry, err := a.Drills.Record(ctx, found)
	if err != nil {
		return nil, err
	}
	proof, err := a.Ledger.Prove(ctx, entry.Seq)
	if err != nil {
		return nil, err
	}
	return report.HTML(report.Drill{Record: rec, Decision: &in.Decision, Proof: &proof, Trusted: a.Ledger.Trusted()})
}

// RemindInput asks for a reminder of a sign-off.
type RemindInput struct {
	DrillRef
	Number  int       `json:"number"`
	Verdict string    `json:"verdict"`
	Expires time.Time `json:"expires"`
}

// Remind notes in the ledger, and in the log, that a drill waits for its sign-off.
func (a *Activities) Remind(ctx context.Context, in RemindInput) error {
	p := startPulse(ctx, "remind of the sign-off", 0)
	defer p.end()
	activity.GetLogger(ctx).Warn("a drill waits for its sign-off", "drill", in.DrillID, "plan", in.Plan, "verdict", in.Verdict, "expires", in.Expires)
	return a.Drills.Note(ctx, in.entry("lifeboat", time.Now().Add(-maxRemindRetry)), drills.KindReminded,
		"reminded-"+strconv.Itoa(in.Number), in)
}

// maxRemindRetry is how long ago a reminder's first attempt may be.
const maxRemindRetry = 25 * time.Hour

// TornDown says that the environment of a drill is gone, or what is Left of it.
type TornDown struct {
	DrillRef
	At   time.Time `json:"at"`
	Left []string  `json:"left,omitempty"`
	// Try counts the tries to remove it, from 1.
	Try int `json:"try,omitempty"`
	// Reason is set where not the drill itself removed it.
	Reason string `json:"reason,omitempty"`
}

// RecordTearDown notes in the ledger that an environment is gone, or what could
// not be removed of it.
func (a *Activities) RecordTearDown(ctx context.Context, in TornDown) error {
	p := startPulse(ctx, "record what became of the environment", 0)
	defer p.end()
	kind, name := drills.KindTornDown, "torn-down"
	if len(in.Left) > 0 {
		kind, name = drills.KindLeftBehind, "left-behind-"+strconv.Itoa(in.Try)
	}
	return a.Drills.Note(ctx, in.entry("lifeboat", in.At), kind, name, in)
}

// ProveInput names a point that a drill restored and reconciled.
type ProveInput struct {
	DrillRef
	Config string    `json:"config"`
	Store  string    `json:"store"`
	URI    string    `json:"uri"`
	At     time.Time `json:"at"`
}

// ProvePoint marks a point as proven, on every store that has it. The mark of a
// store that refuses is left out: lists and retention go by any of them.
func (a *Activities) ProvePoint(ctx context.Context, in ProveInput) error {
	p := startPulse(ctx, "mark the point as proven", 0)
	defer p.end()
	found, err := a.Catalog.Find(ctx, in.Store+":"+in.URI)
	if err != nil {
		return fault.While(err, "look for the point that was proven")
	}
	st, err := a.store(found.Store)
	if err != nil {
		return err
	}
	mark := catalog.Mark{At: in.At, Bytes: found.Bytes, Config: in.Config, By: in.DrillID, Tool: a.Version}
	return catalog.MarkProven(ctx, st, found.Dir, mark)
}
