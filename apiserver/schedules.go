package apiserver

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// What a Schedule is of.
const (
	OfPolicy = "policy"
	OfPlan   = "plan"
)

// The actions on schedules, as the audit log names them.
const (
	pauseAction  = "schedule.pause"
	resumeAction = "schedule.resume"
	runAction    = "schedule.run"
)

// Schedule is when a policy or a plan of drills comes, and whether it rests.
type Schedule struct {
	Name string `json:"name"`
	// Of is what it is a schedule of.
	Of string `json:"of" enum:"policy,plan"`
	// Kind is snapshot, base or wal of a policy, and that of a plan.
	Kind     string   `json:"kind"`
	Surfaces []string `json:"surfaces" nullable:"false"`
	Store    string   `json:"store,omitempty"`
	// Cron is empty for what runs all the time, as the shipping of WAL does, and
	// for what runs when it is asked for.
	Cron     string `json:"cron,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
	Paused   bool   `json:"paused"`
	// PausedBy says whose wish the pause is.
	PausedBy string `json:"pausedBy,omitempty" enum:"configuration,person"`
	// Note says who paused or resumed it last, and why.
	Note    string    `json:"note,omitempty"`
	NextDue time.Time `json:"nextDue,omitzero"`
	// LastRun is when it last started something.
	LastRun time.Time `json:"lastRun,omitzero"`
	// Running are the workflows that it started and that go on.
	Running []string `json:"running" nullable:"false" doc:"IDs of workflows."`
	// Waiting is set where no worker has made the schedule yet.
	Waiting bool `json:"waiting,omitempty" doc:"No worker has made the schedule yet: it comes when one starts."`
}

// id is the schedule's ID among Lifeboat's in Temporal; empty without a schedule.
func (s *Schedule) id() string {
	switch {
	case s.Cron == "" || s.Kind == config.KindWAL:
		return ""
	case s.Of == OfPlan:
		return workflows.OperationDrill + "/" + s.Name
	default:
		return s.Name
	}
}

// apply adds how the schedule stands in Temporal.
func (s *Schedule) apply(state schedules.State) {
	configured := s.Paused
	s.Waiting, s.Paused, s.Note, s.NextDue, s.LastRun = false, state.Paused, state.Note, state.Next.UTC(), state.Last.UTC()
	s.Running = append([]string{}, state.Running...)
	s.PausedBy = ""
	switch {
	case !s.Paused:
	case state.ByHand || !configured:
		s.PausedBy = "person"
	default:
		s.PausedBy = "configuration"
	}
}

// configured are the policies and plans of a configuration, in order of their names.
func configured(c *config.Config) []Schedule {
	var all []Schedule
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		p := c.Policies[name]
		all = append(all, Schedule{
			Name: name, Of: OfPolicy, Kind: p.Kind, Surfaces: []string{p.Surface}, Store: p.Store, Cron: p.Cron, TimeZone: p.TimeZone, Paused: p.Paused,
		})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Drills)) {
		p := c.Drills[name]
		all = append(all, Schedule{
			Name: name, Of: OfPlan, Kind: p.Kind, Surfaces: append([]string{}, p.Surfaces...), Cron: p.Cron, TimeZone: p.TimeZone, Paused: p.Paused,
		})
	}
	for i := range all {
		s := &all[i]
		s.Running, s.Waiting = []string{}, s.id() != ""
		if s.Paused {
			s.PausedBy = "configuration"
		}
	}
	return all
}

// Schedules lists the policies and plans of a configuration with how their
// schedules stand.
func Schedules(ctx context.Context, c *config.Config, l Launcher) ([]Schedule, error) {
	all := configured(c)
	var ids []string
	for i := range all {
		if id := all[i].id(); id != "" {
			ids = append(ids, id)
		}
	}
	states, err := l.Schedules(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if state, known := states[all[i].id()]; known {
			all[i].apply(state)
		}
	}
	return all, nil
}

// FindSchedule returns the policy or plan of a configuration that a name stands
// for, without how its schedule stands. Where a policy and a plan have one name,
// it needs "policy:" or "plan:" before it.
func FindSchedule(c *config.Config, name string) (Schedule, error) {
	of, rest, prefixed := strings.Cut(name, ":")
	if !prefixed {
		of, rest = "", name
	}
	var found []Schedule
	for _, s := range configured(c) {
		if s.Name == rest && (of == "" || of == s.Of) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return Schedule{}, fault.New(fault.Missing, "there is no policy and no plan %q in the configuration (policies: %s; plans: %s)",
			clip(name), listed(c.Policies), listed(c.Drills))
	case 1:
		return found[0], nil
	default:
		return Schedule{}, fault.New(fault.Conflict, "%q is a policy and a plan: say policy:%s or plan:%s", rest, rest, rest)
	}
}

// PauseSchedule lets a policy or a plan rest, for a reason, until somebody
// resumes it or the configuration changes whether it is paused.
func PauseSchedule(ctx context.Context, c *config.Config, l Launcher, req launch.Request, name, reason string) (Schedule, error) {
	return turn(c, name, func(id string) (schedules.State, error) {
		if strings.TrimSpace(reason) == "" {
			return schedules.State{}, fault.New(fault.Invalid, "the reason is missing: say why it is paused")
		}
		return l.PauseSchedule(ctx, req, id, clip(strings.Join(strings.Fields(reason), " ")))
	})
}

// ResumeSchedule lets a policy or a plan go on.
func ResumeSchedule(ctx context.Context, c *config.Config, l Launcher, req launch.Request, name string) (Schedule, error) {
	return turn(c, name, func(id string) (schedules.State, error) { return l.ResumeSchedule(ctx, req, id) })
}

func turn(c *config.Config, name string, change func(id string) (schedules.State, error)) (Schedule, error) {
	s, err := FindSchedule(c, name)
	if err != nil {
		return s, err
	}
	if s.id() == "" {
		why := "it runs when it is asked for"
		if s.Kind == config.KindWAL {
			why = "it ships WAL all the time, and a pause is a gap. Set paused in the configuration"
		}
		return s, fault.New(fault.Conflict, "%s %s has no schedule: %s", s.Of, s.Name, why)
	}
	state, err := change(s.id())
	if err == nil {
		s.apply(state)
	}
	return s, err
}

// RunSchedule starts what a policy or a plan does, now, whether or not it is
// paused. from says at which command line, if at any.
func RunSchedule(ctx context.Context, c *config.Config, l Launcher, req launch.Request, from drill.CommandLine, name string) (Schedule, launch.Started, error) {
	s, err := FindSchedule(c, name)
	if err == nil && s.Kind == config.KindWAL {
		err = fault.New(fault.Conflict, "policy %s ships WAL all the time: there is nothing to run", s.Name)
	}
	if err != nil {
		return s, launch.Started{}, err
	}
	var started launch.Started
	if s.Of == OfPlan {
		started, err = l.Drill(ctx, req, workflows.DrillInput{
			Plan: s.Name, Trigger: workflows.TriggerRequest, StartedBy: req.Requester, CommandLine: from,
		})
	} else {
		started, err = l.Snapshot(ctx, req, workflows.SnapshotInput{Surface: s.Surfaces[0], Kind: s.Kind, Policy: s.Name})
	}
	return s, started, err
}

// describeSchedules lists the operations on schedules.
func (s *Server) describeSchedules(api huma.API, startErrors, readErrors []int) {
	const path, tag = "/v1/schedules", "schedules"
	add(s, api, route{
		id: "list-schedules", method: http.MethodGet, path: path, tag: tag, role: Viewer,
		summary: "List policies and plans of drills with their schedules", errors: readErrors,
	}, s.listSchedules)
	add(s, api, route{
		id: "pause-schedule", method: http.MethodPost, path: path + "/{name}/pause", tag: tag, role: Operator,
		summary: "Let a policy or a plan rest, for a reason", errors: startErrors,
		description: "It rests until it is resumed, through restarts of workers, unless the configuration changes whether it is paused.",
	}, s.pauseSchedule)
	add(s, api, route{
		id: "resume-schedule", method: http.MethodPost, path: path + "/{name}/resume", tag: tag, role: Operator,
		summary: "Let a policy or a plan go on", errors: startErrors,
	}, s.resumeSchedule)
	add(s, api, route{
		id: "run-schedule", method: http.MethodPost, path: path + "/{name}/run", tag: tag, role: Operator,
		status: http.StatusAccepted, summary: "Do now what a policy or a plan does by its schedule", errors: startErrors,
	}, s.runSchedule)
}

type schedulesOutput struct {
	Body []Schedule `nullable:"false"`
}

func (s *Server) listSchedules(ctx context.Context, _ *struct{}) (*schedulesOutput, error) {
	all, err := Schedules(ctx, s.config, s.launcher)
	if all == nil {
		all = []Schedule{}
	}
	return &schedulesOutput{Body: all}, err
}

// ScheduleName names a policy or a plan in the path.
type ScheduleName struct {
	Name string `path:"name" maxLength:"100" doc:"Of the policy or the plan; policy:NAME or plan:NAME where both have the name."`
}

type pauseInput struct {
	ScheduleName
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"Why it is paused; everybody sees it."`
	}
}

type scheduleOutput struct{ Body Schedule }

func (s *Server) pauseSchedule(ctx context.Context, in *pauseInput) (*scheduleOutput, error) {
	paused, err := PauseSchedule(ctx, s.config, s.launcher, requestBy(ctx), in.Name, in.Body.Reason)
	return s.turned(ctx, pauseAction, in.Name, in.Body.Reason, paused, err)
}

func (s *Server) resumeSchedule(ctx context.Context, in *ScheduleName) (*scheduleOutput, error) {
	resumed, err := ResumeSchedule(ctx, s.config, s.launcher, requestBy(ctx), in.Name)
	return s.turned(ctx, resumeAction, in.Name, "", resumed, err)
}

// turned writes down that a schedule was paused or resumed.
func (s *Server) turned(ctx context.Context, action, name, why string, now Schedule, err error) (*scheduleOutput, error) {
	if err != nil {
		return nil, s.failed(ctx, action, name, err)
	}
	s.attested(ctx, audit.Entry{Action: action, Target: now.Of + ":" + now.Name, Result: audit.Done, Detail: clip(why)})
	return &scheduleOutput{Body: now}, nil
}

type runScheduleInput struct {
	Idempotent
	ScheduleName
}

func (s *Server) runSchedule(ctx context.Context, in *runScheduleInput) (*startedOutput, error) {
	what, err := FindSchedule(s.config, in.Name)
	if err == nil && what.Of == OfPlan {
		err = s.haveLedger()
	}
	if err == nil && what.Of == OfPolicy && what.Kind != config.KindWAL {
		err = s.checkDestination(ctx, what.Surfaces[0], what.Kind, what.Store)
	}
	if err != nil {
		return nil, s.failed(ctx, runAction, in.Name, err)
	}
	w := work{
		action: runAction, target: what.Of + ":" + what.Name, key: in.Key, path: "/v1/admin/snapshots/",
		answer: Started{Operation: workflows.OperationSnapshot, Surface: strings.Join(what.Surfaces, ","), Kind: what.Kind},
		launch: func(ctx context.Context, req launch.Request) (launch.Started, error) {
			_, started, err := RunSchedule(ctx, s.config, s.launcher, req, drill.CommandLine{}, in.Name)
			return started, err
		},
	}
	if what.Of == OfPlan {
		w.path, w.answer.Operation, w.answer.Surface = "/v1/drills/", workflows.OperationDrill, ""
	}
	return s.start(ctx, w)
}

// requestBy is a request of whoever asks.
func requestBy(ctx context.Context) launch.Request {
	return launch.Request{Requester: identityOf(ctx).ID}
}
