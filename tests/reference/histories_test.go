package reference

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const historiesHead = `# Histories

How large the histories of workflows are in Temporal, counted in the recorded ones that tests replay. Sizes are
those of the events as Temporal encodes them, before its database compresses anything. [Scale](../scale.md) reckons with them.

| recorded run | workflow | steps | events | KB |
| --- | --- | --- | --- | --- |
`

func TestHistories(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(servers.Root(t), "workflows", "testdata", "replay")
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded histories: %v", err)
	}
	var rows strings.Builder
	for _, file := range files {
		h := history(t, file)
		steps := 0
		for _, e := range h.GetEvents() {
			if e.GetEventType() == enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED {
				steps++
			}
		}
		fmt.Fprintf(&rows, "| %s | %s | %d | %d | %.1f |\n", strings.TrimSuffix(filepath.Base(file), ".json"),
			h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName(),
			steps, len(h.GetEvents()), float64(proto.Size(h))/1000)
	}
	page(t, "histories.md", historiesHead+rows.String())
}

func history(t *testing.T, file string) *historypb.History {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	if err != nil || len(h.GetEvents()) == 0 {
		t.Fatalf("%s: %d events, %v", file, len(h.GetEvents()), err)
	}
	return h
}
