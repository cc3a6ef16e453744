package apiserver

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// checkProvider refuses at once what the provider of a surface can't do.
func (s *Server) checkProvider(in workflows.RecoverInput, target pitr.Target) error {
	provider := s.config.Provider(in.Surface, in.Store)
	if provider == nil {
		return nil
	}
	if in.Port != 0 {
		return fault.New(fault.Invalid, "%s is restored by %s, to a new instance there: leave the port out", in.Surface, provider.Kind)
	}
	_, err := target.Moment()
	return err
}

type removeInput struct {
	Idempotent
	Surface string `path:"surface" maxLength:"63"`
	ID      string `path:"id" maxLength:"100" doc:"Of the recovery."`
}

const removeAction = "pitr.delete"

// removeInstance deletes what a provider restored.
func (s *Server) removeInstance(ctx context.Context, in *removeInput) (*startedOutput, error) {
	err := s.database(in.Surface)
	if err == nil && s.config.Surfaces[in.Surface].Managed == nil {
		err = fault.New(fault.Unsupported, "surface %s has no provider of recovery in the configuration", in.Surface)
	}
	target := in.Surface + " " + in.ID
	if err != nil {
		return nil, s.failed(ctx, removeAction, target, err)
	}
	return s.start(ctx, work{
		action: removeAction, target: target, key: in.Key, path: "/v1/admin/removals/",
		answer: Started{Operation: workflows.OperationRemove, Surface: in.Surface},
		launch: func(ctx context.Context, req launch.Request) (launch.Started, error) {
			return s.launcher.Remove(ctx, req, workflows.RemoveInput{Surface: in.Surface, ID: in.ID})
		},
	})
}

// Removal is the deletion of what a provider restored.
type Removal struct {
	launch.Run
	Result *workflows.RemoveResult `json:"result,omitempty" doc:"What was deleted, once it is gone."`
}

type removalOutput struct{ Body Removal }

func (s *Server) getRemoval(ctx context.Context, in *PathID) (*removalOutput, error) {
	run, result, err := finished[workflows.RemoveResult](ctx, s, workflows.OperationRemove, in.ID)
	return &removalOutput{Body: Removal{run, result}}, err
}
