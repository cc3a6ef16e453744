package apiserver

import (
	"log/slog"
	"net/http"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/tracing"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestProblemsNameTheirTrace(t *testing.T) {
	t.Parallel()
	collector := servers.NewTraces(t)
	quiet := slog.New(slog.DiscardHandler)
	traces, err := tracing.Open(t.Context(), tracing.Options{Endpoint: collector.URL, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	b := setup(t, func(d *Deps) { d.Tracing = traces })
	const trace = "0af7651916cd43dd8448eb211c80319c"
	want := map[string]string{
		"/v1/surfaces/nobody": "GET /v1/surfaces/:name",
		"/v1/admin/keys":      "GET /v1/admin/keys",
		"/nowhere":            "GET none",
		"/healthz":            "",
	}
	for path := range want {
		a := b.as(Viewer, "GET", path, "", "Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
		if path == "/healthz" {
			continue
		}
		got := loosely[struct {
			TraceID  string `json:"traceId"`
			Type     string `json:"type"`
			Instance string `json:"instance"`
		}](t, a)
		if a.status < 400 || got.TraceID != trace || got.Type == "" || got.Instance != "urn:lifeboat:request:"+a.header.Get("X-Request-Id") ||
			a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s %s", path, a.status, a.header.Get("Content-Type"), a.body)
		}
	}
	traces.Close(t.Context(), quiet)
	names := map[string]bool{}
	for _, s := range collector.Spans() {
		names[s.Name] = true
	}
	for path, name := range want {
		if name != "" && !names[name] {
			t.Errorf("no span %q of %s: %v", name, path, names)
		}
	}
	if names["GET /healthz"] {
		t.Error("the asking for health is traced")
	}
	// Without traces there is no such member.
	wantProblem(t, setup(t).as(Viewer, "GET", "/v1/surfaces/nobody", ""), http.StatusNotFound, "missing", "nobody")
}
