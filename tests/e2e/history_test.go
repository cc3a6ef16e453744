package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// step is what a history says of one activity.
type step struct {
	// ID is the activity's, Kind its name.
	ID, Kind string
	// Attempts is how often it was begun.
	Attempts int32
}

// history reads all events of a workflow's latest run.
func history(t *testing.T, c client.Client, workflowID, runID string) []*historypb.HistoryEvent {
	t.Helper()
	var events []*historypb.HistoryEvent
	all := c.GetWorkflowHistory(context.Background(), workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		event, err := all.Next()
		if err != nil {
			t.Fatalf("read the history of %s: %v", workflowID, err)
		}
		events = append(events, event)
	}
	return events
}

// steps lists the activities of a history in the order of their scheduling.
func steps(events []*historypb.HistoryEvent) []step {
	var out []step
	at := map[int64]int{}
	for _, event := range events {
		if a := event.GetActivityTaskScheduledEventAttributes(); a != nil {
			at[event.GetEventId()] = len(out)
			out = append(out, step{ID: a.GetActivityId(), Kind: a.GetActivityType().GetName()})
		}
		if a := event.GetActivityTaskStartedEventAttributes(); a != nil {
			out[at[a.GetScheduledEventId()]].Attempts = a.GetAttempt()
		}
	}
	return out
}

// stepsOf lists the activities of a snapshot.
func (s *site) stepsOf(t *testing.T, run started) []step {
	t.Helper()
	return steps(history(t, s.temporal(t), run.WorkflowID, run.RunID))
}

func ofKind(all []step, kind string) []step {
	var out []step
	for _, one := range all {
		if one.Kind == kind {
			out = append(out, one)
		}
	}
	return out
}

// pending lists the steps of a kind that are under way for a run, on one
// worker's process unless that is nil.
func pending(t *testing.T, c client.Client, run started, kind string, on *servers.Process) []*workflowpb.PendingActivityInfo {
	t.Helper()
	found, err := c.DescribeWorkflowExecution(context.Background(), run.WorkflowID, run.RunID)
	if err != nil {
		t.Fatalf("describe %s: %v", run.WorkflowID, err)
	}
	var out []*workflowpb.PendingActivityInfo
	for _, one := range found.GetPendingActivities() {
		mine := on == nil || strings.HasPrefix(one.GetLastWorkerIdentity(), fmt.Sprintf("%d@", on.PID()))
		if one.GetActivityType().GetName() == kind && one.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED && mine {
			out = append(out, one)
		}
	}
	return out
}

// retried reports whether a step of a kind failed at least once and is tried again.
func retried(t *testing.T, c client.Client, run started, kind string) bool {
	t.Helper()
	found, err := c.DescribeWorkflowExecution(context.Background(), run.WorkflowID, run.RunID)
	if err != nil {
		t.Fatalf("describe %s: %v", run.WorkflowID, err)
	}
	for _, one := range found.GetPendingActivities() {
		if one.GetActivityType().GetName() == kind && one.GetLastFailure() != nil {
			return true
		}
	}
	return false
}

// polls reports whether a worker's process takes steps.
func polls(t *testing.T, c client.Client, p *servers.Process) bool {
	t.Helper()
	queue, err := c.DescribeTaskQueue(context.Background(), workflows.TaskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		t.Fatalf("describe the task queue: %v", err)
	}
	for _, poller := range queue.GetPollers() {
		if strings.HasPrefix(poller.GetIdentity(), fmt.Sprintf("%d@", p.PID())) {
			return true
		}
	}
	return false
}

// countSnapshots is how many runs of snapshots the engine knows, open or not.
func (s *site) countSnapshots(t *testing.T) int64 {
	t.Helper()
	count, err := s.temporal(t).CountWorkflow(context.Background(), &workflowservice.CountWorkflowExecutionsRequest{
		Query: "WorkflowType = '" + workflows.SnapshotName + "'",
	})
	if err != nil {
		t.Fatal(err)
	}
	return count.GetCount()
}

// runs lists the IDs of workflows by a query, newest first.
func (s *site) runs(t *testing.T, query string) []string {
	t.Helper()
	found, err := s.temporal(t).ListWorkflow(context.Background(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range found.GetExecutions() {
		ids = append(ids, e.GetExecution().GetWorkflowId())
	}
	return ids
}

// each visits a message and those in it, as long as visit says so.
func each(m protoreflect.Message, visit func(protoreflect.Message) bool) {
	if !visit(m) {
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap() && field.MapValue().Kind() == protoreflect.MessageKind:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				each(v.Message(), visit)
				return true
			})
		case field.IsList() && field.Kind() == protoreflect.MessageKind:
			for i := range v.List().Len() {
				each(v.List().Get(i).Message(), visit)
			}
		case !field.IsMap() && !field.IsList() && field.Kind() == protoreflect.MessageKind:
			each(v.Message(), visit)
		}
		return true
	})
}
