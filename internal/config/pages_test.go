package config

import (
	"strings"
	"testing"
)

const withPages = "stores: {a: {kind: local, dir: /a}}\nencryption: {unencrypted: true}\n" +
	"surfaces: {main: {kind: postgres, url: postgres://db/app}}\n"

func TestPages(t *testing.T) {
	t.Parallel()
	path := write(t, withPages+"pages: {url: 'https://lifeboat.test/', oidc: {issuer: 'https://id.test', clientId: lifeboat, clientSecret: hush, roles: {ops: admin}}}\n")
	c, err := Load(path, []string{"LIFEBOAT_DATA_DIR=/d", "LIFEBOAT_SESSION_KEY=a long passphrase"})
	if err != nil {
		t.Fatal(err)
	}
	p := c.Pages
	if p.URL != "https://lifeboat.test" || p.SessionKey != "a long passphrase" || p.OIDC.RoleClaim != "groups" || p.OIDC.UsernameClaim != "email" ||
		p.OIDC.Roles["ops"] != "admin" {
		t.Errorf("the pages: %+v, %+v", p, p.OIDC)
	}
	before := c.Fingerprint()
	c.Pages = Pages{}
	if c.Fingerprint() != before {
		t.Error("how people sign in changes what is protected")
	}
}

func TestBadPages(t *testing.T) {
	t.Parallel()
	const good = "url: 'https://l.test', oidc: {issuer: 'https://id.test', clientId: x, roles: {ops: admin}}"
	for text, want := range map[string]string{
		"pages: {url: 'ftp://x'}":                                                               "pages.url must be",
		"pages: {url: 'https://x/deep'}":                                                        "without a path",
		"pages: {sessionKey: short}":                                                            "pages.sessionKey is too short",
		"pages: {sessionKey: same-as-codec}":                                                    "",
		"pages: {sessionKey: same-as-codec}\ntemporal: {codecKey: same-as-codec}":               "must not be temporal.codecKey",
		"pages: {" + strings.Replace(good, "admin", "god", 1) + "}":                             "pages.oidc.roles.ops must be one of viewer",
		"pages: {" + strings.Replace(good, "https://id", "http://id", 1) + "}":                  "must be an https:// URL",
		"pages: {" + strings.Replace(good, "https://id.test", "id.test", 1) + "}":               "pages.oidc.issuer must be the URL",
		"pages: {" + strings.Replace(good, "clientId: x, ", "", 1) + "}":                        "needs clientId",
		"pages: {" + strings.Replace(good, "url: 'https://l.test', ", "", 1) + "}":              "needs pages.url",
		"pages: {" + strings.Replace(good, ", roles: {ops: admin}", "", 1) + "}":                "needs roles",
		"pages: {" + good + "}":                                                                 "",
		"pages: {" + strings.Replace(good, "https://id.test", "http://127.0.0.1:5556", 1) + "}": "",
	} {
		_, err := Load(write(t, withPages+text+"\n"), []string{"LIFEBOAT_DATA_DIR=/d"})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v", text, err)
		}
	}
}
