package apiserver

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/launch"
)

type runsInput struct {
	Surface string `query:"surface" maxLength:"63" doc:"Only what is under way on this surface."`
}

type runsOutput struct {
	Body []launch.Run `nullable:"false"`
}

func (s *Server) listRuns(ctx context.Context, in *runsInput) (*runsOutput, error) {
	running, err := s.launcher.Running(ctx, in.Surface)
	if running == nil {
		running = []launch.Run{}
	}
	return &runsOutput{Body: running}, err
}
