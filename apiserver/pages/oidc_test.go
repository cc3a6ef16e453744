package pages

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/config"
)

var providerKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// provider is a provider of OpenID Connect that lets everybody in as one
// person, and checks what it is asked: client, PKCE, code, redirect.
type provider struct {
	t      *testing.T
	server *httptest.Server

	mu sync.Mutex
	// claims are what it says of the person; change alters a token before it is
	// signed, key signs it.
	claims map[string]any
	change func(token map[string]any)
	key    *rsa.PrivateKey
	codes  map[string]url.Values
}

func newProvider(t *testing.T) *provider {
	p := &provider{t: t, key: providerKey(), codes: map[string]url.Values{}, change: func(map[string]any) {},
		claims: map[string]any{"sub": "17", "email": "ann@example.com", "email_verified": true, "groups": []string{"ops", "everybody"}},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.json(w, map[string]any{
			"issuer": p.server.URL, "authorization_endpoint": p.server.URL + "/authorise", "token_endpoint": p.server.URL + "/token",
			"jwks_uri": p.server.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		public := providerKey().PublicKey
		p.json(w, map[string]any{"keys": []map[string]string{{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one",
			"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("GET /authorise", p.authorise)
	mux.HandleFunc("POST /token", p.token)
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	return p
}

func (p *provider) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

func (p *provider) authorise(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := r.URL.Query()
	if asked.Get("response_type") != "code" || asked.Get("client_id") != "lifeboat" || asked.Get("code_challenge_method") != "S256" ||
		asked.Get("state") == "" || asked.Get("nonce") == "" || !strings.Contains(asked.Get("scope"), "openid") {
		p.t.Errorf("the request is not complete: %v", asked)
	}
	code := rand.Text()
	p.codes[code] = asked
	http.Redirect(w, r, asked.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {asked.Get("state")}}.Encode(), http.StatusFound)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, hidden, _ := r.BasicAuth()
	asked, known := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	challenge := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !known || id != "lifeboat" || hidden != hush || r.FormValue("redirect_uri") != asked.Get("redirect_uri") ||
		base64.RawURLEncoding.EncodeToString(challenge[:]) != asked.Get("code_challenge") {
		w.WriteHeader(http.StatusBadRequest)
		p.json(w, map[string]string{"error": "invalid_grant"})
		return
	}
	token := map[string]any{
		"iss": p.server.URL, "aud": "lifeboat", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "nonce": asked.Get("nonce"),
	}
	maps.Copy(token, p.claims)
	p.change(token)
	p.json(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.sign(token)})
}

// sign makes a JSON Web Token (RFC 7519) with RS256.
func (p *provider) sign(claims map[string]any) string {
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			p.t.Error(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(map[string]string{"alg": "RS256", "kid": "one", "typ": "JWT"}) + "." + part(claims)
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, digest[:])
	if err != nil {
		p.t.Error(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// withOIDC is a server whose pages know the provider. Their address is only
// known once it listens.
func withOIDC(t *testing.T, p *provider) *bundle {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	t.Cleanup(front.Close)
	b := setup(t, func(o *Options, _ *apiserver.Deps) {
		o.Config = config.Pages{URL: "http://" + front.Listener.Addr().String(), OIDC: &config.OIDC{
			Issuer: p.server.URL, ClientID: "lifeboat", ClientSecret: hush, RoleClaim: "groups", UsernameClaim: "email",
			Roles: map[string]string{"ops": "operator", "staff": "viewer"},
		}}
	})
	front.Config.Handler = b.handler
	front.Start()
	b.url = front.URL
	return b
}

func TestOIDC(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := withOIDC(t, p)
	w := b.browser()
	w.get("/schedules").wants(http.StatusOK, "Sign in with your organisation")
	on := w.get("/login/oidc?next=/audit")
	// An operator may not read the audit log: the page says so to the one who came back.
	on.wants(http.StatusForbidden, "oidc:ann@example.com", "operator")
	if on.path != "/audit" {
		t.Errorf("it leads to %s", on.path)
	}
	home := w.get("/")
	home.wants(http.StatusOK, "oidc:ann@example.com")
	if log := b.audited(); !strings.Contains(log, `"actor":"oidc:ann@example.com","role":"operator","action":"session.login"`) {
		t.Errorf("the audit log: %s", log)
	}
	w.submit(home, "/logout", nil)
	if p := w.get("/"); p.path != "/login" {
		t.Errorf("after signing out, %s is shown", p.path)
	}
}

func TestOIDCRolesAreThoseOfNow(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := withOIDC(t, p)
	w := b.browser()
	w.get("/login/oidc").wants(http.StatusOK, "oidc:ann@example.com", "operator")
	here, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	cookies := w.client.Jar.Cookies(here)
	same := config.OIDC{Issuer: p.server.URL, ClientID: "lifeboat", ClientSecret: hush, RoleClaim: "groups", UsernameClaim: "email",
		Roles: map[string]string{"ops": "viewer"}}
	for name, c := range map[string]struct {
		change func(o *config.OIDC) *config.OIDC
		role   string
	}{
		"a lower role":     {func(o *config.OIDC) *config.OIDC { return o }, "viewer"},
		"no role":          {func(o *config.OIDC) *config.OIDC { o.Roles = map[string]string{"staff": "viewer"}; return o }, ""},
		"another provider": {func(o *config.OIDC) *config.OIDC { o.Issuer = "https://x.test"; return o }, ""},
		"another client":   {func(o *config.OIDC) *config.OIDC { o.ClientID = "x"; return o }, ""},
		"no provider":      {func(*config.OIDC) *config.OIDC { return nil }, ""},
	} {
		// The API server was started again, with another configuration.
		now := same
		later := setup(t, func(o *Options, _ *apiserver.Deps) { o.Config.OIDC = c.change(&now) }).browser()
		later.client.Jar.SetCookies(here, cookies)
		page := later.get("/")
		if c.role == "" {
			if page.path != "/login" {
				t.Errorf("%s: the session goes on at %s", name, page.path)
			}
			continue
		}
		page.wants(http.StatusOK, "oidc:ann@example.com", c.role)
		if strings.Contains(page.text(), "operator") {
			t.Errorf("%s: the session keeps the role it began with", name)
		}
	}
}

func TestOIDCSessionsFitIntoACookie(t *testing.T) {
	t.Parallel()
	o := &oidcLogin{config: config.OIDC{RoleClaim: "r", UsernameClaim: "name", Roles: map[string]string{"top": "admin"}}}
	groups := []any{"unknown"}
	for i := range 200 {
		group := strings.Repeat("g", 20) + strconv.Itoa(i)
		o.config.Roles[group] = "viewer"
		groups = append(groups, group)
	}
	who, role, err := o.person(map[string]any{"name": "ann", "r": append(groups, "top")})
	if err != nil || role != apiserver.Admin || who.Given[0] != "top" || len(strings.Join(who.Given, "")) > maxGiven {
		t.Errorf("%s of %v, %v", role, who.Given, err)
	}
	if _, _, err := o.person(map[string]any{"name": strings.Repeat("n", maxName+1), "r": "top"}); err == nil || !strings.Contains(err.Error(), "usernameClaim") {
		t.Errorf("a name that has no room: %v", err)
	}
}

func TestOIDCRoles(t *testing.T) {
	t.Parallel()
	o := &oidcLogin{config: config.OIDC{RoleClaim: "r", UsernameClaim: "email", Roles: map[string]string{"a": "viewer", "b": "approver", "c": "admin"}}}
	for name, c := range map[string]struct {
		claim any
		want  apiserver.Role
	}{
		"text": {"a", apiserver.Viewer}, "the highest": {[]any{"a", "b", 3, "x"}, apiserver.Approver}, "in any order": {[]any{"c", "a"}, apiserver.Admin},
		"unknown": {"x", ""}, "none": {nil, ""}, "number": {7.0, ""}, "empty": {"", ""},
	} {
		_, got, err := o.person(map[string]any{"email": "ann@example.com", "email_verified": true, "r": c.claim})
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: role %q, %v", name, got, err)
		}
	}
}

func TestOIDCRefuses(t *testing.T) {
	t.Parallel()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(p *provider)
		want   string
	}{
		"unverified e-mail": {func(p *provider) { p.claims["email_verified"] = false }, "not verified"},
		"verified as text":  {func(p *provider) { p.claims["email_verified"] = "true" }, "not verified"},
		"no e-mail":         {func(p *provider) { delete(p.claims, "email") }, "does not say who you are"},
		"no role":           {func(p *provider) { p.claims["groups"] = []string{"everybody"} }, "no role here"},
		"another nonce":     {func(p *provider) { p.change = func(t map[string]any) { t["nonce"] = "x" } }, "can't be relied on"},
		"no nonce":          {func(p *provider) { p.change = func(t map[string]any) { delete(t, "nonce") } }, "can't be relied on"},
		"another client":    {func(p *provider) { p.change = func(t map[string]any) { t["aud"] = "x" } }, "can't be relied on"},
		"another issuer":    {func(p *provider) { p.change = func(t map[string]any) { t["iss"] = "https://x.test" } }, "can't be relied on"},
		"expired":           {func(p *provider) { p.change = func(t map[string]any) { t["exp"] = 1000 } }, "can't be relied on"},
		"another key":       {func(p *provider) { p.key = other }, "can't be relied on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t)
			c.change(p)
			b := withOIDC(t, p)
			w := b.browser()
			w.get("/login/oidc").wants(http.StatusForbidden, c.want)
			if p := w.get("/"); p.path != "/login" {
				t.Error("and yet one is signed in")
			}
			if log := b.audited(); !strings.Contains(log, `"result":"refused"`) || strings.Contains(log, hush) {
				t.Errorf("the audit log: %s", log)
			}
		})
	}
}

func TestOIDCCallbackNeedsItsBeginning(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := withOIDC(t, p)
	w := b.browser()
	w.get("/login/oidc/callback?code=x&state=y").wants(http.StatusBadRequest, "begin again")
	w.get("/login/oidc/callback").wants(http.StatusBadRequest, "begin again")

	// Somebody is led to finish a sign-in that another began.
	attacker := b.browser()
	attacker.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/login/oidc/callback" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	stopped := attacker.get("/login/oidc")
	back, err := url.Parse(stopped.header.Get("Location"))
	if err != nil || back.Query().Get("code") == "" {
		t.Fatalf("the provider sends back to %v", stopped.header)
	}
	victim := b.browser()
	victim.get(back.RequestURI()).wants(http.StatusBadRequest, "begin again")
}

func TestOIDCProviderAway(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	b := withOIDC(t, p)
	p.server.Close()
	b.browser().get("/login/oidc").wants(http.StatusBadGateway, "can't be reached", "API key")
}

func TestWithoutOIDC(t *testing.T) {
	t.Parallel()
	w := setup(t).browser()
	for _, path := range []string{"/login/oidc", "/login/oidc/callback?state=&code="} {
		if p := w.get(path); p.status != http.StatusNotFound {
			t.Errorf("%s: status %d", path, p.status)
		}
	}
}
