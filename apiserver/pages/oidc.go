package pages

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/labstack/echo/v4"
	"golang.org/x/oauth2"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// providerTimeout is how long a provider may take to answer.
const providerTimeout = 15 * time.Second

// oidcLogin signs people in by OpenID Connect: the authorisation code flow with
// PKCE (RFC 7636), state and nonce.
type oidcLogin struct {
	config config.OIDC
	back   string
	client *http.Client

	// provider is read at the first log-in, and again until that succeeds: the
	// API starts without it.
	mu       sync.Mutex
	provider *oidc.Provider
}

func newOIDCLogin(c config.OIDC, url string) *oidcLogin {
	return &oidcLogin{config: c, back: url + "/login/oidc/callback", client: &http.Client{Timeout: providerTimeout}}
}

// begun is what is remembered in a sealed cookie while somebody is with the provider.
type begun struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Next     string `json:"next"`
}

// discover returns the provider, and the settings of requests to it.
func (o *oidcLogin) discover(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider == nil {
		// The provider goes on fetching keys, after the request that found it.
		known, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), o.client), o.config.Issuer)
		if err != nil {
			return nil, nil, fault.Wrap(fault.Unavailable, err, "reach the provider %s", o.config.Issuer)
		}
		o.provider = known
	}
	scopes := []string{oidc.ScopeOpenID, "profile", "email"}
	for _, scope := range o.config.Scopes {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return o.provider, &oauth2.Config{
		ClientID: o.config.ClientID, ClientSecret: o.config.ClientSecret.Reveal(),
		Endpoint: o.provider.Endpoint(), RedirectURL: o.back, Scopes: scopes,
	}, nil
}

// beginOIDC sends the browser to the provider.
func (s *site) beginOIDC(c echo.Context) error {
	s.guard(c)
	if s.oidc == nil {
		return echo.ErrNotFound
	}
	_, settings, err := s.oidc.discover(c.Request().Context())
	if err != nil {
		return s.refusedOIDC(c, http.StatusBadGateway, err, "The provider of sign-in can't be reached: try again, or sign in with an API key.")
	}
	b := begun{State: seal.RandomID(32), Nonce: seal.RandomID(32), Verifier: oauth2.GenerateVerifier(), Next: localPath(c.QueryParam("next"))}
	s.setCookie(c, loginCookie, b, loginLife)
	return c.Redirect(http.StatusSeeOther, settings.AuthCodeURL(b.State, oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)))
}

// endOIDC takes what the provider says of whoever comes back from it.
func (s *site) endOIDC(c echo.Context) error {
	s.guard(c)
	if s.oidc == nil {
		return echo.ErrNotFound
	}
	var b begun
	if !s.readCookie(c, loginCookie, &b) || !same(c.QueryParam("state"), b.State) {
		return s.refusedOIDC(c, http.StatusBadRequest, nil, "This sign-in was not begun here, or took too long: begin again.")
	}
	s.dropCookie(c, loginCookie)
	if c.QueryParam("error") != "" {
		return s.refusedOIDC(c, http.StatusForbidden, nil, "The provider refused to sign you in.")
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), providerTimeout)
	defer cancel()
	claims, err := s.oidc.claims(ctx, c.QueryParam("code"), b)
	if err != nil {
		return s.refusedOIDC(c, http.StatusForbidden, err, "The provider's answer can't be relied on: begin again; the server's log says more.")
	}
	p, role, err := s.oidc.person(claims)
	if err != nil {
		return s.refusedOIDC(c, http.StatusForbidden, err, sentence(err.Error()))
	}
	who := s.api.Identity(p.Name, role)
	s.api.Record(ctx, audit.Entry{Actor: who.ID, Role: string(role), Action: "session.login", Target: who.ID, Result: audit.Done})
	s.signIn(c, session{Person: &p})
	return c.Redirect(http.StatusSeeOther, b.Next)
}

// refusedOIDC shows why, and writes it to the audit log; the provider's own
// words go nowhere else.
func (s *site) refusedOIDC(c echo.Context, status int, cause error, line string) error {
	e := audit.Entry{Action: "session.login", Target: "oidc", Result: audit.Refused, Detail: line}
	if cause != nil {
		e.Detail = fault.Line(cause)
	}
	s.api.Record(c.Request().Context(), e)
	return s.loginPage(c, status, loginForm{Next: "/", Problem: line})
}

// claims changes the code into an ID token, checks it, and returns what it says.
func (o *oidcLogin) claims(ctx context.Context, code string, b begun) (map[string]any, error) {
	provider, settings, err := o.discover(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, o.client)
	token, err := settings.Exchange(ctx, code, oauth2.VerifierOption(b.Verifier))
	if err != nil {
		return nil, fault.New(fault.Denied, "the provider did not accept the code")
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, fault.New(fault.Denied, "the provider sent no ID token")
	}
	checked, err := provider.Verifier(&oidc.Config{ClientID: o.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, fault.Wrap(fault.Denied, err, "check the ID token")
	}
	if !same(checked.Nonce, b.Nonce) {
		return nil, fault.New(fault.Denied, "the ID token was made for another sign-in")
	}
	var claims map[string]any
	if err := checked.Claims(&claims); err != nil {
		return nil, fault.Wrap(fault.Denied, err, "read the ID token")
	}
	return claims, nil
}

// person is somebody whom a provider of OpenID Connect knows, as a session
// remembers it.
type person struct {
	Issuer string `json:"issuer"`
	Client string `json:"client"`
	Name   string `json:"name"`
	// Given are those values of the claim of roles that had a role at sign-in, the
	// highest first.
	Given []string `json:"given"`
}

// The limits of what a session remembers of a person: a cookie holds 4 KiB.
const (
	maxName  = 500
	maxGiven = 1000
)

// person is who the claims speak of, and the role that they give.
func (o *oidcLogin) person(claims map[string]any) (person, apiserver.Role, error) {
	p := person{Issuer: o.config.Issuer, Client: o.config.ClientID}
	p.Name, _ = claims[o.config.UsernameClaim].(string)
	switch {
	case p.Name == "":
		return p, "", fault.New(fault.Denied, "the provider does not say who you are: it sends no %s", o.config.UsernameClaim)
	case len(p.Name) > maxName:
		return p, "", fault.New(fault.Denied, "the provider's %s is longer than %d bytes: choose a shorter one by pages.oidc.usernameClaim", o.config.UsernameClaim, maxName)
	}
	if verified, _ := claims["email_verified"].(bool); o.config.UsernameClaim == "email" && !verified {
		return p, "", fault.New(fault.Denied, "your e-mail address is not verified: verify it with the provider, then sign in again")
	}
	p.Given = o.given(texts(claims[o.config.RoleClaim]))
	role := o.role(p.Given)
	if role == "" {
		return p, "", fault.New(fault.Denied, "you have no role here: ask for a group that has one")
	}
	return p, role, nil
}

// given are those values that have a role, the highest first, and no more than a session has room for.
func (o *oidcLogin) given(values []string) []string {
	var out []string
	for _, role := range slices.Backward(config.Roles) {
		for _, value := range values {
			if o.config.Roles[value] == role {
				out = append(out, value)
			}
		}
	}
	size := 0
	for i, value := range out {
		if size += len(value); i > 0 && size > maxGiven {
			return out[:i]
		}
	}
	return out
}

// role is the highest that values of the claim have in the configuration, empty when none has one.
func (o *oidcLogin) role(values []string) apiserver.Role {
	var role apiserver.Role
	for _, value := range values {
		if given := apiserver.Role(o.config.Roles[value]); given != "" && (role == "" || given.Includes(role)) {
			role = given
		}
	}
	return role
}

// roleNow is the role that the configuration gives to somebody who signed in
// before: none where the provider is another one now, or none at all.
func (o *oidcLogin) roleNow(p person) apiserver.Role {
	if o == nil || p.Issuer != o.config.Issuer || p.Client != o.config.ClientID {
		return ""
	}
	return o.role(p.Given)
}

// texts are the texts of a claim: one, or a list.
func texts(claim any) []string {
	switch claim := claim.(type) {
	case string:
		return []string{claim}
	case []any:
		var out []string
		for _, element := range claim {
			if text, ok := element.(string); ok {
				out = append(out, text)
			}
		}
		return out
	default:
		return nil
	}
}
