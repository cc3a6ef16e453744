package apiserver

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/launch"
)

// progressWithin bounds how long a running workflow may take to say how far it
// is: a worker has to run for that, and the rest of the answer does not need one.
const progressWithin = 3 * time.Second

// progressOf is how far a run is; nil when it is over, or does not say.
func (s *Server) progressOf(ctx context.Context, run launch.Run) *launch.Progress {
	if run.State != "running" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, progressWithin)
	defer cancel()
	p, err := s.launcher.Progress(ctx, launch.Started{ID: run.ID, WorkflowID: run.WorkflowID, RunID: run.RunID})
	if err != nil {
		s.log.DebugContext(ctx, "a run does not say how far it is", "workflow", run.WorkflowID, "error", err)
		return nil
	}
	return &p
}
