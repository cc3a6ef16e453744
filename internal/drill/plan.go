// Package drill is what a rehearsal of a disaster is: the plan that it follows,
// the record that it leaves, and how one is judged. It is pure: it touches
// nothing, and the same record always gets the same verdict.
package drill

import (
	"cmp"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// The kinds of drills.
const (
	// RestoreTest is small: it restores and compares, after each backup or nightly.
	RestoreTest = "restore_test"
	// Quarterly restores everything, starts it, checks it and reconciles it.
	Quarterly = "quarterly"
	// AnnualFull declares a simulated failure of the whole cluster: what is live
	// may not be touched, and the run proves that it was not.
	AnnualFull = "annual_full"
	// Tabletop is of people only: its steps are a checklist.
	Tabletop = "tabletop"
)

// Kinds lists every kind of drill.
var Kinds = []string{RestoreTest, Quarterly, AnnualFull, Tabletop}

// Plan says what a drill does. It is data: a part of the configuration.
type Plan struct {
	// Kind is one of Kinds; default Quarterly.
	Kind string `yaml:"kind" json:"kind"`
	// Cron has five fields, or is a name such as @daily; empty for a drill that
	// is started by hand or by After.
	Cron     string `yaml:"cron" json:"cron,omitempty"`
	TimeZone string `yaml:"timeZone" json:"timeZone,omitempty"`
	Paused   bool   `yaml:"paused" json:"paused,omitempty"`
	// After names policies: the drill runs after each point that they make, on that point.
	After []string `yaml:"after" json:"after,omitempty"`
	// Surfaces are what is restored, by name.
	Surfaces []string `yaml:"surfaces" json:"surfaces,omitempty"`
	// Store is where all points are read from; empty means each surface's own
	// first store. Naming the copy off site rehearses that copy.
	Store string `yaml:"store" json:"store,omitempty"`
	// Points choose the recovery points, by surface; default the latest.
	Points  map[string]Selection `yaml:"points" json:"points,omitempty"`
	Targets Targets              `yaml:"targets" json:"targets"`
	// Sanitize are SQL statements for a restored database before anyone may connect to it.
	Sanitize []Sanitize `yaml:"sanitize" json:"sanitize,omitempty"`
	// Start are the application's own programs, started in this order on what was restored.
	Start     []Program   `yaml:"start" json:"start,omitempty"`
	Checks    []Check     `yaml:"checks" json:"checks,omitempty"`
	Reconcile []Reconcile `yaml:"reconcile" json:"reconcile,omitempty"`
	// Steps are the checklist of a tabletop.
	Steps []string `yaml:"steps" json:"steps,omitempty"`
	// Runbook is where the manual steps are written down.
	Runbook *Runbook `yaml:"runbook" json:"runbook,omitempty"`
	// Keep leaves the environment running for so long after the verdict; 0 tears it down at once.
	Keep    Duration `yaml:"keep" json:"keep,omitempty"`
	SignOff SignOff  `yaml:"signOff" json:"signOff"`

	Scenario     string   `yaml:"scenario" json:"scenario,omitempty"`
	Services     []string `yaml:"services" json:"services,omitempty"`
	Criticality  string   `yaml:"criticality" json:"criticality,omitempty"`
	Assumptions  []string `yaml:"assumptions" json:"assumptions,omitempty"`
	ThirdParties []string `yaml:"thirdParties" json:"thirdParties,omitempty"`
	// Exclusions say what is left out, each with its reason.
	Exclusions []string `yaml:"exclusions" json:"exclusions,omitempty"`
	Criteria   []string `yaml:"criteria" json:"criteria,omitempty"`
	Owner      string   `yaml:"owner" json:"owner,omitempty"`
	Operator   string   `yaml:"operator" json:"operator,omitempty"`
	Observers  []string `yaml:"observers" json:"observers,omitempty"`
	// Participants are who is planned to take part.
	Participants []string `yaml:"participants" json:"participants,omitempty"`
	// AbsentKeyPerson names whose absence is tested, if any.
	AbsentKeyPerson string `yaml:"absentKeyPerson" json:"absentKeyPerson,omitempty"`
	Reviewer        string `yaml:"reviewer" json:"reviewer,omitempty"`
	// RouteSwitch is the procedure by which clients are sent to the restored
	// system, in words or as a reference. It is a part of what a drill proves.
	RouteSwitch string `yaml:"routeSwitch" json:"routeSwitch,omitempty"`
}

// Targets are what a recovery must not exceed; 0 means that none is set.
type Targets struct {
	// RTO is from the declared failure to the reconciled system.
	RTO Duration `yaml:"rto" json:"rto,omitempty"`
	// RPO is from the point reached to the declared failure.
	RPO Duration `yaml:"rpo" json:"rpo,omitempty"`
}

// How a recovery point is chosen.
const (
	// SelectLatest is the newest state that can be had: the end of the WAL where
	// it is shipped, else the newest snapshot.
	SelectLatest = "latest"
	// SelectSnapshot is the newest snapshot, also where WAL is shipped.
	SelectSnapshot = "snapshot"
	// SelectRandom is any one of the snapshots that are kept.
	SelectRandom = "random"
	SelectPoint  = "point"
	SelectMoment = "moment"
)

// Selection chooses the recovery point of one surface.
type Selection struct {
	// Select is SelectLatest (the default), SelectSnapshot, SelectRandom, SelectPoint or SelectMoment.
	Select string `yaml:"select" json:"select,omitempty"`
	// ID is the point for SelectPoint.
	ID string `yaml:"id" json:"id,omitempty"`
	// At is the target for SelectMoment, as `pitr restore --at` takes it: RFC
	// 3339, latest, an LSN, a transaction ID or the name of a restore point.
	// "-10m" and the like mean so long before the failure is declared.
	At string `yaml:"at" json:"at,omitempty"`
	// Store overrides the plan's.
	Store string `yaml:"store" json:"store,omitempty"`
}

// PointName is how a catalog finds the point of a selection with an ID: STORE:ID
// where the selection or else the plan names a store and the ID does not.
func (p Plan) PointName(s Selection) string {
	if store := cmp.Or(s.Store, p.Store); store != "" && !strings.Contains(s.ID, ":") {
		return store + ":" + s.ID
	}
	return s.ID
}

// Sanitize is one SQL statement, or several, for one restored surface.
type Sanitize struct {
	Name    string `yaml:"name" json:"name,omitempty"`
	Surface string `yaml:"surface" json:"surface"`
	SQL     string `yaml:"sql" json:"sql"`
}

// Program is one of the application's own programs.
type Program struct {
	Name string `yaml:"name" json:"name"`
	// Command is the program and its arguments; no shell takes part.
	// Placeholders are as in Check.
	Command []string `yaml:"command" json:"command"`
	// Env are variables, with placeholders as in Check. The program inherits
	// PATH, HOME and LANG and nothing else.
	Env map[string]secret.String `yaml:"env" json:"env,omitempty"`
	Dir string                   `yaml:"dir" json:"dir,omitempty"`
	// Once is set for a program that must end with status 0 before the drill goes on (a migration).
	Once bool `yaml:"once" json:"once,omitempty"`
	// Ready is an address (host:port) that accepts connections once the program is up. Empty: no wait.
	Ready string `yaml:"ready" json:"ready,omitempty"`
	// Timeout is for Ready, or for the end of one that runs Once; default 2 minutes.
	Timeout Duration `yaml:"timeout" json:"timeout,omitempty"`
}

// Runbook is a file in a Git repository, read as committed.
type Runbook struct {
	// Repository is the absolute folder of a work tree or a bare repository.
	Repository string `yaml:"repository" json:"repository"`
	// File is the path in it.
	File string `yaml:"file" json:"file"`
	// Ref is a branch, tag or commit; default HEAD.
	Ref string `yaml:"ref" json:"ref,omitempty"`
}

// SignOff says who signs a drill, and until when.
type SignOff struct {
	// Required is whether a person has to sign; default true, but false for a restore test.
	Required *bool `yaml:"required" json:"required,omitempty"`
	// Approvers are the keys that may sign; empty means every one with the role approver.
	Approvers []string `yaml:"approvers" json:"approvers,omitempty"`
	// Within is how long the drill waits; default 14 days. Then it expires unsigned.
	Within Duration `yaml:"within" json:"within,omitempty"`
	// Remind is how often a reminder is recorded meanwhile; default a day.
	Remind Duration `yaml:"remind" json:"remind,omitempty"`
	// Validity is for how long a signed pass lets its targets be promised;
	// default 100 days for a quarterly drill, 400 for an annual one, 8 for a restore test.
	Validity Duration `yaml:"validity" json:"validity,omitempty"`
}

// NeedsSignOff reports whether a person has to sign the plan's drills.
func (p Plan) NeedsSignOff() bool {
	if p.SignOff.Required != nil {
		return *p.SignOff.Required
	}
	return p.Kind != RestoreTest
}

// Duration is a length of time, written as 5s, 30m, 1h30m or 14d.
type Duration time.Duration

// Of is the duration as the rest of the program takes it.
func (d Duration) Of() time.Duration { return time.Duration(d) }
