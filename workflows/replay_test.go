package workflows_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/workflows"
)

// names collects what is registered.
type names struct {
	worker.WorkflowRegistry
	all []string
}

func (n *names) RegisterWorkflowWithOptions(_ any, o workflow.RegisterOptions) {
	n.all = append(n.all, o.Name)
}

// TestReplay replays runs of released versions: code that would now take
// another way through them breaks what runs while Lifeboat is upgraded. The
// histories come from real runs, by TestRecordReplays of the end-to-end tests.
func TestReplay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/replay/*.json")
	if err != nil {
		t.Fatal(err)
	}
	replayed := map[string]bool{}
	for _, file := range files {
		h := read(t, file)
		replayed[h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()] = true
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			replayer := worker.NewWorkflowReplayer()
			workflows.Register(replayer)
			if err := replayer.ReplayWorkflowHistory(nil, h); err != nil {
				t.Error(err)
			}
		})
	}
	registered := &names{}
	workflows.Register(registered)
	for _, name := range registered.all {
		if !replayed[name] {
			t.Errorf("no history of workflow %s is replayed: record one", name)
		}
	}
}

func read(t *testing.T, file string) *history.History {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(h.GetEvents()) == 0 {
		t.Fatalf("%s has no events", file)
	}
	return h
}
