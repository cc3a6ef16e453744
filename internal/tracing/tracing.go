// Package tracing lets a request be followed through the API server, Temporal
// and the workers: OpenTelemetry's spans, sent by OTLP. Unless somebody says
// where to, there is nothing of it, and it costs nothing. Spans have names of
// workflows and routes, IDs and kinds of errors; never an error's text, a
// payload or a URL.
package tracing

import (
	"cmp"
	"context"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	temporal "go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// service is service.name unless OTEL_SERVICE_NAME says otherwise.
const service = "lifeboat"

// flushTimeout bounds how long spans are still sent when a process ends.
const flushTimeout = 5 * time.Second

// Options say where spans go.
type Options struct {
	// Endpoint is the URL of a collector. Empty leaves it to the standard
	// variables: OTEL_EXPORTER_OTLP_ENDPOINT and its relatives.
	Endpoint string
	// Version is service.version.
	Version string
	// Logger is told of spans that could not be sent.
	Logger *slog.Logger
}

// Tracing makes spans and sends them. A nil *Tracing makes none; its methods may be called.
type Tracing struct {
	provider   *sdktrace.TracerProvider
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

// Open returns nil where nobody wants spans: without an endpoint and without
// OTEL_TRACES_EXPORTER=otlp, or with OTEL_SDK_DISABLED=true or
// OTEL_TRACES_EXPORTER=none. A collector that can't be reached is no error: spans
// are sent as soon as it can, or lost. It is fault.Invalid when it is asked for
// what there is not.
func Open(ctx context.Context, o Options) (*Tracing, error) {
	wanted, err := o.wanted()
	if !wanted || err != nil {
		return nil, err
	}
	exporter, err := o.exporter(ctx)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", o.Version)),
		resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read OTEL_RESOURCE_ATTRIBUTES")
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Logger.Warn("traces are lost", "error", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &Tracing{
		provider: provider, tracer: provider.Tracer("github.com/lifeboat-dr/lifeboat"),
		propagator: propagation.TraceContext{},
	}, nil
}

// wanted reports whether anybody asks for spans.
func (o Options) wanted() (bool, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch exporter := os.Getenv("OTEL_TRACES_EXPORTER"); exporter {
	case "none":
		return false, nil
	case "otlp":
		return true, nil
	case "":
		return cmp.Or(o.Endpoint, os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")) != "", nil
	default:
		return false, fault.New(fault.Invalid, "OTEL_TRACES_EXPORTER must be otlp or none, not %q", exporter)
	}
}

// exporter speaks OTLP by the protocol that the standard variables choose.
func (o Options) exporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	endpoint, err := o.endpoint()
	if err != nil {
		return nil, err
	}
	protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf")
	var exporter sdktrace.SpanExporter
	switch protocol {
	case "http/protobuf":
		var options []otlptracehttp.Option
		if endpoint != "" {
			options = append(options, otlptracehttp.WithEndpointURL(endpoint))
		}
		exporter, err = otlptracehttp.New(ctx, options...)
	case "grpc":
		var options []otlptracegrpc.Option
		if endpoint != "" {
			options = append(options, otlptracegrpc.WithEndpointURL(endpoint))
		}
		exporter, err = otlptracegrpc.New(ctx, options...)
	default:
		return nil, fault.New(fault.Invalid, "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or grpc, not %q", protocol)
	}
	return exporter, fault.Wrap(fault.Invalid, err, "prepare to send traces")
}

// endpoint is the collector's URL with the path that OTLP has unless it has one.
func (o Options) endpoint() (string, error) {
	if o.Endpoint == "" {
		return "", nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fault.New(fault.Invalid, "tracing.endpoint must be a URL such as http://collector:4318")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// Close sends what is left, for five seconds at most.
func (t *Tracing) Close(ctx context.Context, log *slog.Logger) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		log.WarnContext(ctx, "the last traces were not sent", "error", err)
	}
}

// Interceptors are for Temporal's clients; workers made from such a client have
// them, too. They put the span into the headers of workflows and activities.
func (t *Tracing) Interceptors() ([]interceptor.ClientInterceptor, error) {
	if t == nil {
		return nil, nil
	}
	traced, err := temporal.NewTracingInterceptor(temporal.TracerOptions{
		Tracer: t.tracer, TextMapPropagator: t.propagator, DisableBaggage: true,
		// Progress is asked for by queries, once a second.
		DisableQueryTracing: true,
		// Headers of other origin are no reason to fail.
		AllowInvalidParentSpans: true,
		SpanStarter: func(ctx context.Context, tracer trace.Tracer, name string, opts ...trace.SpanStartOption) trace.Span {
			_, span := tracer.Start(ctx, name, opts...)
			return discreet{span}
		},
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "prepare traces of workflows")
	}
	return []interceptor.ClientInterceptor{scheduled{traced}}, nil
}

// scheduled leaves the making of schedules out: each of their runs would belong
// to the trace of whoever made the schedule, for years.
type scheduled struct{ interceptor.Interceptor }

// InterceptClient implements interceptor.ClientInterceptor.
func (s scheduled) InterceptClient(next interceptor.ClientOutboundInterceptor) interceptor.ClientOutboundInterceptor {
	return outbound{s.Interceptor.InterceptClient(next), next}
}

type outbound struct {
	interceptor.ClientOutboundInterceptor
	next interceptor.ClientOutboundInterceptor
}

// CreateSchedule implements interceptor.ClientOutboundInterceptor.
func (o outbound) CreateSchedule(ctx context.Context, in *interceptor.ScheduleClientCreateInput) (client.ScheduleHandle, error) {
	return o.next.CreateSchedule(ctx, in)
}
