package apiserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// requestIDHeader carries the request's id in both directions.
const requestIDHeader = "X-Request-Id"

// unobserved is asked for too often, by machines, for anybody to want traces of it.
var unobserved = []string{"/healthz", "/readyz", "/metrics"}

// observe gives a request its id, and measures and logs how it went.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		// A request that this process makes while it answers another one is part of that.
		r := requestOf(c.Request().Context())
		if r.id == "" {
			r = request{id: c.Request().Header.Get(requestIDHeader), remote: remoteOf(c.Request())}
		}
		if !usableRequestID(r.id) {
			r.id = seal.RandomID(16)
		}
		ctx, end := c.Request().Context(), func(string, int) {}
		if !slices.Contains(unobserved, c.Request().URL.Path) {
			ctx, end = s.tracing.Request(c.Request())
		}
		c.SetRequest(c.Request().WithContext(context.WithValue(ctx, requestKey, r)))
		c.Response().Header().Set(requestIDHeader, r.id)
		if err := next(c); err != nil {
			c.Error(err)
		}
		took := time.Since(began)
		end(cmp.Or(c.Path(), "none"), c.Response().Status)
		s.metrics.observe(c.Request().Method, c.Path(), c.Response().Status, took)
		s.log.DebugContext(c.Request().Context(), "request", "method", c.Request().Method, "route", c.Path(),
			"status", c.Response().Status, "took", took, "requestId", r.id, "remote", r.remote)
		return nil
	}
}

func usableRequestID(id string) bool {
	return id != "" && len(id) <= 64 &&
		strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}

// remoteOf is the address that the connection comes from. Headers that claim
// another one are not believed.
func remoteOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// recover turns a panic into an answer, and keeps the server alive.
func (s *Server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler:
				panic(cause)
			default:
				ctx := c.Request().Context()
				s.log.ErrorContext(ctx, "a request panicked", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()),
					"requestId", requestID(ctx))
				err = errors.New("panic")
			}
		}()
		return next(c)
	}
}

// contentPolicy lets pages load this server's own style sheet and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// secure sets the headers that keep browsers from doing more than is meant.
// Pages set a Content-Security-Policy of their own over it.
func secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		return next(c)
	}
}

// sameOrigin refuses changes that a browser was made to send by another site:
// it would add credentials that its user typed in here.
func sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		if err := protection.Check(c.Request()); err != nil {
			return writeProblem(c, http.StatusForbidden, "a page of another site may not ask for changes")
		}
		return next(c)
	}
}

// limitBody ends requests that are larger than any that makes sense.
func limitBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().ContentLength > maxBody {
			return writeProblem(c, http.StatusRequestEntityTooLarge, "a request may have at most 1 MiB")
		}
		c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, maxBody)
		return next(c)
	}
}
