package apiserver

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

type pruneInput struct {
	Idempotent
	Body struct {
		Policy string `json:"policy" minLength:"1" maxLength:"63"`
		DryRun bool   `json:"dryRun,omitempty" doc:"Only plan; delete nothing."`
	}
}

const pruneAction = "snapshot.prune"

func (s *Server) pruneSnapshots(ctx context.Context, in *pruneInput) (*startedOutput, error) {
	policy, err := s.policyToPrune(ctx, in)
	if err != nil {
		return nil, s.failed(ctx, pruneAction, in.Body.Policy, err)
	}
	target := in.Body.Policy
	if in.Body.DryRun {
		target += " (dry run)"
	}
	return s.start(ctx, work{
		action: pruneAction, target: target, key: in.Key, path: "/v1/admin/prunes/",
		answer: Started{Operation: workflows.OperationPrune, Surface: policy.Surface},
		launch: func(ctx context.Context, req launch.Request) (launch.Started, error) {
			return s.launcher.Prune(ctx, req, workflows.PruneInput{Policy: in.Body.Policy, DryRun: in.Body.DryRun})
		},
	})
}

func (s *Server) policyToPrune(ctx context.Context, in *pruneInput) (config.Policy, error) {
	if !in.Body.DryRun {
		if err := requireAdmin(ctx, "deleting recovery points"); err != nil {
			return config.Policy{}, err
		}
	}
	policy, known := s.config.Policies[in.Body.Policy]
	if !known {
		return policy, fault.New(fault.Missing, "there is no policy %q (there are %s)", clip(in.Body.Policy), listed(s.config.Policies))
	}
	return policy, nil
}

// Prune is a run of retention with what came of it.
type Prune struct {
	launch.Run
	Result *workflows.PruneResult `json:"result,omitempty" doc:"What was kept and deleted, or would be, once it is done."`
}

type pruneOutput struct{ Body Prune }

func (s *Server) getPrune(ctx context.Context, in *PathID) (*pruneOutput, error) {
	run, result, err := finished[workflows.PruneResult](ctx, s, workflows.OperationPrune, in.ID)
	return &pruneOutput{Body: Prune{run, result}}, err
}
