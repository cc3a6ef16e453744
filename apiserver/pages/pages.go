// Package pages serves the admin pages. They are a client of the REST API inside
// the same process: whatever a page shows or does, it asks the REST handlers in
// the name of whoever is signed in, so that pages can do what the API can, with
// the same roles, audit entries and errors. Everything is rendered here; scripts
// only keep parts of a page fresh, and reading works without them.
package pages

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Options are what the pages need beside the API.
type Options struct {
	// Config is the section "pages" of the configuration.
	Config config.Pages
	// SessionKey seals cookies: see SessionKey.
	SessionKey secret.String
	// TemporalUI is where Temporal's Web UI is, empty when nobody knows;
	// Namespace is the one that workflows run in.
	TemporalUI string
	Namespace  string
	// Version of this program.
	Version string
	// Logger is told of pages that fail by a defect; nil for nobody.
	Logger *slog.Logger

	// now is the clock of sessions, time.Now but in tests.
	now func() time.Time
}

// site is all the pages of one server.
type site struct {
	router    *echo.Echo
	api       *apiserver.Server
	options   Options
	now       func() time.Time
	cookies   *seal.PayloadKey
	secure    bool
	templates templates
	assets    assets
	oidc      *oidcLogin
	topics    map[string]topic
	streams   streams
	shared    shared
}

// With returns what apiserver.Deps.Pages takes: it adds the pages to a router
// whose middlewares are the API server's.
func With(o Options) func(router *echo.Echo, api *apiserver.Server) error {
	return func(router *echo.Echo, api *apiserver.Server) error {
		_, err := mount(router, api, o)
		return err
	}
}

func mount(router *echo.Echo, api *apiserver.Server, o Options) (*site, error) {
	key, err := seal.NewPayloadKey(o.SessionKey)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the key for sessions can't be used: give pages.sessionKey 32 random bytes in base64 "+
			"(openssl rand -base64 32) or a passphrase of at least 12 characters")
	}
	s := &site{
		router: router, api: api, options: o, now: o.now, cookies: key,
		secure: strings.HasPrefix(o.Config.URL, "https://"), topics: map[string]topic{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.options.Logger == nil {
		s.options.Logger = slog.New(slog.DiscardHandler)
	}
	if s.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if s.templates, err = s.loadTemplates(); err != nil {
		return nil, err
	}
	if o.Config.OIDC != nil {
		s.oidc = newOIDCLogin(*o.Config.OIDC, o.Config.URL)
	}
	router.GET("/static/:name", s.assets.serve)
	router.GET("/login", s.showLogin)
	router.POST("/login", s.login)
	router.GET("/login/oidc", s.beginOIDC)
	router.GET("/login/oidc/callback", s.endOIDC)
	router.GET("/events", s.events)
	router.RouteNotFound("/*", s.notFound)
	s.post("/logout", s.logout)
	s.routes()
	return s, nil
}

// routes lists the pages.
func (s *site) routes() {
	s.get("/", s.overview)
	s.get("/alerts", s.alerts)
	s.get("/surfaces/:name", s.surface)
	s.get("/schedules", s.schedules)
	s.post("/schedules/:of/:name/pause", s.pauseSchedule)
	s.post("/schedules/:of/:name/resume", s.resumeSchedule)
	s.post("/schedules/:of/:name/run", s.runSchedule)
	s.get("/audit", s.audit)
	s.live("overview", sharedFor, s.overviewParts)
	s.innerRoutes()
}

// handler answers one request of somebody who is signed in. An error that it
// returns becomes a page.
type handler func(v *visit) error

// get adds a page that is read.
func (s *site) get(path string, h handler) {
	s.router.GET(path, func(c echo.Context) error { return s.visited(c, h) })
}

// post adds a change: it takes the session's token in the form beside the
// session itself.
func (s *site) post(path string, h handler) {
	s.router.POST(path, func(c echo.Context) error {
		return s.visited(c, func(v *visit) error {
			if !same(v.FormValue("csrf"), v.session.Token) {
				return &problem{Status: http.StatusForbidden, Title: "This form is out of date",
					Detail: "it was not sent from a page of this session: go back, load the page again, and send it once more"}
			}
			return h(v)
		})
	})
}

// visited runs a handler for whoever is signed in, and sends everybody else to
// the page where one signs in.
func (s *site) visited(c echo.Context, h handler) error {
	s.guard(c)
	v, ok := s.visitor(c)
	if !ok {
		return s.toLogin(c)
	}
	v.seen()
	if err := h(v); err != nil {
		return v.fail(err)
	}
	return nil
}

// policy lets pages load and ask this server alone, and run no script and no
// style that stands in the page itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func (s *site) guard(c echo.Context) {
	c.Response().Header().Set("Content-Security-Policy", policy)
}

// notFound answers for paths that nobody has: with a page, but in the API's
// own tree as the API does.
func (s *site) notFound(c echo.Context) error {
	if strings.HasPrefix(c.Request().URL.Path, "/v1/") || c.Request().Method != http.MethodGet {
		return echo.ErrNotFound
	}
	return s.visited(c, func(*visit) error {
		return &problem{Status: http.StatusNotFound, Title: "There is no such page",
			Detail: "the address is wrong, or what it named is gone: choose from the navigation"}
	})
}

// same compares two secrets by digests, so that the time it takes tells nothing.
func same(a, b string) bool {
	return a != "" && b != "" && seal.SHA256([]byte(a)) == seal.SHA256([]byte(b))
}

// asked is the context of what a visitor asks of the API.
func (v *visit) asked() context.Context { return v.site.api.As(v.Request().Context(), v.who) }
