package apiserver

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// The actions of drills, as the audit log names them.
const (
	drillAction  = "drill.run"
	stepAction   = "drill.manual-step"
	signAction   = "drill.sign-off"
	cancelAction = "drill.cancel"
)

// describeDrills lists the operations of drills.
func (s *Server) describeDrills(api huma.API, startErrors, readErrors []int) {
	const path = "/v1/drills"
	add(s, api, route{
		id: "run-drill", method: http.MethodPost, path: path, tag: "drills", role: Operator,
		status: http.StatusAccepted, summary: "Run a drill of a plan", errors: startErrors,
	}, s.runDrill)
	add(s, api, route{
		id: "list-drills", method: http.MethodGet, path: path, tag: "drills", role: Viewer,
		summary: "List drills, newest first", errors: readErrors,
	}, s.listDrills)
	add(s, api, route{
		id: "get-drill", method: http.MethodGet, path: path + "/{id}", tag: "drills", role: Viewer,
		summary: "Show a drill, running or judged, with its record", errors: readErrors,
		description: "The findings are as they stand now; those of the record as they stood when the drill was judged.",
	}, s.getDrill)
	add(s, api, route{
		id: "tell-manual-step", method: http.MethodPost, path: path + "/{id}/manual-steps", tag: "drills", role: Operator,
		status: http.StatusCreated, summary: "Record something that had to be done by hand", errors: startErrors,
		description: "The drill fails unless the plan's runbook, as committed when the drill began, has the step.",
	}, s.tellManualStep)
	add(s, api, route{
		id: "sign-drill", method: http.MethodPost, path: path + "/{id}/sign-off", tag: "drills", role: Approver,
		summary: "Sign a drill off, or refuse to", errors: startErrors,
		description: "Whoever started or operated a drill can't sign it.",
	}, s.signDrill)
	add(s, api, route{
		id: "cancel-drill", method: http.MethodDelete, path: path + "/{id}", tag: "drills", role: Operator,
		status: http.StatusAccepted, summary: "Cancel a running drill; it cleans up after itself", errors: startErrors,
	}, s.cancelDrill)
}

type runDrillInput struct {
	Idempotent
	Body struct {
		Plan string `json:"plan" minLength:"1" maxLength:"63" doc:"A plan of the configuration."`
		// Points choose other recovery points than the plan does, by surface.
		Points map[string]selectionBody `json:"points,omitempty" doc:"Other recovery points than the plan's, by surface."`
	}
}

type selectionBody struct {
	ID string `json:"id,omitempty" maxLength:"200" doc:"The recovery point."`
	At string `json:"at,omitempty" maxLength:"200" doc:"The moment, as pitr restore takes it, or -10m and the like."`
}

func (s *Server) runDrill(ctx context.Context, in *runDrillInput) (*startedOutput, error) {
	input := workflows.DrillInput{
		Plan: in.Body.Plan, Trigger: workflows.TriggerRequest, StartedBy: identityOf(ctx).ID, Points: map[string]drill.Selection{},
	}
	plan, known := s.config.Drills[in.Body.Plan]
	err := s.haveLedger()
	if err == nil && !known {
		err = fault.New(fault.Missing, "there is no drill %q in the configuration", clip(in.Body.Plan))
	}
	for surface, chosen := range in.Body.Points {
		if err == nil && !slices.Contains(plan.Surfaces, surface) {
			err = fault.New(fault.Invalid, "surface %q is not in the plan: it has %s", clip(surface), strings.Join(plan.Surfaces, ", "))
		}
		if err == nil && (chosen.ID == "") == (chosen.At == "") {
			err = fault.New(fault.Invalid, "points of %s: send either id or at", clip(surface))
		}
		if kind := s.config.Surfaces[surface].Kind; err == nil && chosen.At != "" && kind != "postgres" {
			err = fault.New(fault.Invalid, "points of %s: only surfaces of kind postgres are recovered to a moment, and it is of kind %s", clip(surface), kind)
		}
		selection := drill.Selection{ID: chosen.ID, At: chosen.At}
		if err == nil && chosen.ID != "" {
			_, err = s.catalog.FindSnapshot(ctx, plan.PointName(selection), surface)
		}
		input.Points[surface] = selection
	}
	if err != nil {
		return nil, s.failed(ctx, drillAction, in.Body.Plan, err)
	}
	return s.start(ctx, work{
		action: drillAction, target: in.Body.Plan, key: in.Key, path: "/v1/drills/",
		answer: Started{Operation: workflows.OperationDrill, Kind: plan.Kind},
		launch: func(ctx context.Context, req launch.Request) (launch.Started, error) {
			return s.launcher.Drill(ctx, req, input)
		},
	})
}

// haveLedger refuses what needs evidence where there is no ledger.
func (s *Server) haveLedger() error {
	if s.ledger == nil {
		return fault.New(fault.Unsupported, "there is no ledger of evidence: %s", s.noLedger)
	}
	return nil
}

type listDrillsInput struct {
	Plan  string `query:"plan" maxLength:"63" doc:"Only drills of this plan."`
	Limit int    `query:"limit" default:"50" minimum:"1" maximum:"500" doc:"At most so many."`
}

type listDrillsOutput struct {
	Body struct {
		Drills []drills.Drill `json:"drills" nullable:"false"`
	}
}

func (s *Server) listDrills(ctx context.Context, in *listDrillsInput) (*listDrillsOutput, error) {
	out := &listDrillsOutput{}
	out.Body.Drills = []drills.Drill{}
	if err := s.haveLedger(); err != nil {
		return nil, err
	}
	found, err := s.drills.List(ctx, drills.Query{Plan: in.Plan, Limit: in.Limit})
	if err == nil && found != nil {
		out.Body.Drills = found
	}
	return out, err
}

// Drill is a drill with its record, where there is one.
type Drill struct {
	workflows.DrillResult
	Evidence *drill.Record `json:"evidence,omitempty" doc:"The record, once there is a verdict."`
}

type drillOutput struct{ Body Drill }

func (s *Server) getDrill(ctx context.Context, in *PathID) (*drillOutput, error) {
	if err := s.haveLedger(); err != nil {
		return nil, err
	}
	out := &drillOutput{}
	var err error
	out.Body.DrillResult, out.Body.Evidence, err = launch.ShowDrill(ctx, s.drills, in.ID, s.launcher.DrillState)
	return out, err
}

type manualStepInput struct {
	Idempotent
	PathID
	Body struct {
		Text string `json:"text" minLength:"1" maxLength:"4000" doc:"What was done, in the words of the runbook."`
	}
}

type manualStepOutput struct{ Body drill.ManualStep }

func (s *Server) tellManualStep(ctx context.Context, in *manualStepInput) (*manualStepOutput, error) {
	who := identityOf(ctx).ID
	step, err := s.launcher.ManualStep(ctx, launch.Request{Requester: who, IdempotencyKey: in.Key}, in.ID,
		workflows.ManualStepInput{By: who, Text: in.Body.Text})
	if err != nil {
		return nil, s.failed(ctx, stepAction, in.ID, err)
	}
	s.Record(ctx, audit.Entry{Action: stepAction, Target: in.ID, Result: audit.Done, Detail: clip(step.Text)})
	return &manualStepOutput{Body: step}, nil
}

type signInput struct {
	Idempotent
	PathID
	Body struct {
		Statement string `json:"statement" minLength:"1" maxLength:"4000" doc:"What was looked at and decided."`
		Refuse    bool   `json:"refuse,omitempty" doc:"Refuses to sign: the drill goes back with a finding."`
	}
}

type signOutput struct{ Body workflows.DrillResult }

func (s *Server) signDrill(ctx context.Context, in *signInput) (*signOutput, error) {
	who := identityOf(ctx)
	// The file of a refusal takes a while on a slow store; the decision is made all the same.
	ctx, cancel := context.WithTimeout(ctx, answerTimeout-5*time.Second)
	defer cancel()
	result, err := s.launcher.SignOff(ctx, launch.Request{Requester: who.ID, IdempotencyKey: in.Key}, in.ID,
		workflows.SignOffInput{Signer: who.ID, Role: string(who.Role), Statement: in.Body.Statement, Refuse: in.Body.Refuse})
	if err != nil {
		return nil, s.failed(ctx, signAction, in.ID, err)
	}
	s.Record(ctx, audit.Entry{Action: signAction, Target: in.ID, Result: audit.Done, Detail: result.State})
	return &signOutput{Body: result}, nil
}

type cancelOutput struct {
	Body struct {
		ID    string `json:"id"`
		State string `json:"state" enum:"cancelling"`
	}
}

func (s *Server) cancelDrill(ctx context.Context, in *PathID) (*cancelOutput, error) {
	if err := s.launcher.CancelDrill(ctx, in.ID); err != nil {
		return nil, s.failed(ctx, cancelAction, in.ID, err)
	}
	s.Record(ctx, audit.Entry{Action: cancelAction, Target: in.ID, Result: audit.Accepted})
	out := &cancelOutput{}
	out.Body.ID, out.Body.State = in.ID, "cancelling"
	return out, nil
}
