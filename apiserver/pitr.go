package apiserver

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

type pitrInput struct {
	Surface string `path:"surface" maxLength:"63"`
	Store   string `query:"store" maxLength:"63" doc:"Where to look; the store of the surface's WAL by default."`
}

type pitrOutput struct{ Body pitr.Status }

// getPITR says which moments a surface can be put back to.
func (s *Server) getPITR(ctx context.Context, in *pitrInput) (*pitrOutput, error) {
	if err := s.database(in.Surface); err != nil {
		return nil, err
	}
	if s.pitrStatus == nil {
		return nil, fault.New(fault.Unsupported, "this server can't read the window")
	}
	status, err := s.pitrStatus(ctx, in.Surface, in.Store)
	return &pitrOutput{Body: status}, err
}

type pitrPlanInput struct {
	Surface string `path:"surface" maxLength:"63"`
	Store   string `query:"store" maxLength:"63" doc:"Where to look; the store of the surface's WAL by default."`
	At      string `query:"at" required:"true" minLength:"1" maxLength:"200" doc:"The moment, as a recovery takes it."`
}

type pitrPlanOutput struct{ Body pitr.Preview }

// planPITR says what a recovery would use; nothing is begun.
func (s *Server) planPITR(ctx context.Context, in *pitrPlanInput) (*pitrPlanOutput, error) {
	err := s.database(in.Surface)
	if err == nil && s.pitrPlan == nil {
		err = fault.New(fault.Unsupported, "this server can't plan a recovery")
	}
	if _, known := s.stores[in.Store]; err == nil && in.Store != "" && !known {
		err = s.unknownStore(in.Store)
	}
	if err != nil {
		return nil, err
	}
	plan, err := s.pitrPlan(ctx, in.Surface, in.Store, in.At)
	return &pitrPlanOutput{Body: plan}, err
}

// database refuses what is no PostgreSQL surface of the configuration.
func (s *Server) database(name string) error {
	c, known := s.config.Surfaces[name]
	if !known {
		return s.unknownSurface(name)
	}
	if c.Kind != "postgres" {
		return fault.New(fault.Unsupported, "surface %s is of kind %s: only PostgreSQL can be put back to a moment", name, c.Kind)
	}
	return nil
}

type recoverInput struct {
	Idempotent
	Surface string `path:"surface" maxLength:"63"`
	Body    struct {
		At    string `json:"at" maxLength:"200" doc:"An RFC 3339 time, latest, an LSN or a transaction ID, each with @ and a timeline to follow if need be, or the name of a restore point."`
		Store string `json:"store,omitempty" maxLength:"63" doc:"Where to read from; the store of the surface's WAL by default."`
		Port  int    `json:"port,omitempty" minimum:"0" maximum:"65535" doc:"Where the restored server listens on 127.0.0.1; a free port by default."`
	}
}

const recoverAction = "pitr.restore"

// recoverSurface starts the recovery of a surface to a moment.
func (s *Server) recoverSurface(ctx context.Context, in *recoverInput) (*startedOutput, error) {
	input := workflows.RecoverInput{Surface: in.Surface, At: in.Body.At, Store: in.Body.Store, Port: in.Body.Port}
	err := s.database(in.Surface)
	if err == nil {
		var target pitr.Target
		if target, err = pitr.ParseTarget(in.Body.At); err == nil {
			err = s.checkProvider(input, target)
		}
	}
	if _, known := s.stores[in.Body.Store]; err == nil && in.Body.Store != "" && !known {
		err = s.unknownStore(in.Body.Store)
	}
	if err != nil {
		return nil, s.failed(ctx, recoverAction, in.Surface, err)
	}
	return s.start(ctx, work{
		action: recoverAction, target: in.Surface + " to " + in.Body.At, key: in.Key, path: "/v1/admin/recoveries/",
		answer: Started{Operation: workflows.OperationRecover, Surface: in.Surface, Kind: workflows.KindBase},
		launch: func(ctx context.Context, req launch.Request) (launch.Started, error) {
			return s.launcher.Recover(ctx, req, input)
		},
	})
}

// Recovery is a recovery to a moment with what came of it.
type Recovery struct {
	launch.Run
	// URL connects to the recovered server at once.
	URL      string                   `json:"url,omitempty" doc:"Connects to the recovered server at once; not shown to viewers."`
	Result   *workflows.RecoverResult `json:"result,omitempty" doc:"What was recovered, once it is done."`
	Progress *launch.Progress         `json:"progress,omitempty" doc:"How far it is, while it runs and says so."`
}

type recoveryOutput struct{ Body Recovery }

func (s *Server) getRecovery(ctx context.Context, in *PathID) (*recoveryOutput, error) {
	run, result, err := finished[workflows.RecoverResult](ctx, s, workflows.OperationRecover, in.ID)
	out := &recoveryOutput{Body: Recovery{Run: run, Result: result}}
	if err != nil || result == nil {
		out.Body.Progress = s.progressOf(ctx, run)
		return out, err
	}
	if s.recoveredURL != nil && identityOf(ctx).Role.Includes(Operator) {
		// The recovery is done whether or not its URL can be known here.
		if out.Body.URL, err = s.recoveredURL(*result); err != nil && !fault.Is(err, fault.Missing) {
			s.log.WarnContext(ctx, "the URL of a recovered server can't be read", "recovery", run.ID, "error", err)
		}
	}
	result.SealedURL = ""
	return out, nil
}
