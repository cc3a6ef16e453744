package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/tracing"
)

// problemType is what the type of every problem (RFC 9457) begins with.
const problemType = "urn:lifeboat:problem:"

// problem answers an error: its kind decides the status and the type, its text
// is the detail. An error that nobody classified may say anything, so it is
// logged, and the answer only says where to look.
func (s *Server) problem(ctx context.Context, err error) huma.StatusError {
	if known, ok := errors.AsType[*huma.ErrorModel](err); ok {
		return known
	}
	kind := fault.KindOf(err)
	detail := err.Error()
	if kind == fault.Internal {
		s.log.ErrorContext(ctx, "a request failed", "error", err, "requestId", requestID(ctx))
		detail = "an internal error; the server's log says more under request " + requestID(ctx)
	}
	return newProblem(kind.HTTPStatus(), string(kind), detail)
}

func newProblem(status int, slug, detail string) *huma.ErrorModel {
	return &huma.ErrorModel{
		Type: problemType + slug, Title: http.StatusText(status), Status: status, Detail: detail,
	}
}

// slugs are the problem types of statuses that no fault.Kind stands for.
var slugs = map[int]string{
	http.StatusBadRequest:            "invalid",
	http.StatusUnauthorized:          "unauthenticated",
	http.StatusForbidden:             "denied",
	http.StatusNotFound:              "missing",
	http.StatusMethodNotAllowed:      "method-not-allowed",
	http.StatusRequestTimeout:        "timeout",
	http.StatusRequestEntityTooLarge: "too-large",
	http.StatusUnsupportedMediaType:  "unsupported-media-type",
	http.StatusUnprocessableEntity:   "invalid",
	http.StatusTooManyRequests:       "too-many-requests",
	http.StatusServiceUnavailable:    "unavailable",
}

func slugOf(status int) string {
	if slug, ok := slugs[status]; ok {
		return slug
	}
	return "internal"
}

// finishProblem gives problems that the framework made their type, adds the
// path, and takes out values that it would repeat to the client.
func finishProblem(ctx huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if p.Type == "" {
		p.Type = problemType + slugOf(p.Status)
	}
	if p.Status >= http.StatusInternalServerError && p.Type == problemType+"internal" {
		p.Errors = nil
	}
	for _, e := range p.Errors {
		e.Value = nil
	}
	p.Instance = instance(requestID(ctx.Context()))
	if id := tracing.ID(ctx.Context()); id != "" {
		return &tracedProblem{p, id}, nil
	}
	return p, nil
}

// tracedProblem also names the trace that the request is in.
type tracedProblem struct {
	*huma.ErrorModel
	TraceID string `json:"traceId"`
}

// instance names one occurrence of a problem by its request.
func instance(request string) string { return "urn:lifeboat:request:" + request }

// writeProblem answers outside of the described API: unknown paths, panics.
func writeProblem(c echo.Context, status int, detail string) error {
	p := newProblem(status, slugOf(status), detail)
	p.Instance = instance(requestID(c.Request().Context()))
	var body any = p
	if id := tracing.ID(c.Request().Context()); id != "" {
		body = &tracedProblem{p, id}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.Blob(status, p.ContentType(echo.MIMEApplicationJSON), append(text, '\n'))
}

// handleError is Echo's handler for errors that handlers and the router return.
func (s *Server) handleError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status := http.StatusInternalServerError
	if known, ok := errors.AsType[*echo.HTTPError](err); ok {
		status = known.Code
	}
	detail := http.StatusText(status)
	switch status {
	case http.StatusNotFound:
		detail = "there is nothing at this path; /openapi.json lists what there is"
	case http.StatusMethodNotAllowed:
		detail = "the path exists, the method " + strconv.Quote(c.Request().Method) + " does not"
	case http.StatusInternalServerError:
		s.log.ErrorContext(c.Request().Context(), "a request failed", "error", err, "requestId", requestID(c.Request().Context()))
		detail = "an internal error; the server's log says more under request " + requestID(c.Request().Context())
	}
	if err := writeProblem(c, status, detail); err != nil {
		s.log.DebugContext(c.Request().Context(), "an answer could not be written", "error", err)
	}
}
