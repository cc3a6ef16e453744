package drill

import "time"

// SchemaVersion is that of Record. A change that an old reader would misread raises it.
const SchemaVersion = 1

// Verdicts.
const (
	VerdictPass = "pass"
	VerdictFail = "fail"
	// VerdictPartial is of a drill that restored and reconciled all it had to
	// and met its targets, while something it only warns of was wrong.
	VerdictPartial = "partial"
	// VerdictAborted is of a drill that was cancelled before it could be judged.
	VerdictAborted = "aborted"
)

// Record is all that a drill leaves as evidence. It holds no secret. What is
// measured is measured; a field that was not is empty.
type Record struct {
	SchemaVersion int    `json:"schemaVersion"`
	ID            string `json:"id"`
	// Revision counts the records of one drill, from 1: a manual step that is
	// told after the verdict makes a new one.
	Revision int    `json:"revision"`
	Kind     string `json:"kind"`
	PlanName string `json:"plan"`
	Plan     Plan   `json:"planText"`

	Identity    Identity         `json:"identity"`
	Surfaces    []Restored       `json:"surfaces"`
	Isolation   Isolation        `json:"isolation"`
	Sanitised   []Sanitised      `json:"sanitised,omitempty"`
	Programs    []Started        `json:"programs,omitempty"`
	Checks      []CheckResult    `json:"checks"`
	Reconciled  []Reconciliation `json:"reconciliations"`
	Timeline    Timeline         `json:"timeline"`
	Objectives  Objectives       `json:"objectives"`
	ManualSteps []ManualStep     `json:"manualSteps"`
	// WrittenDown are steps of earlier findings that the runbook has by now.
	WrittenDown []string `json:"writtenDown,omitempty"`
	// Failures are errors that ended a step for good, with the step's name.
	Failures []Failure `json:"failures,omitempty"`
	// Findings are those of this drill, and those of earlier ones that are open still or were closed by it.
	Findings []Finding `json:"findings"`
	Verdict  string    `json:"verdict"`
	// Summary is the verdict and its reasons in a few sentences.
	Summary string `json:"summary"`
	// Untouched is the proof of an annual drill that nothing live was touched.
	Untouched *Untouched `json:"untouched,omitempty"`
	NextDue   time.Time  `json:"nextDue,omitzero"`
}

// Identity says which drill, by whom, with what.
type Identity struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	// Trigger is schedule, policy, or request; StartedBy the key or user of a request.
	Trigger   string `json:"trigger"`
	StartedBy string `json:"startedBy"`
	CommandLine
	// Overridden are the surfaces whose recovery point the request chose instead of
	// the plan: such a drill is no proof of the plan.
	Overridden []string `json:"overridden,omitempty"`
	// Config is the fingerprint of the configuration, PlanDigest that of the
	// plan alone; RunbookCommit is the commit that the runbook was read at.
	Config        string `json:"config"`
	PlanDigest    string `json:"planDigest"`
	RunbookCommit string `json:"runbookCommit,omitempty"`
	// Parts are the fingerprints of what a proof depends on, by name: store:NAME, surface:NAME, server:NAME, keys, plan, route-switch, version.
	Parts map[string]string `json:"parts"`
	// Tools are versions by name: lifeboat, the servers that were restored to.
	Tools map[string]string `json:"tools"`
	Host  string            `json:"host"`
}

// Restored is one surface with the point it was restored from.
type Restored struct {
	Surface string `json:"surface"`
	Kind    string `json:"kind"`
	// Selection is how the point was chosen, Asked what was asked for.
	Selection string `json:"selection"`
	Asked     string `json:"asked,omitempty"`
	// Point is the ID of the snapshot, or of the base backup; Manifest the SHA-256 of its manifest as stored.
	Point       string    `json:"point"`
	PointKind   string    `json:"pointKind"`
	URI         string    `json:"uri,omitempty"`
	Store       string    `json:"store"`
	Manifest    string    `json:"manifest,omitempty"`
	CreatedAt   time.Time `json:"createdAt"`
	Bytes       int64     `json:"bytes"`
	PlainBytes  int64     `json:"plainBytes,omitempty"`
	LockedUntil time.Time `json:"lockedUntil,omitzero"`
	// Recipients are the public keys that it is encrypted for.
	Recipients []string `json:"recipients,omitempty"`
	// Missing names what the point lacks of its source, and why: it is partial.
	Missing []string `json:"missing,omitempty"`
	// Reached is the moment that the restored data show.
	Reached time.Time `json:"reached,omitzero"`
	// ReachedBy says how that is known: the snapshot's own moment, the last
	// transaction, a marker, or the end of the WAL that was stored.
	ReachedBy string `json:"reachedBy,omitempty"`
	StartLSN  string `json:"startLsn,omitempty"`
	EndLSN    string `json:"endLsn,omitempty"`
	Timeline  uint32 `json:"timeline,omitempty"`
	// Gaps are holes in the WAL of the store that the recovery did not need.
	Gaps      []string `json:"walGaps,omitempty"`
	RestoreID string   `json:"restoreId"`
	Address   string   `json:"address,omitempty"`
	// Compared is how many entries of the fingerprint were compared and equal, Counts what they stand for.
	Compared int              `json:"compared"`
	Counts   map[string]int64 `json:"counts,omitempty"`
	// Notes say what else to know of the restore, such as what the environment does not take.
	Notes []string `json:"notes,omitempty"`
	// Steps are the phases of this restore in seconds.
	Steps []Phase `json:"steps,omitempty"`
	// Result is Pass, Fail or Skipped, Error why it failed.
	Result string `json:"result"`
	Error  string `json:"error,omitempty"`
}

// Isolation is what was done and tried to show that the environment is apart.
type Isolation struct {
	Where string `json:"where"`
	// Attempts are what was tried against it and from it, with what came of it.
	Attempts []Attempt `json:"attempts"`
	// Limits say what this kind of environment does not keep apart.
	Limits []string `json:"limits,omitempty"`
	// TornDown is when nothing of it was left, Left what is there still.
	TornDown time.Time `json:"tornDown,omitzero"`
	Left     []string  `json:"left,omitempty"`
}

// Attempt is one try that should be refused.
type Attempt struct {
	What     string `json:"what"`
	Expected string `json:"expected"`
	Observed string `json:"observed"`
	Result   string `json:"result"`
}

// Sanitised is a sanitising rule that was run.
type Sanitised struct {
	Name    string `json:"name"`
	Surface string `json:"surface"`
	// Digest is the SHA-256 of the SQL; Rows how many rows it changed.
	Digest string `json:"digest"`
	Rows   int64  `json:"rows"`
}

// Started is a program of the application that was started.
type Started struct {
	Name    string  `json:"name"`
	Result  string  `json:"result"`
	Detail  string  `json:"detail,omitempty"`
	Seconds float64 `json:"seconds"`
	// LogDigest is the SHA-256 of what it printed until everything was checked and
	// reconciled, or until it was ready or failed where the drill got no further.
	LogDigest string `json:"logDigest,omitempty"`
}

// Timeline has the moments of a drill; what was not reached is zero.
type Timeline struct {
	// Failed is the simulated failure, Declared when the recovery was ordered.
	Failed        time.Time `json:"failed"`
	Declared      time.Time `json:"declared"`
	DatabaseReady time.Time `json:"databaseReady,omitzero"`
	Healthy       time.Time `json:"healthy,omitzero"`
	Reconciled    time.Time `json:"reconciled,omitzero"`
	Judged        time.Time `json:"judged,omitzero"`
	Phases        []Phase   `json:"phases"`
}

// The phases of a drill, in order.
const (
	PhaseDeclare   = "declare"
	PhaseSelect    = "select points"
	PhaseIsolate   = "isolate"
	PhaseRestore   = "restore"
	PhaseSanitize  = "sanitise"
	PhaseStart     = "start"
	PhaseCheck     = "health checks"
	PhaseReconcile = "reconcile"
	PhaseJudge     = "judge"
	PhaseRecord    = "record evidence"
	PhaseTearDown  = "tear down"
	PhaseTabletop  = "tabletop"
	PhaseSignOff   = "sign-off"
)

// Phase is one timed part of a run.
type Phase struct {
	Name    string    `json:"name"`
	Start   time.Time `json:"start,omitzero"`
	Seconds float64   `json:"seconds"`
	// Surface is set for a phase of one restore.
	Surface string `json:"surface,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Objectives are targets against results.
type Objectives struct {
	RTOTarget  float64 `json:"rtoTargetSeconds,omitempty"`
	RTOSeconds float64 `json:"rtoSeconds"`
	RTOMet     *bool   `json:"rtoMet,omitempty"`
	RPOTarget  float64 `json:"rpoTargetSeconds,omitempty"`
	RPOSeconds float64 `json:"rpoSeconds"`
	RPOMet     *bool   `json:"rpoMet,omitempty"`
	// RPOOf is the surface that the RPO comes of: the one that lost most.
	RPOOf string `json:"rpoOf,omitempty"`
	// RestoreSeconds is the restore alone, which is no RTO.
	RestoreSeconds float64 `json:"restoreSeconds"`
	// Measured is false when the drill did not get far enough for either.
	RTOMeasured bool `json:"rtoMeasured"`
	RPOMeasured bool `json:"rpoMeasured"`
	// Formula says in words how both were computed.
	Formula string `json:"formula"`
	// Trend compares with earlier drills of the plan that were measured.
	Trend *Trend `json:"trend,omitempty"`
}

// Trend sums up the earlier runs of a plan, this one included.
type Trend struct {
	Runs int    `json:"runs"`
	RTO  Spread `json:"rto"`
	RPO  Spread `json:"rpo"`
	// Change is how this RTO relates to the median of the others: 0.1 is ten per cent slower.
	Change float64 `json:"change"`
}

// Spread is of measured seconds.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// ManualStep is something an operator did by hand.
type ManualStep struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Text string    `json:"text"`
	CommandLine
	// Documented is set when the runbook has it, at Commit.
	Documented bool   `json:"documented"`
	Commit     string `json:"commit,omitempty"`
}

// Kinds of failures that are none of package fault.
const (
	// FailureCancelled is of a drill that somebody cancelled.
	FailureCancelled = "cancelled"
	// FailureRefused is of a drill that an approver refused to sign.
	FailureRefused = "refused"
)

// Failure is an error that ended a step for good.
type Failure struct {
	Phase   string `json:"phase"`
	Surface string `json:"surface,omitempty"`
	// Kind is that of package fault.
	Kind  string `json:"kind"`
	Error string `json:"error"`
}

// Untouched is the proof that live stores and databases were left alone.
type Untouched struct {
	// Fenced are the stores and surfaces that were barred, as store:NAME and surface:NAME.
	Fenced []string `json:"fenced"`
	// Used are those that the drill's steps did use.
	Used []string `json:"used"`
	// Refused are attempts that the fence stopped; any makes the drill fail.
	Refused []string `json:"refused"`
	// Method says how this is known.
	Method string `json:"method"`
}
