package temporalclient_test

import (
	"errors"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/internal/engine/enginetest"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
)

// One engine serves all of these: they need what only a real server does.
func TestAgainstARealServer(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t)
	t.Run("a missing namespace", func(t *testing.T) {
		t.Parallel()
		_, err := temporalclient.Dial(t.Context(), temporalclient.Options{Address: e.Address(), Namespace: "nowhere"})
		if !fault.Is(err, fault.Missing) || !strings.Contains(err.Error(), "namespace create") {
			t.Errorf("got %v, want fault.Missing that says how to create it", err)
		}
	})
	t.Run("search attributes", func(t *testing.T) {
		t.Parallel()
		c := enginetest.Dial(t, e)
		a, b := temporal.NewSearchAttributeKeyKeyword("A"), temporal.NewSearchAttributeKeyInt64("B")
		for _, keys := range [][]temporal.SearchAttributeKey{{a}, {a, b}, {a, b}} {
			if err := temporalclient.EnsureSearchAttributes(t.Context(), c, "default", keys); err != nil {
				t.Fatal(err)
			}
		}
		_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			TaskQueue: "nobody", TypedSearchAttributes: temporal.NewSearchAttributes(a.ValueSet("x"), b.ValueSet(1)),
		}, "nothing")
		if err != nil {
			t.Errorf("the attributes can't be used: %v", err)
		}
	})
	t.Run("nothing readable in a history", func(t *testing.T) {
		t.Parallel()
		c, err := temporalclient.Dial(t.Context(), temporalclient.Options{Address: e.Address(), CodecKey: phrase})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		testEncryptedHistory(t, c)
	})
}

// confide fails with what it was told.
func confide(_ workflow.Context, told string) error { return errors.New("failed with " + told) }

func testEncryptedHistory(t *testing.T, c client.Client) {
	t.Helper()
	w := worker.New(c, "confide", worker.Options{})
	w.RegisterWorkflow(confide)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		TaskQueue: "confide", Memo: map[string]any{"note": "a CONFIDENCE"}, StaticSummary: "a CONFIDENCE",
	}, confide, "a CONFIDENCE")
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "failed with a CONFIDENCE") {
		t.Errorf("with the key, the failure reads %v", err)
	}
	history, err := c.WorkflowService().GetWorkflowExecutionHistory(t.Context(), &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace: "default", Execution: &commonpb.WorkflowExecution{WorkflowId: run.GetID()},
	})
	if err != nil {
		t.Fatal(err)
	}
	raw := history.String()
	if !strings.Contains(raw, "encryption-key-id") || strings.Contains(raw, "CONFIDENCE") {
		t.Errorf("the history shows what it was told: %s", raw)
	}
}
