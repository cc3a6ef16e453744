package launch_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/mock"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/mocks"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// A run that ended answers what it was when it ended: without a verdict that is
// a failed drill, with the error of the run.
func TestStateOfADrillWhoseRunEnded(t *testing.T) {
	t.Parallel()
	const why = `there is no drill "kept" in the configuration`
	seven := int64(7)
	running := workflows.DrillResult{ID: "d1", State: drill.StateRunning, Phase: drill.PhaseDeclare}
	judged := workflows.DrillResult{ID: "d1", State: drill.StateSigned, Sequence: &seven}
	failed := workflows.DrillResult{ID: "d1", State: drill.StateFailed, Error: why}
	terminated := workflows.DrillResult{ID: "d1", State: drill.StateFailed, Error: "its run is cancelled"}
	for name, c := range map[string]struct {
		status        enumspb.WorkflowExecutionStatus
		answers, want workflows.DrillResult
	}{
		"running":           {enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, running, running},
		"failed":            {enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, running, failed},
		"cancelled":         {enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, running, terminated},
		"judged, and ended": {enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, judged, judged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, run, value := &mocks.Client{}, &mocks.WorkflowRun{}, &mocks.Value{}
			client.On("ListWorkflow", mock.Anything, mock.Anything).Return(&workflowservice.ListWorkflowExecutionsResponse{
				Executions: []*workflowpb.WorkflowExecutionInfo{{Execution: &commonpb.WorkflowExecution{WorkflowId: "w", RunId: "r"}, Status: c.status, Memo: pointMemo(t, "d1")}},
			}, nil)
			client.On("GetWorkflow", mock.Anything, "w", "r").Return(run)
			run.On("Get", mock.Anything, nil).Return(errors.New(why))
			client.On("QueryWorkflow", mock.Anything, "w", "r", workflows.DrillQuery).Return(value, nil)
			value.On("Get", mock.Anything).Run(func(args mock.Arguments) { *args.Get(0).(*workflows.DrillResult) = c.answers }).Return(nil)
			got, err := launch.New(client, converter.GetDefaultDataConverter()).DrillState(context.Background(), "d1")
			if err != nil || got.State != c.want.State || got.Error != c.want.Error || got.Phase != c.want.Phase || got.Sequence != c.want.Sequence {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func pointMemo(t *testing.T, id string) *commonpb.Memo {
	t.Helper()
	payload, err := converter.GetDefaultDataConverter().ToPayload(id)
	if err != nil {
		t.Fatal(err)
	}
	return &commonpb.Memo{Fields: map[string]*commonpb.Payload{workflows.MemoPoint: payload}}
}
