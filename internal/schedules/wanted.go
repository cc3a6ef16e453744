package schedules

import (
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"maps"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Wanted is a schedule as the configuration has it.
type Wanted struct {
	// ID names it among Lifeboat's schedules, without Prefix.
	ID string
	// Cron has five fields, or is a name such as @daily or "@every 6h".
	Cron string
	// TimeZone is the IANA name of the zone that Cron is meant in; empty is UTC.
	TimeZone string
	// Jitter delays each run by a random time of at most so much.
	Jitter time.Duration
	// CatchupWindow is how late a missed run may still start. 0 means the longest
	// time between two runs: then a missed run is always caught up.
	CatchupWindow time.Duration
	// MayOverlap lets a run start while an earlier one goes on, as one does that
	// waits for people. Without it such a run is skipped.
	MayOverlap bool
	// Paused is the state that the schedule starts in, and changes to when the
	// configuration changes; see Reconcile.
	Paused bool
	// Note is shown beside the state.
	Note string

	// Workflow is the registered name of what is started on TaskQueue with Args.
	Workflow  string
	TaskQueue string
	Args      []any
	// WorkflowID begins the IDs of what is started, which end in the time; empty means ID.
	WorkflowID string
	// Summary is the line that the Web UI shows for what is started.
	Summary          string
	Memo             map[string]any
	SearchAttributes temporal.SearchAttributes
}

// recordKey is the memo field in which a started workflow carries its
// schedule's record. It is also how the schedule itself is known again.
const recordKey = "lifeboatSchedule"

// record says what the schedule was last made from. It is readable even where
// payloads are encrypted.
type record struct {
	ID          string `json:"id"`
	Fingerprint string `json:"fingerprint"`
	Paused      bool   `json:"paused"`
}

// recordFormat changes when the same Wanted comes to mean another schedule, so
// that existing schedules are brought up to date.
const recordFormat = 1

// plan is a Wanted that was checked, with what it leaves open filled in.
type plan struct {
	Wanted
	window   time.Duration
	location string
	record   record
}

func newPlan(w Wanted) (plan, error) {
	if w.ID == "" || w.Workflow == "" || w.TaskQueue == "" {
		return plan{}, fault.New(fault.Invalid, "schedule %q needs an ID, a workflow and a task queue", w.ID)
	}
	p := plan{Wanted: w, window: w.CatchupWindow, location: w.TimeZone}
	if p.location == "" {
		p.location = "UTC"
	}
	longest, err := LongestGap(w.Cron, p.location)
	if err != nil {
		return plan{}, fault.While(err, "schedule %s", w.ID)
	}
	if p.window == 0 {
		p.window = longest
	}
	if p.WorkflowID == "" {
		p.WorkflowID = w.ID
	}
	fingerprint, err := p.fingerprint()
	if err != nil {
		return plan{}, fault.Wrap(fault.Invalid, err, "schedule %s", w.ID)
	}
	p.record = record{ID: w.ID, Fingerprint: fingerprint, Paused: w.Paused}
	return p, nil
}

// fingerprint is the same for two plans exactly when they make the same schedule.
func (p plan) fingerprint() (string, error) {
	attributes := make(map[string]any)
	for key, value := range p.SearchAttributes.GetUntypedValues() {
		attributes[key.GetName()] = value
	}
	facts := []any{
		recordFormat, p.ID, p.Cron, p.location, p.Jitter, p.window, p.Paused, p.Note,
		p.Workflow, p.TaskQueue, p.Args, p.WorkflowID, p.Summary, p.Memo, attributes,
	}
	if p.MayOverlap {
		facts = append(facts, "may overlap")
	}
	raw, err := json.Marshal(facts)
	if err != nil {
		return "", err
	}
	hash := fnv.New128a()
	_, _ = hash.Write(raw)
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func (p plan) spec() client.ScheduleSpec {
	return client.ScheduleSpec{CronExpressions: []string{p.Cron}, TimeZoneName: p.location, Jitter: p.Jitter}
}

// overlap lets a schedule never overlap itself, unless it may. It is also what
// makes of several missed runs a single one: they come due together, and all
// but one overlap.
func (p plan) overlap() enumspb.ScheduleOverlapPolicy {
	if p.MayOverlap {
		return enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL
	}
	return enumspb.SCHEDULE_OVERLAP_POLICY_SKIP
}

func (p plan) action() (*client.ScheduleWorkflowAction, error) {
	payload, err := converter.GetDefaultDataConverter().ToPayload(p.record)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encoding the record of schedule %s", p.ID)
	}
	memo := map[string]any{recordKey: payload}
	maps.Copy(memo, p.Memo)
	return &client.ScheduleWorkflowAction{
		ID: p.WorkflowID, Workflow: p.Workflow, Args: p.Args, TaskQueue: p.TaskQueue,
		Memo: memo, TypedSearchAttributes: p.SearchAttributes, StaticSummary: p.Summary,
	}, nil
}
