package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// details asks a run for what the Web UI shows as its current details.
func details(t *testing.T, c client.Client, run started) string {
	t.Helper()
	value, err := c.QueryWorkflow(context.Background(), run.WorkflowID, run.RunID, "__temporal_workflow_metadata")
	if err != nil {
		t.Fatal(err)
	}
	var metadata sdkpb.WorkflowMetadata
	if err := value.Get(&metadata); err != nil {
		t.Fatal(err)
	}
	return metadata.GetCurrentDetails()
}

// plain decodes a payload that is text.
func plain(t *testing.T, p *commonpb.Payload) string {
	t.Helper()
	var value string
	if err := converter.GetDefaultDataConverter().FromPayload(p, &value); err != nil {
		t.Fatalf("%v: %v", p, err)
	}
	return value
}

// TestARunCanBeFollowed looks at a run as the Temporal Web UI shows it.
func TestARunCanBeFollowed(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 10)
	noise(t, live, noiseRows)
	slow, source := behind(t, live)
	s := siteFor(t, slow, rd.URL)
	s.start(t, "up")
	run := s.createStalled(t, source)
	c := s.temporal(t)
	if got := details(t, c, run); !strings.Contains(got, "snapshot of main") || !strings.Contains(got, "dumping") || !strings.Contains(got, " of 4 parts") {
		t.Errorf("the details of a dump: %q", got)
	}
	source.Heal()
	s.verified(t, run, live)
	if got := details(t, c, run); !strings.Contains(got, "done") || !strings.Contains(got, "4 of 4 parts") {
		t.Errorf("the details at the end: %q", got)
	}
	if run.WorkflowID != "snapshot/main/"+run.ID {
		t.Errorf("the workflow is called %s", run.WorkflowID)
	}
	found, err := c.DescribeWorkflowExecution(t.Context(), run.WorkflowID, run.RunID)
	if err != nil {
		t.Fatal(err)
	}
	for attribute, want := range map[string]string{
		"LifeboatSurface": "main", "LifeboatOperation": "snapshot", "LifeboatPoint": run.ID, "LifeboatVerdict": "done",
	} {
		if got := plain(t, found.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields()[attribute]); got != want {
			t.Errorf("%s is %q, want %q", attribute, got, want)
		}
	}
	for key, want := range map[string]string{"point": run.ID, "trigger": "request", "requester": "admin"} {
		if got := plain(t, found.GetWorkflowExecutionInfo().GetMemo().GetFields()[key]); got != want {
			t.Errorf("the memo's %s is %q, want %q", key, got, want)
		}
	}
	events := history(t, c, run.WorkflowID, run.RunID)
	if got := plain(t, events[0].GetUserMetadata().GetSummary()); got != "snapshot of main" {
		t.Errorf("the run's summary is %q", got)
	}
	for _, event := range events {
		if a := event.GetActivityTaskScheduledEventAttributes(); a != nil && plain(t, event.GetUserMetadata().GetSummary()) == "" {
			t.Errorf("step %s has no summary", a.GetActivityType().GetName())
		}
	}
	s.askPages(t, c, run)
}

// askPages makes sure that lists of runs can be narrowed by each attribute.
func (s *site) askPages(t *testing.T, c client.Client, run started) {
	t.Helper()
	for _, query := range []string{
		"LifeboatSurface = 'main'", "LifeboatOperation = 'snapshot'", "LifeboatPoint = '" + run.ID + "'", "LifeboatVerdict = 'done'",
	} {
		eventually(t, time.Minute, "the run is listed by "+query, func() bool { return len(s.runs(t, query)) > 0 })
	}
}
