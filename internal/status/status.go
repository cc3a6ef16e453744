// Package status says how everything that is protected stands at one moment:
// what was backed up and proven, what is due, and the signs of life that
// Lifeboat reads of what it protects. A worker makes a Report once a minute;
// the metrics, the alerts and the admin pages are three ways to look at it.
package status

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// Report is how everything stands at a moment.
type Report struct {
	// At is when it was made.
	At time.Time `json:"at"`
	// Since is when the worker's count of runs began: counters count from there.
	Since time.Time `json:"since"`
	// Host names the worker that made it.
	Host string `json:"host"`
	// Surfaces, Policies, Plans and Stores are in the order of their names.
	Surfaces []Surface `json:"surfaces"`
	Policies []Policy  `json:"policies"`
	Plans    []Plan    `json:"plans"`
	Stores   []Store   `json:"stores"`
	Ledger   Ledger    `json:"ledger"`
	Vitals   Vitals    `json:"vitals"`
	// Alerts are those that fire or are about to.
	Alerts []Alert `json:"alerts"`
	// Blind says what could not be read, one line each: what, a colon, and why. Of
	// what a line concerns the rest has what was read last, which may be nothing.
	Blind []string `json:"blind,omitempty"`
}

// Surface is how the copies of one surface stand.
type Surface struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// LastPoint is the newest point that any store has, LastVerified the newest
	// that was read back, LastProven the newest that was restored and compared.
	LastPoint    *Point `json:"lastPoint,omitempty"`
	LastVerified *Point `json:"lastVerified,omitempty"`
	LastProven   *Point `json:"lastProven,omitempty"`
	// Points and Bytes are how many there are, and what they take on their stores.
	Points int   `json:"points"`
	Bytes  int64 `json:"bytes"`
	// RPOSeconds is what a disaster now would lose: the age of the newest WAL on a
	// store where WAL is shipped, else that of the newest point. Nil where there is nothing.
	RPOSeconds *float64 `json:"rpoSeconds,omitempty"`
	// FirstDue is until when the first copy of a surface without any is waited for:
	// 1.5 intervals after its policies began. Zero where there is a copy, or no
	// policy that makes one.
	FirstDue time.Time `json:"firstDue,omitzero"`
	// RPOTarget is the strictest of the plans that have the surface, 0 without one.
	RPOTarget float64 `json:"rpoTargetSeconds,omitempty"`
	// Damaged are points that were found damaged when they were read back, until
	// they are gone or were read back well.
	Damaged []Damage `json:"damaged,omitempty"`
	// WAL is nil unless a policy ships WAL.
	WAL *WAL `json:"wal,omitempty"`
}

// Point is a recovery point in a Report.
type Point struct {
	ID    string    `json:"id"`
	Kind  string    `json:"kind"`
	State string    `json:"state"`
	At    time.Time `json:"at"`
	// Seen is when it was verified or proven, zero for LastPoint.
	Seen  time.Time `json:"seen,omitzero"`
	Bytes int64     `json:"bytes"`
}

// Damage is that of one point.
type Damage struct {
	// Point is its ID, At when it was found, and Problem what, in one line.
	Point   string    `json:"point"`
	At      time.Time `json:"at"`
	Problem string    `json:"problem"`
}

// WAL is how the shipping of write-ahead log stands.
type WAL struct {
	// Earliest and Latest are the edges of the newest window without a gap.
	Earliest time.Time `json:"earliest,omitzero"`
	Latest   time.Time `json:"latest,omitzero"`
	// Gaps are the breaks between windows, oldest first.
	Gaps []Gap `json:"gaps,omitempty"`
	// LagBytes and LagSeconds are how far the store is behind the server, nil
	// where the server could not be asked. Of a server that pushes its WAL whole
	// segments alone count: the open one can't be there.
	LagBytes   *int64   `json:"lagBytes,omitempty"`
	LagSeconds *float64 `json:"lagSeconds,omitempty"`
	// HeldBack is how many bytes the replication slot holds back, of HoldBackLimit.
	HeldBack      *int64 `json:"heldBack,omitempty"`
	HoldBackLimit int64  `json:"holdBackLimit,omitempty"`
	// Active is whether somebody streams.
	Active bool `json:"active"`
	// Alarms are sentences that say what is wrong.
	Alarms []string `json:"alarms,omitempty"`
}

// Gap is a stretch of time that no recovery can reach.
type Gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Policy is how one schedule stands.
type Policy struct {
	Name    string `json:"name"`
	Surface string `json:"surface"`
	Kind    string `json:"kind"`
	Store   string `json:"store"`
	// Paused is whether the configuration or a person lets it rest.
	Paused bool `json:"paused"`
	// IntervalSeconds is the longest time between two runs by the schedule; 0
	// for a policy without one.
	IntervalSeconds float64   `json:"intervalSeconds,omitempty"`
	NextDue         time.Time `json:"nextDue,omitzero"`
	// Since is when the policy was first seen; Turned when a person or the
	// configuration last resumed it or shortened its interval, zero if never.
	Since  time.Time `json:"since,omitzero"`
	Turned time.Time `json:"turned,omitzero"`
	// LastSuccess is when the newest run that made a point ended, LastFailure
	// when the newest that failed did. FailedLast is whether the last run failed.
	LastSuccess time.Time `json:"lastSuccess,omitzero"`
	LastFailure time.Time `json:"lastFailure,omitzero"`
	FailedLast  bool      `json:"failedLast"`
	// FailedFrom is when that run began. With LastSuccess after it, the run has made
	// its point, or another did, and what failed is what follows: reading it
	// back, copies, retention.
	FailedFrom time.Time `json:"failedFrom,omitzero"`
	// Failure says in one line why.
	Failure    string `json:"failure,omitempty"`
	WorkflowID string `json:"workflowId,omitempty"`
	// Successes and Failures count runs since Report.Since.
	Successes int64 `json:"successes"`
	Failures  int64 `json:"failures"`
	// LastSeconds and LastBytes are how long the newest successful run took, and
	// what it stored.
	LastSeconds float64 `json:"lastSeconds,omitempty"`
	LastBytes   int64   `json:"lastBytes,omitempty"`
	// UnverifiedSince is the age of the oldest point of the policy that should
	// have been read back and was not; zero when there is none.
	UnverifiedSince time.Time `json:"unverifiedSince,omitzero"`
}

// LateAfter is how many of its intervals a policy may go without a point.
const LateAfter = 1.5

// CountsFrom is from when the policy's intervals count: from its last point, or
// from when it was first seen; at the earliest from when it was resumed or its
// interval shortened, for what was before was not late.
func (p Policy) CountsFrom() time.Time {
	from := p.LastSuccess
	if from.IsZero() {
		from = p.Since
	}
	if p.Turned.After(from) {
		return p.Turned
	}
	return from
}

// LateAt is when a policy without a new point is late; zero for one that is
// paused or has no schedule.
func (p Policy) LateAt() time.Time {
	if p.Paused || p.IntervalSeconds <= 0 {
		return time.Time{}
	}
	return p.CountsFrom().Add(time.Duration(LateAfter * p.IntervalSeconds * float64(time.Second)))
}

// Plan is how a plan of drills stands.
type Plan struct {
	drill.Commitment
	// LastDrill is the newest drill, whatever came of it; LastVerdict is empty while it runs.
	LastDrill   string    `json:"lastDrill,omitempty"`
	LastVerdict string    `json:"lastVerdict,omitempty"`
	LastAt      time.Time `json:"lastAt,omitzero"`
	// FailedDrill is the newest drill that was judged, unless it passed: one that
	// runs, or was cancelled, mends nothing.
	FailedDrill string `json:"failedDrill,omitempty"`
	// AwaitsSignature names the drill that waits for a person the longest, and
	// AwaitsSince says since when.
	AwaitsSignature string    `json:"awaitsSignature,omitempty"`
	AwaitsSince     time.Time `json:"awaitsSince,omitzero"`
}

// Store is whether a store answers.
type Store struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Usable  bool   `json:"usable"`
	Problem string `json:"problem,omitempty"`
}

// Ledger is how the ledger of evidence stands.
type Ledger struct {
	// Kept is false where there is no ledger; Problem then says why.
	Kept bool   `json:"kept"`
	Size uint64 `json:"size,omitempty"`
	// VerifiedAt is when it was last read whole and found unchanged, Verifies
	// whether the last try found it so, and Problem what the last try found.
	// Without either it could not be read yet, and nothing is known of it.
	VerifiedAt time.Time `json:"verifiedAt,omitzero"`
	Verifies   bool      `json:"verifies"`
	Problem    string    `json:"problem,omitempty"`
}

// The severities of alerts.
const (
	Critical = "critical"
	Warning  = "warning"
)

// The states of alerts.
const (
	// Pending: the condition holds, but not yet for as long as the rule asks.
	Pending = "pending"
	// Firing: somebody has to look.
	Firing = "firing"
)

// Alert is a rule that holds for something.
type Alert struct {
	// Rule is its name, as in Prometheus.
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	State    string `json:"state"`
	// Labels say for what, such as surface and policy.
	Labels map[string]string `json:"labels"`
	// Since is when the condition began to hold, FiringSince when it had held for long enough.
	Since       time.Time `json:"since"`
	FiringSince time.Time `json:"firingSince,omitzero"`
	// Summary says in one line what is wrong, Description what to do.
	Summary     string `json:"summary"`
	Description string `json:"description"`
	// Runbook is the page that says more.
	Runbook string `json:"runbook"`
}
