package drill

import (
	"strings"
	"time"
)

// The states of a drill.
const (
	StateRunning = "running"
	// StateAwaiting is of a drill that has its verdict and waits for a person.
	StateAwaiting = "awaiting sign-off"
	StateSigned   = "signed"
	StateRefused  = "refused"
	StateExpired  = "expired"
	// StateClosed is of a drill that nobody has to sign, and of an aborted one.
	StateClosed = "closed"
)

// Summary is what lists, trends and commitments need of a drill that was judged.
type Summary struct {
	ID       string `json:"id"`
	Plan     string `json:"plan"`
	Kind     string `json:"kind,omitempty"`
	Revision int    `json:"revision,omitempty"`
	// Verdict is empty for a drill that was declared and not judged.
	Verdict    string     `json:"verdict,omitempty"`
	StartedBy  string     `json:"startedBy,omitempty"`
	Declared   time.Time  `json:"declared,omitzero"`
	Judged     time.Time  `json:"judged,omitzero"`
	Objectives Objectives `json:"objectives"`
	// Surfaces are what was restored and reconciled, Stores where each was read
	// from, Selections how its point was chosen.
	Surfaces   []string `json:"surfaces,omitempty"`
	Stores     []string `json:"stores,omitempty"`
	Selections []string `json:"selections,omitempty"`
	// Parts are those of Identity: what the drill proves something of.
	Parts map[string]string `json:"parts,omitempty"`
	// Findings are the open ones.
	Findings []Finding `json:"findings"`
	Text     string    `json:"summary,omitempty"`
	// NeedsSignOff is set where a person has to sign, SignOff that person's
	// decision; nil for none yet.
	NeedsSignOff bool       `json:"needsSignOff,omitempty"`
	SignOff      *SignedOff `json:"signOff,omitempty"`
}

// State is what a drill has come to.
func (s Summary) State() string {
	switch {
	case s.Verdict == "":
		return StateRunning
	case s.SignOff != nil && s.SignOff.Decision == DecisionSigned:
		return StateSigned
	case s.SignOff != nil && s.SignOff.Decision == DecisionRefused:
		return StateRefused
	case s.SignOff != nil:
		return StateExpired
	case s.NeedsSignOff && s.Verdict != VerdictAborted:
		return StateAwaiting
	default:
		return StateClosed
	}
}

// SummaryOf sums up a record. Of the findings it has those that are open.
func SummaryOf(r Record) Summary {
	s := Summary{
		ID: r.ID, Plan: r.PlanName, Kind: r.Kind, Revision: r.Revision, Verdict: r.Verdict, StartedBy: r.Identity.StartedBy,
		Declared: r.Timeline.Declared, Judged: r.Timeline.Judged, Objectives: r.Objectives, Parts: r.Identity.Parts, Text: r.Summary,
		NeedsSignOff: r.Plan.NeedsSignOff(),
	}
	s.Objectives.Trend = nil
	for _, restored := range r.Surfaces {
		if restored.Result == Pass {
			s.Surfaces = append(s.Surfaces, restored.Surface)
			s.Stores = append(s.Stores, restored.Store)
			s.Selections = append(s.Selections, restored.Selection)
		}
	}
	for _, f := range r.Findings {
		if f.Status == FindingOpen && len(s.Findings) < maxSummed {
			f.Cause = strings.ToValidUTF8(f.Cause[:min(len(f.Cause), maxCause)], "")
			s.Findings = append(s.Findings, f)
		}
	}
	return s
}

// A summary stands in the ledger's own entry, which is small: it has the first
// findings and the beginnings of their causes. The record has them all.
const (
	maxSummed = 40
	maxCause  = 400
)
