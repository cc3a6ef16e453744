package drill

import "time"

// Severities of findings.
const (
	SeverityCritical = "critical"
	SeverityMajor    = "major"
	SeverityMinor    = "minor"
)

// Statuses of findings.
const (
	FindingOpen     = "open"
	FindingClosed   = "closed"
	FindingAccepted = "accepted"
)

// Finding is a deficiency that somebody has to mend.
type Finding struct {
	// ID is the same whenever the same deficiency of a plan is found again.
	ID string `json:"id"`
	// Code is the sort of deficiency, such as restore-failed, rto-missed, check-failed.
	Code     string `json:"code"`
	Severity string `json:"severity"`
	// Subject is what it is about: a surface, a check; Cause says in a sentence why.
	Subject string    `json:"subject,omitempty"`
	Cause   string    `json:"cause"`
	Owner   string    `json:"owner,omitempty"`
	Due     time.Time `json:"due,omitzero"`
	Status  string    `json:"status"`
	// Found is the first drill that had it, Seen the last, Retest the one that closed it.
	Found   string    `json:"found"`
	FoundAt time.Time `json:"foundAt"`
	Seen    string    `json:"seen,omitempty"`
	// SeenAt is when Seen was judged to have it.
	SeenAt time.Time `json:"seenAt,omitzero"`
	Retest string    `json:"retest,omitempty"`
	// Accepted is who took the risk, until when, and why.
	Accepted *Acceptance `json:"accepted,omitempty"`
}

// LastSeen is when a drill was last judged to have it.
func (f Finding) LastSeen() time.Time {
	if f.SeenAt.IsZero() {
		return f.FoundAt
	}
	return f.SeenAt
}

// Acceptance is a documented decision to live with a finding.
type Acceptance struct {
	By     string    `json:"by"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}
