package apiserver

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
)

// withPages adds a page that asks the API for surfaces on behalf of the key
// that the query names, and one that logs in with the token in the query.
func withPages(d *Deps) {
	d.Pages = func(router *echo.Echo, s *Server) error {
		router.GET("/", func(c echo.Context) error {
			key, known := s.KeyByID(c.QueryParam("as"))
			if name, person := strings.CutPrefix(c.QueryParam("as"), "oidc:"); person {
				key, known = s.Identity(name, Operator), true
			}
			if !known {
				return c.String(http.StatusTeapot, "who?")
			}
			inner := httptest.NewRequestWithContext(s.As(c.Request().Context(), key), c.QueryParam("method"), c.QueryParam("path"), nil)
			s.Handler().ServeHTTP(c.Response(), inner)
			return nil
		})
		return nil
	}
}

func TestPagesActForWhoTheyKnow(t *testing.T) {
	t.Parallel()
	b := setup(t, withPages)
	if a := b.send("GET", "/?as=nobody", ""); a.status != http.StatusTeapot {
		t.Errorf("an unknown key gives %d", a.status)
	}
	who := decode[Key](t, b.send("GET", "/?as=viewer&method=GET&path=/v1/whoami", ""))
	if who.ID != "viewer" || who.Role != Viewer || who.Source != "config" {
		t.Errorf("the page acts as %+v", who)
	}
	wantProblem(t, b.send("GET", "/?as=viewer&method=GET&path=/v1/admin/keys", ""), http.StatusForbidden, "denied", "the key has the role viewer")
	who = decode[Key](t, b.send("GET", "/?as=oidc:ann%20b%0A@x&method=GET&path=/v1/whoami", ""))
	if !strings.HasPrefix(who.ID, "oidc:ann_b_@x--") || who.Role != Operator || who.Source != "oidc" {
		t.Errorf("a person is %+v", who)
	}
	a := b.send("GET", "/?as=operator&method=DELETE&path=/v1/admin/keys/x", "", "X-Request-Id", "outer")
	wantProblem(t, a, http.StatusForbidden, "denied", "")
	entries := b.audited()
	last := entries[len(entries)-1]
	if last.Actor != "operator" || last.RequestID != "outer" || last.Remote != "192.0.2.1" || last.Result != audit.Refused {
		t.Errorf("the audit log has %+v", last)
	}
	// What comes over the network has to show a key.
	wantProblem(t, b.send("GET", "/v1/whoami", ""), http.StatusUnauthorized, "unauthenticated", "missing")
	if who := decode[Key](t, b.as(Admin, "GET", "/v1/whoami", "")); who.ID != "boss" {
		t.Errorf("whoami: %+v", who)
	}
}

func TestDifferentPeopleAreDifferent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if id := b.server.Identity("ann@example.com", Viewer).ID; id != "oidc:ann@example.com" {
		t.Errorf("a plain name is %s", id)
	}
	long := strings.Repeat("a", 200)
	blank := b.server.Identity("a b", Viewer).ID
	known := map[string]string{}
	for _, name := range []string{
		"a b", "a_b", "a\tb", "a\u00a0b", "a\x00b", "a\xffb", "a\ufffdb", long, long + "b", long + "c", long + "…", strings.TrimPrefix(blank, "oidc:"), "",
	} {
		id := b.server.Identity(name, Viewer).ID
		if other, twice := known[id]; twice {
			t.Errorf("%q and %q are both %s", name, other, id)
		}
		known[id] = name
		if strings.ContainsAny(id, " \t\x00") || len(id) > 240 {
			t.Errorf("%q is %q", name, id)
		}
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b.server.failures.now = func() time.Time { return now }
	ctx := context.WithValue(t.Context(), requestKey, request{id: "r", remote: "192.0.2.7"})
	key, err := b.server.Login(ctx, " "+token(Approver)+"\n", "192.0.2.7")
	if err != nil || key.ID != "approver" || key.Role != Approver {
		t.Fatalf("%+v, %v", key, err)
	}
	if e := b.audited()[0]; e.Action != "session.login" || e.Actor != "approver" || e.Result != audit.Done || e.Remote != "192.0.2.7" {
		t.Errorf("the audit log has %+v", e)
	}
	status := func(err error) int {
		problem, ok := errors.AsType[huma.StatusError](err)
		if !ok {
			t.Fatalf("%v is not a problem", err)
		}
		return problem.GetStatus()
	}
	for range addressBurst {
		if _, err := b.server.Login(ctx, "lb_viewer_guess", "192.0.2.7"); status(err) != http.StatusUnauthorized {
			t.Fatalf("a guess gives %v", err)
		}
	}
	if _, err := b.server.Login(ctx, "lb_viewer_guess", "192.0.2.7"); status(err) != http.StatusTooManyRequests || !strings.Contains(err.Error(), "try again in 7s") {
		t.Errorf("many guesses give %v", err)
	}
	if _, err := b.server.Login(ctx, token(Viewer), "192.0.2.8"); err != nil {
		t.Errorf("another address is held back: %v", err)
	}
}
