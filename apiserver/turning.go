package apiserver

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// The actions on schedules, as the audit log names them.
const (
	pauseAction  = "schedule.pause"
	resumeAction = "schedule.resume"
	runAction    = "schedule.run"
)

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
