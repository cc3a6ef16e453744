package drill

import (
	"encoding/json"
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
	// StateFailed is of a drill whose run ended before there was a verdict.
	StateFailed = "failed"
)

// Summary is what lists, trends and commitments need of a drill that was judged.
type Summary struct {
	ID   string `json:"id"`
	Plan string `json:"plan"`
	// WorkflowID is that of the run.
	WorkflowID string `json:"workflowId,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Revision   int    `json:"revision,omitempty"`
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
	// Overridden are the surfaces whose point was chosen by the request.
	Overridden []string `json:"overridden,omitempty"`
	// FailedAt is when the newest finding was found that fails the drill.
	FailedAt time.Time `json:"failedAt,omitzero"`
	// Findings are the open ones, Closed the IDs of those that this drill closed.
	Findings []Finding `json:"findings"`
	Closed   []string  `json:"closed,omitempty"`
	// Abridged is set where Findings or Closed lack something of this drill, or
	// have it shortened: the record has all.
	Abridged bool   `json:"abridged,omitempty"`
	Text     string `json:"summary,omitempty"`
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

// SummaryOf sums up a record, in at most 60 KiB of JSON, whatever people wrote into it.
func SummaryOf(r Record) Summary {
	s := Summary{
		ID: r.ID, Plan: r.PlanName, WorkflowID: r.Identity.WorkflowID, Kind: r.Kind, Revision: r.Revision, Verdict: r.Verdict,
		StartedBy: r.Identity.StartedBy, Declared: r.Timeline.Declared, Judged: r.Timeline.Judged, Objectives: r.Objectives,
		Parts: r.Identity.Parts, Overridden: r.Identity.Overridden, NeedsSignOff: r.Plan.NeedsSignOff(), Findings: []Finding{},
	}
	s.Text, _ = cut(r.Summary, maxSummedText)
	s.Objectives.Trend = nil
	for _, restored := range r.Surfaces {
		if restored.Result == Pass {
			s.Surfaces = append(s.Surfaces, restored.Surface)
			s.Stores = append(s.Stores, restored.Store)
			s.Selections = append(s.Selections, restored.Selection)
		}
	}
	for _, f := range r.Findings {
		own := f.Seen == r.ID
		if own && f.Severity != SeverityMinor && f.LastSeen().After(s.FailedAt) {
			s.FailedAt = f.LastSeen()
		}
		switch {
		case f.Status == FindingClosed && f.Retest == r.ID:
			s.Closed = append(s.Closed, f.ID)
		case f.Status == FindingOpen && len(s.Findings) < maxSummed:
			short, shortened := f.shortened()
			s.Findings = append(s.Findings, short)
			s.Abridged = s.Abridged || own && shortened
		default:
			s.Abridged = s.Abridged || own
		}
	}
	return s.fitting()
}

// A summary stands in the ledger's own entry, which is small: it has the first
// findings and the beginnings of their texts. The record has them all.
const (
	maxSummary    = 60 << 10
	maxSummed     = 40
	maxSummedText = 4000
	maxCause      = 400
	maxSubject    = 200
)

// shortened is a finding as a summary has it.
func (f Finding) shortened() (Finding, bool) {
	whole := true
	for _, text := range []struct {
		of    *string
		limit int
	}{{&f.Cause, maxCause}, {&f.Subject, maxSubject}, {&f.Owner, maxSubject}} {
		short, same := cut(*text.of, text.limit)
		*text.of, whole = short, whole && same
	}
	if f.Accepted != nil {
		// One whose acceptance has ended.
		f.Accepted, whole = nil, false
	}
	return f, !whole
}

// cut is the beginning of a text, of at most limit bytes, and whether that is all.
func cut(text string, limit int) (string, bool) {
	if len(text) <= limit {
		return text, true
	}
	return strings.ToValidUTF8(text[:limit], ""), false
}

// fitting drops what a summary can do without, the least needed first, until it
// fits into an entry of the ledger. A summary without fingerprints proves nothing.
func (s Summary) fitting() Summary {
	for s.size() > maxSummary && len(s.Findings) > 0 {
		s.Findings, s.Abridged = s.Findings[:len(s.Findings)/2], true
	}
	if s.size() > maxSummary {
		s.Closed, s.Abridged = nil, true
	}
	if s.size() > maxSummary {
		s.Parts, s.Surfaces, s.Stores, s.Selections = nil, nil, nil, nil
		s.Objectives.Formula = ""
	}
	return s
}

func (s Summary) size() int {
	text, err := json.Marshal(s)
	if err != nil {
		// A number that JSON can't have: the entry says so.
		return 0
	}
	return len(text)
}
