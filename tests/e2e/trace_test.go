package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestTraces sends the spans of an API server and of a worker in another process
// to a collector: one request is one trace, through both.
func TestTraces(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	s := siteFor(t, shop(t, pg, 100), rd.URL)
	collector := servers.NewTraces(t)
	s.env = append(s.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_BSP_SCHEDULE_DELAY=200")
	s.start(t, "up", "--api=false")
	api := s.start(t, "apiserver")

	var made started
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	if status := s.call(t, http.MethodPost, "/v1/admin/snapshots/create", `{"database":"main"}`, &made,
		"Traceparent", "00-"+trace+"-00f067aa0ba902b7-01"); status != http.StatusAccepted {
		t.Fatalf("the snapshot: %d", status)
	}
	var refused struct {
		TraceID string `json:"traceId"`
	}
	if status := s.call(t, http.MethodGet, "/v1/admin/snapshots/nobody", "", &refused); status != http.StatusNotFound || len(refused.TraceID) != 32 {
		t.Errorf("a problem: %d %+v", status, refused)
	}
	eventually(t, 3*time.Minute, "the end of the snapshot", func() bool {
		var got point
		s.call(t, http.MethodGet, "/v1/admin/snapshots/"+made.ID, "", &got)
		return got.State == "verified"
	})
	const request = "POST /v1/admin/snapshots/create"
	want := []string{
		request + " > StartWorkflow:Snapshot", request + " > StartWorkflow:Snapshot > RunWorkflow:Snapshot",
		request + " > StartWorkflow:Snapshot > RunWorkflow:Snapshot > StartActivity:Prepare > RunActivity:Prepare",
		request + " > StartWorkflow:Snapshot > RunWorkflow:Snapshot > StartActivity:Verify > RunActivity:Verify",
	}
	var spans []servers.Span
	eventually(t, time.Minute, "the spans of all of it", func() bool {
		spans = collector.Spans()
		paths := pathsOf(spans, trace)
		for _, w := range want {
			if !paths[w] {
				return false
			}
		}
		return true
	})
	// What is sent at the end is not lost.
	api.Stop()
	for _, span := range collector.Spans() {
		for _, hidden := range []string{adminKey, pg.URL, rd.URL, "AGE-SECRET-KEY"} {
			if strings.Contains(span.Raw, hidden) {
				t.Errorf("a secret is in a span: %s", span.Raw)
			}
		}
		if span.Name == "GET /readyz" {
			t.Error("the asking for health is traced")
		}
	}
}

// pathsOf are the spans of a trace, each with its ancestors before it.
func pathsOf(spans []servers.Span, trace string) map[string]bool {
	byID := map[string]servers.Span{}
	for _, s := range spans {
		if s.Trace == trace && s.Service == "lifeboat" {
			byID[s.ID] = s
		}
	}
	paths := map[string]bool{}
	for _, s := range byID {
		path := s.Name
		for above, known := byID[s.Parent]; known; above, known = byID[above.Parent] {
			path = above.Name + " > " + path
		}
		paths[path] = true
	}
	return paths
}
