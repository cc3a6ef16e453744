package tracing

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// discreet is a span that says what kind of error there was, and not its text:
// histories may be encrypted, and traces are not.
type discreet struct{ trace.Span }

// RecordError implements trace.Span.
func (d discreet) RecordError(err error, _ ...trace.EventOption) {
	if err != nil {
		kind := string(fault.KindOf(err))
		// What comes from another worker has its kind for its type.
		if remote, ok := errors.AsType[*temporal.ApplicationError](err); ok {
			kind = remote.Type()
		}
		d.SetAttributes(attribute.String("error.type", kind))
	}
}

// SetStatus implements trace.Span.
func (d discreet) SetStatus(code codes.Code, _ string) { d.Span.SetStatus(code, "") }

// Request begins the span of an HTTP request, as part of the trace that its
// headers or its context name. end is called with the route, without the values
// in it, and the status of the answer.
func (t *Tracing) Request(r *http.Request) (ctx context.Context, end func(route string, status int)) {
	if t == nil {
		return r.Context(), func(string, int) {}
	}
	ctx, kind := r.Context(), trace.SpanKindInternal
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx, kind = t.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header)), trace.SpanKindServer
	}
	method := knownMethod(r.Method)
	ctx, span := t.tracer.Start(ctx, method, trace.WithSpanKind(kind))
	return ctx, func(route string, status int) {
		span.SetName(method + " " + route)
		span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route),
			attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// knownMethod keeps what a client may invent out of the names of spans.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "_OTHER"
	}
}

// ID is the ID of the trace that a context belongs to, in hexadecimal digits;
// empty for none.
func ID(ctx context.Context) string {
	if of := trace.SpanContextFromContext(ctx); of.IsValid() {
		return of.TraceID().String()
	}
	return ""
}

// Handler adds the trace's ID to what is logged with a context that has one.
func Handler(next slog.Handler) slog.Handler { return handler{next} }

type handler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if id := ID(ctx); id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("traceId", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
