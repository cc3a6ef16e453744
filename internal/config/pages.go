package config

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// minSessionKey is how short a key for sessions may be: whoever has a cookie
// can try keys on it at leisure.
const minSessionKey = 12

// Pages says how people sign in to the admin pages.
type Pages struct {
	// URL is the address that browsers reach the pages at, such as
	// https://lifeboat.example.com. It is needed for OIDC, and with https it keeps
	// cookies to TLS, also behind a proxy that ends it.
	URL string `yaml:"url" json:"url,omitempty"`
	// SessionKey seals the cookies of sessions: 32 bytes in base64, or a passphrase.
	// API servers that don't share a data folder need the same one. Default: a key
	// that is made, and kept in the data folder.
	SessionKey secret.String `yaml:"sessionKey" json:"sessionKey,omitempty"`
	// OIDC lets people sign in by OpenID Connect, beside API keys.
	OIDC *OIDC `yaml:"oidc" json:"oidc,omitempty"`
}

// OIDC is a provider of OpenID Connect, and what it says of people.
type OIDC struct {
	// Issuer is its URL, under which .well-known/openid-configuration is found.
	Issuer       string        `yaml:"issuer" json:"issuer"`
	ClientID     string        `yaml:"clientId" json:"clientId"`
	ClientSecret secret.String `yaml:"clientSecret" json:"clientSecret,omitempty"`
	// Scopes are asked for beside openid, profile and email.
	Scopes []string `yaml:"scopes" json:"scopes,omitempty"`
	// RoleClaim is the claim, a text or a list of texts, that Roles map to the
	// role viewer, operator, approver or admin; the highest counts. Whoever has
	// none of them is not let in. Default groups.
	RoleClaim string            `yaml:"roleClaim" json:"roleClaim"`
	Roles     map[string]string `yaml:"roles" json:"roles"`
	// UsernameClaim names people in the audit log and in sign-offs; default
	// email, which counts only when it is verified.
	UsernameClaim string `yaml:"usernameClaim" json:"usernameClaim"`
}

func (v *validator) pages() {
	p := v.c.Pages
	if p.URL != "" {
		u, err := url.Parse(p.URL)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			v.refuse("pages.url", "pages.url must be https://HOST or http://HOST, without a path")
		}
	}
	if p.SessionKey != "" && len(p.SessionKey) < minSessionKey {
		v.refuse("pages.sessionKey", "pages.sessionKey is too short: give 32 random bytes in base64 (openssl rand -base64 32) "+
			"or a passphrase of at least %d characters", minSessionKey)
	}
	if p.SessionKey != "" && p.SessionKey == v.c.Temporal.CodecKey {
		v.refuse("pages.sessionKey", "pages.sessionKey must not be temporal.codecKey: what one seals the other would open")
	}
	if p.OIDC != nil {
		v.oidc(p)
	}
}

func (v *validator) oidc(p Pages) {
	o := p.OIDC
	if u, err := url.Parse(o.Issuer); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		v.refuse("pages.oidc.issuer", "pages.oidc.issuer must be the URL of the provider")
	} else if u.Scheme == "http" && !loopback(u.Hostname()) {
		v.refuse("pages.oidc.issuer", "pages.oidc.issuer must be an https:// URL: what comes over plain HTTP proves nothing of anybody")
	}
	if o.ClientID == "" {
		v.refuse("pages.oidc", "pages.oidc needs clientId")
	}
	if p.URL == "" {
		v.refuse("pages.oidc", "pages.oidc needs pages.url, to which the provider sends people back")
	}
	if len(o.Roles) == 0 {
		v.refuse("pages.oidc", "pages.oidc needs roles: which value of the claim %s has which role", o.RoleClaim)
	}
	for _, value := range slices.Sorted(maps.Keys(o.Roles)) {
		if !slices.Contains(Roles, o.Roles[value]) {
			v.refuse("pages.oidc.roles."+value, "pages.oidc.roles.%s must be one of %s", value, strings.Join(Roles, ", "))
		}
	}
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// completePages fills in what the configuration leaves open.
func completePages(p *Pages) {
	p.URL = strings.TrimRight(p.URL, "/")
	if p.OIDC == nil {
		return
	}
	if p.OIDC.RoleClaim == "" {
		p.OIDC.RoleClaim = "groups"
	}
	if p.OIDC.UsernameClaim == "" {
		p.OIDC.UsernameClaim = "email"
	}
}
