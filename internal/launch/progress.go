package launch

import (
	"context"

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
	for _, step := range desc.GetPendingActivities() {
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
