package apiserver

import (
	"bytes"
	"context"
	_ "embed" // for the page and its style
	"encoding/json"
	"html/template"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var pageStyle []byte

// health is what /healthz and /readyz answer.
type health struct {
	// Status is ok, degraded (something that is needed later fails) or unavailable.
	Status   string `json:"status"`
	Version  string `json:"version"`
	Temporal string `json:"temporal,omitempty"`
	// Stores says ok or unavailable for each.
	Stores map[string]string `json:"stores,omitempty"`
	Audit  string            `json:"audit,omitempty"`
}

// plain adds what stands outside of the described API: health, metrics and the
// description itself.
func (s *Server) plain(router *echo.Echo, api huma.API) error {
	document, err := json.MarshalIndent(api.OpenAPI(), "", "  ")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "write the OpenAPI document")
	}
	router.GET("/openapi.json", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "application/openapi+json", document)
	})
	router.GET("/healthz", func(c echo.Context) error {
		return c.JSON(http.StatusOK, health{Status: "ok", Version: s.version})
	})
	router.GET("/readyz", s.ready)
	router.GET("/metrics", echo.WrapHandler(s.metrics.handler()), s.scraper)
	return nil
}

// scraper lets through who shows the token for metrics, and everybody where there is none.
func (s *Server) scraper(next echo.HandlerFunc) echo.HandlerFunc {
	token := s.config.Metrics.Token.Reveal()
	if token == "" {
		return next
	}
	// Digests take as long to compare whatever was sent.
	want := seal.SHA256([]byte(token))
	return func(c echo.Context) error {
		scheme, sent, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
		if !strings.EqualFold(scheme, "Bearer") || seal.SHA256([]byte(strings.TrimSpace(sent))) != want {
			c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="lifeboat metrics"`)
			return echo.NewHTTPError(http.StatusUnauthorized, "metrics take the token that metrics.token of the configuration says, as Authorization: Bearer TOKEN")
		}
		return next(c)
	}
}

// ready answers 503 while Temporal can't be reached, for then nothing can be
// started. A store that fails, or an audit log that can't be written, shows,
// but the API goes on answering what is wrong.
func (s *Server) ready(c echo.Context) error {
	ctx := c.Request().Context()
	h := health{Status: "ok", Version: s.version, Temporal: "ok", Audit: "ok", Stores: map[string]string{}}
	for name, usable := range s.readiness.look(ctx) {
		h.Stores[name] = "ok"
		if !usable {
			h.Stores[name], h.Status = "unavailable", "degraded"
		}
	}
	if s.auditBroken.Load() {
		h.Audit, h.Status = "unavailable", "degraded"
	}
	status := http.StatusOK
	asking, cancel := context.WithTimeout(ctx, temporalTimeout)
	defer cancel()
	if err := s.launcher.Health(asking); err != nil {
		h.Temporal, h.Status, status = "unavailable", "unavailable", http.StatusServiceUnavailable
	}
	return c.JSON(status, h)
}

// plainPage adds the one page that there is without the admin pages.
func plainPage(router *echo.Echo, s *Server) error {
	page, err := s.page()
	if err != nil {
		return err
	}
	router.GET("/", func(c echo.Context) error { return c.HTMLBlob(http.StatusOK, page) })
	router.GET("/page.css", func(c echo.Context) error {
		return c.Blob(http.StatusOK, "text/css; charset=utf-8", pageStyle)
	})
	return nil
}

// page is the same for everybody, so it is made once.
func (s *Server) page() ([]byte, error) {
	layout, err := template.New("page").Parse(pageSource)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "read the page")
	}
	var out bytes.Buffer
	err = layout.Execute(&out, struct{ Version, TemporalUI string }{s.version, s.temporalUI})
	return out.Bytes(), fault.Wrap(fault.Internal, err, "make the page")
}
