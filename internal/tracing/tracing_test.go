package tracing_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/internal/engine/enginetest"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
	"github.com/lifeboat-dr/lifeboat/internal/tracing"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

var quiet = slog.New(slog.DiscardHandler)

func open(t *testing.T, collector *servers.Traces) *tracing.Tracing {
	t.Helper()
	traces, err := tracing.Open(t.Context(), tracing.Options{Endpoint: collector.URL, Version: "1.2.3", Logger: quiet})
	if err != nil || traces == nil {
		t.Fatal(traces, err)
	}
	return traces
}

func TestWhoWantsTraces(t *testing.T) {
	for name, c := range map[string]struct {
		endpoint, variables string
		wanted              bool
		says                string
	}{
		"nobody":             {"", "", false, ""},
		"the configuration":  {"http://127.0.0.1:1", "", true, ""},
		"a variable":         {"", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", true, ""},
		"its relative":       {"", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1/v1/traces", true, ""},
		"the exporter alone": {"", "OTEL_TRACES_EXPORTER=otlp", true, ""},
		"by gRPC":            {"", "OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=grpc", true, ""},
		"none":               {"http://127.0.0.1:1", "OTEL_TRACES_EXPORTER=none", false, ""},
		"switched off":       {"http://127.0.0.1:1", "OTEL_SDK_DISABLED=true", false, ""},
		"another exporter":   {"", "OTEL_TRACES_EXPORTER=console", false, "must be otlp or none"},
		"another protocol":   {"http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL=http/json", false, "http/protobuf or grpc"},
		"no URL":             {"collector:4318", "", false, "must be a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, name := range []string{
				"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_SDK_DISABLED",
			} {
				t.Setenv(name, "")
			}
			for pair := range strings.FieldsSeq(c.variables) {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv(name, value)
			}
			traces, err := tracing.Open(t.Context(), tracing.Options{Endpoint: c.endpoint, Logger: quiet})
			switch {
			case c.says != "":
				if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want fault.Invalid that says %q", err, c.says)
				}
			case err != nil || (traces != nil) != c.wanted:
				t.Errorf("%v, %v", traces, err)
			}
			traces.Close(t.Context(), quiet)
		})
	}
}

func TestWithoutTraces(t *testing.T) {
	t.Parallel()
	var none *tracing.Tracing
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", http.NoBody)
	ctx, end := none.Request(r)
	end("/x", 200)
	if found, err := none.Interceptors(); ctx != r.Context() || found != nil || err != nil || tracing.ID(ctx) != "" {
		t.Error("without tracing there should be nothing")
	}
	none.Close(t.Context(), quiet)
}

func TestRequests(t *testing.T) {
	t.Parallel()
	collector := servers.NewTraces(t)
	traces := open(t, collector)
	r := httptest.NewRequestWithContext(t.Context(), "BREW", "/v1/x/secret", http.NoBody)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	ctx, end := traces.Request(r)
	if got := tracing.ID(ctx); got != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the trace is %q", got)
	}
	_, endInner := traces.Request(httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/y", http.NoBody))
	endInner("/v1/y", 503)
	end("/v1/x/:id", 200)
	var log bytes.Buffer
	logger := slog.New(tracing.Handler(slog.NewTextHandler(&log, nil))).With("a", 1)
	logger.InfoContext(ctx, "hello")
	logger.Info("bye")
	if lines := strings.Split(log.String(), "\n"); !strings.HasSuffix(lines[0], "a=1 traceId=0af7651916cd43dd8448eb211c80319c") || strings.Contains(lines[1], "traceId") {
		t.Errorf("the log is %s", log.String())
	}
	traces.Close(t.Context(), quiet)
	spans := collector.Spans()
	if len(spans) != 2 || spans[0].Name != "GET /v1/y" || spans[1].Name != "_OTHER /v1/x/:id" {
		t.Fatalf("%+v", spans)
	}
	if inner, outer := spans[0], spans[1]; inner.Parent != outer.ID || outer.Parent != "b7ad6b7169203331" || outer.Service != "lifeboat" || inner.Trace != outer.Trace {
		t.Errorf("%+v", spans)
	}
	if strings.Contains(spans[0].Raw+spans[1].Raw, "secret") {
		t.Error("the path of the request is in its span")
	}
}

// A trace goes through a workflow, its activities and a child, and has kinds of
// errors in the place of their texts.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	collector := servers.NewTraces(t)
	traces := open(t, collector)
	interceptors, err := traces.Interceptors()
	if err != nil {
		t.Fatal(err)
	}
	c, err := temporalclient.Dial(t.Context(), temporalclient.Options{
		Address: enginetest.Start(t).Address(), Interceptors: interceptors, CodecKey: "a passphrase of some length",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := worker.New(c, "q", worker.Options{})
	seen := make(chan string, 1)
	w.RegisterActivityWithOptions(func(ctx context.Context) error {
		seen <- tracing.ID(ctx)
		return temporal.NewNonRetryableApplicationError("hush-hush", "denied", nil)
	}, activity.RegisterOptions{Name: "Step"})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		return workflow.ExecuteActivity(ctx, "Step").Get(ctx, nil)
	}, workflow.RegisterOptions{Name: "Work"})
	alone := make(chan string, 8)
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		span, _ := opentelemetry.SpanFromWorkflowContext(ctx)
		alone <- span.SpanContext().TraceID().String()
		return nil
	}, workflow.RegisterOptions{Name: "Alone"})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, end := traces.Request(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/work", http.NoBody))
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: "q"}, "Work")
	if err != nil {
		t.Fatal(err)
	}
	var failed *temporal.ApplicationError
	if err := run.Get(t.Context(), nil); !errors.As(err, &failed) {
		t.Fatal(err)
	}
	end("/v1/work", 202)
	// What a schedule starts is a trace of its own.
	_, err = c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: "often", TriggerImmediately: true, Action: &client.ScheduleWorkflowAction{ID: "scheduled", Workflow: "Alone", TaskQueue: "q"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-alone; got == tracing.ID(ctx) || got == "" {
		t.Errorf("what a schedule starts is of trace %q, as is what made the schedule", got)
	}
	w.Stop()
	traces.Close(t.Context(), quiet)
	var chain []string
	byID := map[string]servers.Span{}
	for _, s := range collector.Spans() {
		byID[s.ID] = s
		if s.Trace != tracing.ID(ctx) && s.Name != "RunWorkflow:Alone" || strings.Contains(s.Raw, "hush") {
			t.Errorf("a span is of another trace, or says too much: %s", s.Raw)
		}
	}
	for _, s := range byID {
		if s.Name != "RunActivity:Step" {
			continue
		}
		if s.Attributes["error.type"] != "denied" {
			t.Errorf("the step says of its error %v", s.Attributes)
		}
		for at, more := s, true; more; at, more = byID[at.Parent], at.Parent != "" {
			chain = append(chain, at.Name)
		}
	}
	slices.Reverse(chain)
	if got, want := strings.Join(chain, " > "), "POST /v1/work > StartWorkflow:Work > RunWorkflow:Work > StartActivity:Step > RunActivity:Step"; got != want {
		t.Errorf("the trace is %s, want %s", got, want)
	}
	if got := <-seen; got != tracing.ID(ctx) {
		t.Errorf("the step sees trace %q", got)
	}
}
