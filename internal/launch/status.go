package launch

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/observe"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Status is the newest report of how everything stands, out of the heartbeats of
// the worker that looks: one is made every 30 seconds, and shows here a second
// later at most. How old it is its At says, for a report outlives the worker that
// made it. It is at most observe.MaxState bytes of JSON, with what it is made
// with. Missing when no worker has looked yet, Unavailable without Temporal.
func (l *Launcher) Status(ctx context.Context) (status.Report, error) {
	desc, err := l.client.DescribeWorkflowExecution(ctx, workflows.WatchID, "")
	var notFound *serviceerror.NotFound
	switch {
	case errors.As(err, &notFound):
		return status.Report{}, notWatched()
	case err != nil:
		return status.Report{}, fault.Wrap(fault.Unavailable, err, "ask Temporal for the report of how everything stands")
	}
	for _, step := range desc.GetPendingActivities() {
		details := step.GetHeartbeatDetails()
		if len(details.GetPayloads()) == 0 {
			continue
		}
		var seen observe.State
		if err := l.converter.FromPayloads(details, &seen); err != nil {
			return status.Report{}, fault.Wrap(fault.Unsupported, err, "read the report of how everything stands: give this process the workers' temporal.codecKey")
		}
		return seen.Report, nil
	}
	return status.Report{}, notWatched()
}

func notWatched() error {
	return fault.New(fault.Missing, "no worker has looked yet how everything stands: start one by lifeboat worker or lifeboat up, or wait for half a minute")
}
