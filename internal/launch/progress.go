package launch

import (
	"context"

	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Progress is how far a run is.
type Progress struct {
	Phase      string `json:"phase"`
	PartsDone  int    `json:"partsDone"`
	PartsTotal int    `json:"partsTotal"`
	// Bytes counts plain bytes of finished parts and of those under way.
	Bytes      int64 `json:"bytes"`
	BytesTotal int64 `json:"bytesTotal"`
	// Trouble is why a step that is tried again failed last, empty when none did.
	Trouble string `json:"trouble,omitempty"`
}

// Progress asks a running workflow how far it is, and adds what the steps under
// way last reported with their heartbeats.
func (l *Launcher) Progress(ctx context.Context, s Started) (Progress, error) {
	value, err := l.client.QueryWorkflow(ctx, s.WorkflowID, s.RunID, workflows.ProgressQuery)
	if err != nil {
		return Progress{}, fault.Wrap(fault.Unavailable, err, "ask for the progress")
	}
	var p workflows.Progress
	if err := value.Get(&p); err != nil {
		return Progress{}, fault.Wrap(fault.Internal, err, "read the progress")
	}
	out := Progress{Phase: p.Phase, PartsDone: p.PartsDone, PartsTotal: p.PartsTotal, Bytes: p.BytesDone, BytesTotal: p.BytesTotal}
	desc, err := l.client.DescribeWorkflowExecution(ctx, s.WorkflowID, s.RunID)
	if err != nil {
		return out, fault.Wrap(fault.Unavailable, err, "ask for the steps under way")
	}
	failures := temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: l.converter})
	for _, step := range desc.GetPendingActivities() {
		if last := step.GetLastFailure(); last != nil {
			out.Trouble = workflows.Message(failures.FailureToError(last))
		}
		var b activities.Bytes
		if l.converter.FromPayloads(step.GetHeartbeatDetails(), &b) == nil {
			out.Bytes += b.Plain
			if p.PartsTotal == 0 && b.Total > 0 {
				out.BytesTotal = b.Total
			}
		}
	}
	return out, nil
}
