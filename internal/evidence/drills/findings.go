package drills

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// findingPrefix begins the names of notes of decisions on findings.
const findingPrefix = "finding-"

// FindingDecision is what a person decided on a finding.
type FindingDecision struct {
	Finding string `json:"finding"`
	// Owner and Due, where they are given, replace those of the finding.
	Owner string    `json:"owner,omitempty"`
	Due   time.Time `json:"due,omitzero"`
	// Accepted takes the risk.
	Accepted *drill.Acceptance `json:"accepted,omitempty"`
}

// DecideFinding files a decision on a finding of a drill; the newest one counts.
func (a *Archive) DecideFinding(ctx context.Context, r Ref, decision FindingDecision) error {
	notes, err := a.notes(ctx, r.Plan, r.ID)
	if err != nil {
		return err
	}
	return a.Note(ctx, r, KindFinding, findingPrefix+strconv.Itoa(len(notes.findings)+1), decision)
}

// Findings are those of the newest judged drill of a plan, with what people
// decided on them since. They are what the next drill begins with.
func (a *Archive) Findings(ctx context.Context, plan string) ([]drill.Finding, error) {
	// Nearly always the newest one has been judged; the whole list is for when not.
	for _, limit := range []int{4, 0} {
		newest, err := a.List(ctx, Query{Plan: plan, Limit: limit})
		if err != nil {
			return nil, err
		}
		for _, d := range newest {
			if d.Sequence == nil || d.Verdict == drill.VerdictAborted {
				continue
			}
			rec, _, err := a.Record(ctx, d)
			if err != nil {
				return nil, err
			}
			return a.decided(ctx, d, rec.Findings)
		}
		if limit > 0 && len(newest) < limit {
			break
		}
	}
	return nil, nil
}

func (a *Archive) decided(ctx context.Context, d Drill, findings []drill.Finding) ([]drill.Finding, error) {
	notes, err := a.notes(ctx, d.Plan, d.ID)
	if err != nil {
		return nil, err
	}
	for i := range len(notes.findings) {
		entry, err := a.entryOf(ctx, d.Plan, d.ID, findingPrefix+strconv.Itoa(i+1))
		if err != nil {
			return nil, err
		}
		var decision FindingDecision
		if err := json.Unmarshal(entry.Body, &decision); err != nil {
			return nil, fault.Wrap(fault.Corrupt, err, "read entry %d of the ledger", entry.Seq)
		}
		for j := range findings {
			if findings[j].ID == decision.Finding {
				decision.apply(&findings[j])
			}
		}
	}
	return findings, nil
}

func (d FindingDecision) apply(f *drill.Finding) {
	if d.Owner != "" {
		f.Owner = d.Owner
	}
	if !d.Due.IsZero() {
		f.Due = d.Due
	}
	if d.Accepted != nil {
		f.Accepted, f.Status = d.Accepted, drill.FindingAccepted
	}
}
