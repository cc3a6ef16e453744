package activities

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// DrillRef names a drill, and the plan as it was when the drill was declared.
type DrillRef struct {
	DrillID string `json:"drillId"`
	Plan    string `json:"plan"`
	// PlanDigest is that of the plan at the declaration: a step refuses to go on with another.
	PlanDigest string `json:"planDigest"`
}

// ofDrill marks every step whose input has the reference in it, see drillOf.
func (r DrillRef) ofDrill() string { return r.DrillID }

// DeclareInput declares a failure.
type DeclareInput struct {
	DrillID   string    `json:"drillId"`
	Plan      string    `json:"plan"`
	Declared  time.Time `json:"declared"`
	Trigger   string    `json:"trigger"`
	StartedBy string    `json:"startedBy"`
	drill.CommandLine
	// Overridden are the surfaces whose point the request chose, see drill.Identity.
	Overridden []string `json:"overridden,omitempty"`
	WorkflowID string   `json:"workflowId"`
	RunID      string   `json:"runId"`
	// Attempts is how often the step is tried: the last one notes what it can't read.
	Attempts int `json:"attempts"`
}

// Declared is the plan of a drill with what is known at its beginning.
type Declared struct {
	// Plan has no secret in it.
	Plan     drill.Plan     `json:"plan"`
	Identity drill.Identity `json:"identity"`
	// Prior are the plan's findings that are open.
	Prior []drill.Finding `json:"prior"`
	// Earlier are the newest drills of the plan that were judged, the newest first.
	Earlier []drill.Summary `json:"earlier,omitempty"`
	NextDue time.Time       `json:"nextDue,omitzero"`
	// WrittenDown are steps that an earlier drill found missing in the runbook, and that it has now.
	WrittenDown []string `json:"writtenDown,omitempty"`
	// Unread says what of it could not be read.
	Unread []drill.Failure `json:"unread,omitempty"`
}

// SelectInput asks for the recovery point of one surface.
type SelectInput struct {
	DrillRef
	Surface   string          `json:"surface"`
	Selection drill.Selection `json:"selection"`
	Declared  time.Time       `json:"declared"`
}

// SelectedPoint is what one surface is restored from: a point, or a moment.
type SelectedPoint struct {
	// Restored has what is known of it before the restore.
	Restored drill.Restored `json:"restored"`
	// Point is set for a snapshot.
	Point *Located `json:"point,omitempty"`
	// At and Store are set for a moment.
	At    string `json:"at,omitempty"`
	Store string `json:"store,omitempty"`
}

// DrillStep names a drill with the servers that were restored for it.
type DrillStep struct {
	DrillRef
	Servers []ServerRef `json:"servers"`
}

// NamedStep names one item of the plan.
type NamedStep struct {
	DrillStep
	Name string `json:"name"`
	// Attempts is how often the step is tried: the last one reports what it found.
	Attempts int `json:"attempts"`
}
