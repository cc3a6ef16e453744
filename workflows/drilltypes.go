package workflows

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// DrillInput asks for a drill of a plan.
type DrillInput struct {
	Plan string `json:"plan"`
	// DrillID names the drill; empty lets the workflow make one (a schedule does).
	DrillID string `json:"drillId,omitempty"`
	// Trigger is schedule, policy or request; StartedBy who asked.
	Trigger   string `json:"trigger"`
	StartedBy string `json:"startedBy,omitempty"`
	drill.CommandLine
	// Points overrides the plan's choice of points, by surface.
	Points map[string]drill.Selection `json:"points,omitempty"`
}

// Triggers of a drill.
const (
	TriggerSchedule = "schedule"
	TriggerPolicy   = "policy"
	TriggerRequest  = "request"
)

// DrillResult is what a drill came to. A running one answers it to DrillQuery.
type DrillResult struct {
	ID    string `json:"id"`
	Plan  string `json:"plan"`
	Kind  string `json:"kind"`
	State string `json:"state"`
	Phase string `json:"phase,omitempty"`
	// PhaseSince is when that began, and Phases those before it, while it runs.
	PhaseSince time.Time     `json:"phaseSince,omitzero"`
	Phases     []drill.Phase `json:"phases,omitempty"`
	CreatedAt  time.Time     `json:"createdAt"`
	StartedBy  string        `json:"startedBy,omitempty"`
	WorkflowID string        `json:"workflowId"`
	// Error is why the run of a drill ended that is failed.
	Error string `json:"error,omitempty"`
	// Verdict is empty until there is one.
	Verdict    string  `json:"verdict,omitempty"`
	Summary    string  `json:"summary,omitempty"`
	RTOSeconds float64 `json:"rtoSeconds"`
	RPOSeconds float64 `json:"rpoSeconds"`
	// RTOMeasured and RPOMeasured tell a measured 0 from nothing.
	RTOMeasured bool            `json:"rtoMeasured"`
	RPOMeasured bool            `json:"rpoMeasured"`
	Findings    []drill.Finding `json:"findings"`
	Revision    int             `json:"revision,omitempty"`
	// ManualSteps are what was told of as done by hand, StepsLeft those of a
	// tabletop's checklist that nobody has told of yet.
	ManualSteps []drill.ManualStep `json:"manualSteps,omitempty"`
	StepsLeft   []string           `json:"stepsLeft,omitempty"`
	// Sequence is that of the ledger's entry of the verdict, Record the SHA-256 of the record.
	Sequence *int64           `json:"sequence,omitempty"`
	Record   string           `json:"record,omitempty"`
	SignOff  *drill.SignedOff `json:"signOff,omitempty"`
	// Servers are the restored ones, by surface, while the environment is there.
	Servers map[string]DrillServer `json:"servers,omitempty"`
	// KeptUntil is when an environment that stays after the verdict is torn down.
	KeptUntil *time.Time `json:"keptUntil,omitempty"`
	// Host is where the environment is.
	Host string `json:"host,omitempty"`
	// Reminders counts how often the sign-off was asked for again.
	Reminders int `json:"reminders,omitempty"`
}

// DrillServer is one restored server of a running drill.
type DrillServer struct {
	RestoreID string `json:"restoreId"`
	Address   string `json:"address"`
}

// WithSteps adds what was done by hand, and what is left of a checklist.
func (r DrillResult) WithSteps(plan drill.Plan, told []drill.ManualStep) DrillResult {
	r.ManualSteps = told
	if plan.Kind == drill.Tabletop {
		r.StepsLeft = drill.Unticked(plan, told)
	}
	return r
}

// Standing says of a judged drill which restored servers are kept, as the
// running drill tells it.
func (r DrillResult) Standing(of drill.Record, running DrillResult) DrillResult {
	if until := of.KeptUntil(); len(running.Servers) > 0 && !until.IsZero() {
		r.Servers, r.KeptUntil = running.Servers, &until
	}
	return r
}

// Ended is the result of a drill whose run is over, for the reason that is
// given: one without a verdict gets none any more.
func (r DrillResult) Ended(why string) DrillResult {
	if r.Sequence == nil {
		r.State, r.Phase, r.PhaseSince, r.Error = drill.StateFailed, "", time.Time{}, why
	}
	return r
}

// DrillQuery is the query that a drill answers with its DrillResult.
const DrillQuery = "drill"

// Updates of a drill.
const (
	// ManualStepUpdate tells of something that was done by hand.
	ManualStepUpdate = "manual-step"
	// SignOffUpdate is a person's decision.
	SignOffUpdate = "sign-off"
)

// ManualStepInput is what ManualStepUpdate takes.
type ManualStepInput struct {
	By   string `json:"by"`
	Text string `json:"text"`
	drill.CommandLine
}

// SignOffInput is what SignOffUpdate takes.
type SignOffInput struct {
	Signer    string `json:"signer"`
	Role      string `json:"role"`
	Statement string `json:"statement"`
	drill.CommandLine
	// Refuse sends the drill back with a finding; Statement says why.
	Refuse bool `json:"refuse,omitempty"`
}
