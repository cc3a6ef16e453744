package worker_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/worker"
)

// cluster is what a Temporal cluster says of streams.
type cluster struct {
	client.Client
	// running tells of every stream that runs whether it was cancelled.
	running map[string]bool
	did     []string
}

func (c *cluster) ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	out := &workflowservice.ListWorkflowExecutionsResponse{}
	for _, id := range slices.Sorted(maps.Keys(c.running)) {
		out.Executions = append(out.Executions, &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: id}})
	}
	return out, nil
}

func (c *cluster) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	cancelled, ok := c.running[id]
	if !ok {
		return nil, serviceerror.NewNotFound(id)
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{
		WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
		WorkflowExtendedInfo:  &workflowpb.WorkflowExecutionExtendedInfo{CancelRequested: cancelled},
	}, nil
}

func (c *cluster) CancelWorkflow(_ context.Context, id, _ string) error {
	c.did = append(c.did, "cancel "+id)
	return serviceerror.NewNotFound("it has just ended")
}

func (c *cluster) ExecuteWorkflow(_ context.Context, o client.StartWorkflowOptions, _ any, _ ...any) (client.WorkflowRun, error) {
	verb := "start "
	if o.WorkflowIDConflictPolicy == enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING {
		verb = "replace "
	}
	c.did = append(c.did, verb+o.ID)
	return nil, nil
}

// Exactly the streams of the configuration run; what a worker doesn't know it leaves alone.
func TestReconcileStreams(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{Policies: map[string]config.Policy{
		"ships":  {Kind: config.KindWAL, Surface: "main", Slot: "s1"},
		"again":  {Kind: config.KindWAL, Surface: "main", Slot: "s2"},
		"paused": {Kind: config.KindWAL, Surface: "main", Slot: "s3", Paused: true},
		"pushed": {Kind: config.KindWAL, Surface: "main", Slot: "s4", Push: true},
		"base":   {Kind: config.KindBase, Surface: "main"},
	}}
	running := map[string]bool{
		"wal/main/ships/old": false, "wal/main/again/s2": true, "wal/main/paused/s3": false, "wal/main/pushed/s4": false, "wal/other/unknown/s5": false,
	}
	known := []string{"cancel wal/main/paused/s3", "cancel wal/main/pushed/s4", "cancel wal/main/ships/old"}
	starts := []string{"replace wal/main/again/s2", "start wal/main/ships/s1"}
	for whose, want := range map[worker.Whose]struct{ did, left []string }{
		worker.OneWorkers: {slices.Concat(known, starts), []string{"wal/other/unknown/s5"}},
		worker.Namespaces: {slices.Concat(known, []string{"cancel wal/other/unknown/s5"}, starts), nil},
	} {
		c := &cluster{running: running}
		left, err := worker.ReconcileStreams(t.Context(), c, cfg, whose)
		if err != nil || !slices.Equal(left, want.left) || !slices.Equal(c.did, want.did) {
			t.Errorf("namespace's %v: left %q, %v, and did\n%s", whose, left, err, strings.Join(c.did, "\n"))
		}
	}
}
