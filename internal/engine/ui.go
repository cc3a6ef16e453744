//go:build !slim

package engine

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/temporalio/ui-server/v2/server/api"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/csrf"
	"github.com/temporalio/ui-server/v2/server/headers"
	"github.com/temporalio/ui-server/v2/server/route"
	"github.com/temporalio/ui-server/v2/ui"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// uiSettings is a configuration of the Web UI that never changes.
type uiSettings config.Config

// GetConfig implements config.ConfigProvider.
func (s *uiSettings) GetConfig() (*config.Config, error) { return (*config.Config)(s), nil }

// webUI is the Web UI on a listener of ours. The server that comes with the UI
// opens its own and ends the process when it can't.
type webUI struct {
	server *http.Server
	url    string
}

func startUI(l net.Listener, at netip.AddrPort, temporal, namespace string) (*webUI, error) {
	pages, err := uiHandler(temporal, namespace)
	if err != nil {
		return nil, err
	}
	if at.Addr().IsLoopback() {
		pages = onlyLocalNames(pages)
	}
	if at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(netip.MustParseAddr(loopback), at.Port())
	}
	w := &webUI{
		server: &http.Server{Handler: pages, ReadHeaderTimeout: 10 * time.Second},
		url:    "http://" + at.String(),
	}
	// Serve returns when stop closes the listener, and for no other reason that could be helped.
	go func() { _ = w.server.Serve(l) }()
	return w, nil
}

// stop ends the UI; pages still being sent have a moment.
func (w *webUI) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if err := w.server.Shutdown(ctx); err != nil {
		_ = w.server.Close()
	}
}

// uiHandler puts the Web UI together: its pages, and its door to Temporal.
func uiHandler(temporal, namespace string) (http.Handler, error) {
	settings, err := config.NewConfigProviderWithRefresh(&uiSettings{
		TemporalGRPCAddress: temporal,
		DefaultNamespace:    namespace,
		EnableUI:            true,
		DisableNewsFetch:    true,
		HideLogs:            true,
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "configuring the Web UI")
	}
	all, err := ui.Assets()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the Web UI's pages")
	}
	pages, err := fs.Sub(all, "local")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the Web UI's pages")
	}

	// Plain http on the loopback: a cookie for https only would not come back in every browser.
	const secureCookie = false
	e := echo.New()
	e.Use(middleware.Recover(), middleware.Gzip(), middleware.Secure(),
		csrf.EnsureTokenCookie(secureCookie), middleware.CSRFWithConfig(csrf.MiddlewareConfig(settings, secureCookie)))
	route.SetHealthRoute(e)
	forward := headers.WithForwardHeaders([]string{"Caller-Type"})
	err = errors.Join(
		route.SetAPIRoutes(e, settings, []api.Middleware{forward}),
		route.SetUIRoutes(e, "", pages, settings),
	)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "starting the Web UI")
	}
	route.SetRenderRoute(e, "/")
	return e, nil
}

// onlyLocalNames refuses requests that came under another host's name, so that
// a web site which points its own name at the loopback can't drive the engine
// through a visitor's browser.
func onlyLocalNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(r.Host); err == nil {
			host = name
		}
		if host != "localhost" && !net.ParseIP(host).IsLoopback() {
			http.Error(w, "the Web UI answers to localhost only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
