package pages

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
)

// loginForm is what the page for signing in shows.
type loginForm struct {
	// Next is the page to go to after it.
	Next string
	// Problem says why the last try failed.
	Problem string
	// OIDC is whether a provider is configured.
	OIDC bool
}

// toLogin sends the browser to sign in, and back here afterwards. A script that
// asks for a part of a page is told to load the whole of it.
func (s *site) toLogin(c echo.Context) error {
	next := "/"
	if c.Request().Method == http.MethodGet {
		next = c.Request().URL.RequestURI()
	}
	to := "/login"
	if next != "/" {
		to += "?" + url.Values{"next": {next}}.Encode()
	}
	if c.Request().Header.Get("HX-Request") != "" {
		c.Response().Header().Set("HX-Redirect", to)
		return c.NoContent(http.StatusUnauthorized)
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// localPath is a path on this server to go on to; "/" for anything that a browser
// might take for another server's.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

func (s *site) showLogin(c echo.Context) error {
	s.guard(c)
	next := localPath(c.QueryParam("next"))
	if _, ok := s.visitor(c); ok {
		return c.Redirect(http.StatusSeeOther, next)
	}
	return s.loginPage(c, http.StatusOK, loginForm{Next: next})
}

func (s *site) loginPage(c echo.Context, status int, form loginForm) error {
	form.OIDC = s.oidc != nil
	return s.write(c, status, "login", "layout", s.bare(form))
}

// login checks an API key. The API counts failures, and writes them to the audit log.
func (s *site) login(c echo.Context) error {
	s.guard(c)
	form := loginForm{Next: localPath(c.FormValue("next"))}
	key, err := s.api.Login(c.Request().Context(), c.FormValue("key"), remote(c.Request()))
	if refusal, ok := errors.AsType[huma.StatusError](err); ok && refusal.GetStatus() < http.StatusInternalServerError {
		form.Problem = "That key is not valid. Enter it whole, as it was shown when it was made: lb_ID_SECRET."
		if refusal.GetStatus() != http.StatusUnauthorized {
			form.Problem = sentence(refusal.Error())
		}
		return s.loginPage(c, refusal.GetStatus(), form)
	}
	if err != nil {
		return err
	}
	s.signIn(c, session{Key: key.ID, Proof: s.api.KeyProof(key.ID)})
	return c.Redirect(http.StatusSeeOther, form.Next)
}

// sentence is a message of the API as a sentence.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// remote is the address that a request comes from.
func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (s *site) logout(v *visit) error {
	s.api.Record(v.Request().Context(), audit.Entry{
		Actor: v.who.ID, Role: string(v.who.Role), Action: "session.logout", Target: v.who.ID, Result: audit.Done,
	})
	s.dropCookie(v.Context, sessionCookie)
	s.dropCookie(v.Context, flashCookie)
	// What the browser keeps of pages goes with the session.
	v.Response().Header().Set("Clear-Site-Data", `"cache"`)
	return v.redirect("/login")
}
