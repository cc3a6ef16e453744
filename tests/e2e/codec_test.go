package e2e

import (
	"net/http"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// TestEncryptedHistories gives Temporal nothing to read, and everything works.
func TestEncryptedHistories(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 10)
	const key = "a passphrase for histories"
	s := siteFor(t, live, rd.URL)
	s = s.with(t, "listen: ", "temporal: {codecKey: \""+key+"\"}\nlisten: ")
	s.start(t, "up")
	run := s.create(t)
	s.verified(t, run, live)
	id := s.restored(t, run.ID)
	if code, _ := s.try(http.MethodGet, "/v1/admin/snapshots/"+run.ID, "", nil); code != http.StatusOK {
		t.Errorf("GET the snapshot: %d", code)
	}
	for _, workflowID := range []string{run.WorkflowID, id} {
		for _, event := range history(t, s.temporal(t), workflowID, "") {
			for _, p := range payloads(event) {
				if encoding := string(p.GetMetadata()["encoding"]); encoding != "binary/encrypted" {
					t.Errorf("%s: %s has a payload that is %s: %.100s", workflowID, event.GetEventType(), encoding, p.GetData())
				}
			}
		}
	}
	keyed := *s
	keyed.codecKey, keyed.link = key, &link{}
	defer keyed.link.close()
	var in workflows.SnapshotInput
	first := history(t, keyed.temporal(t), run.WorkflowID, run.RunID)[0].GetWorkflowExecutionStartedEventAttributes()
	if err := converter.GetDefaultDataConverter().FromPayloads(first.GetInput(), &in); err == nil {
		t.Error("the input could be read without the key")
	}
	if got := phaseOf(t, keyed.temporal(t), run); got != "done" {
		t.Errorf("the phase, read with the key: %q", got)
	}
}

// payloads are those of an event that a codec can encrypt: search attributes can't be.
func payloads(event *historypb.HistoryEvent) []*commonpb.Payload {
	var out []*commonpb.Payload
	each(event.ProtoReflect(), func(m protoreflect.Message) bool {
		switch m := m.Interface().(type) {
		case *commonpb.SearchAttributes, *commonpb.Header:
			return false
		case *commonpb.Payload:
			out = append(out, m)
		}
		return true
	})
	return out
}
