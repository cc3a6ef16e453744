package apiserver

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

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
