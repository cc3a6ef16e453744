package pages

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
)

func TestLoginLogout(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.browser()
	p := w.get("/?a=1&b=2")
	p.wants(http.StatusOK, "Sign in", "API key")
	if p.path != "/login?next=%2F%3Fa%3D1%26b%3D2" || p.input("next") != "/?a=1&b=2" {
		t.Errorf("signing in does not lead back: %s, %q", p.path, p.input("next"))
	}
	p = w.post("/login", url.Values{"key": {"  " + token(apiserver.Operator) + "\n"}, "next": {p.input("next")}})
	p.wants(http.StatusOK, "Overview", "operator")
	if p.path != "/?a=1&b=2" {
		t.Errorf("it leads to %s", p.path)
	}
	if p := w.get("/login"); p.path != "/" {
		t.Errorf("who is signed in is shown %s", p.path)
	}
	if p := w.submit(p, "/logout", nil); p.path != "/login" {
		t.Errorf("signing out leads to %s", p.path)
	}
	if p := w.get("/"); p.path != "/login" {
		t.Errorf("after signing out, %s is shown", p.path)
	}
	log := b.audited()
	for _, want := range []string{`"action":"session.login"`, `"action":"session.logout"`, `"actor":"operator"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the audit log lacks %s: %s", want, log)
		}
	}
	if strings.Contains(log, hush) {
		t.Error("a secret is in the audit log")
	}
}

func TestCookies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		url    string
		cookie string
		secure bool
	}{
		"http":  {"", "lifeboat-session", false},
		"https": {"https://lifeboat.test", "__Host-lifeboat-session", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(o *Options, _ *apiserver.Deps) { o.Config.URL = c.url })
			w := b.browser()
			w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			p := w.signIn(token(apiserver.Viewer))
			line := p.header.Get("Set-Cookie")
			if !strings.HasPrefix(line, c.cookie+"=") || !strings.Contains(line, "; Path=/; Max-Age=3600; HttpOnly") ||
				!strings.HasSuffix(line, "; SameSite=Lax") || strings.Contains(line, "; Secure") != c.secure {
				t.Errorf("Set-Cookie: %s", line)
			}
			if strings.Contains(line, "viewer") {
				t.Error("the cookie is not sealed")
			}
		})
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.browser().signIn("lb_viewer_"+hush+"-guess").wants(http.StatusUnauthorized, "That key is not valid")
	// All at once: the time that checking them takes is no wait between them.
	const guesses = 30
	answers := make(chan page, guesses)
	for range guesses {
		go func() { answers <- b.browser().signIn("lb_viewer_" + hush + "-guess") }()
	}
	held := 0
	for range guesses {
		p := <-answers
		if strings.Contains(p.body, "guess") {
			t.Error("the page repeats the key")
		}
		if p.status == http.StatusTooManyRequests {
			held++
			p.wants(http.StatusTooManyRequests, "Too many wrong keys: try again in")
		}
	}
	if held < guesses/3 {
		t.Errorf("%d of %d guesses are held back", held, guesses)
	}
	if log := b.audited(); !strings.Contains(log, "wrong credentials") || strings.Contains(log, hush) {
		t.Errorf("the audit log: %s", log)
	}
}

func TestNextStaysHere(t *testing.T) {
	t.Parallel()
	for _, next := range []string{"//evil.test", "https://evil.test/", `/\evil.test`, "/\t/evil.test", "evil", "javascript:alert(1)", "", "/a\r\nb"} {
		if got := localPath(next); got != "/" {
			t.Errorf("%q leads to %q", next, got)
		}
	}
	if got := localPath("/drills/x?a=b"); got != "/drills/x?a=b" {
		t.Errorf("a page of this server: %q", got)
	}
	b := setup(t)
	if p := b.browser().post("/login", url.Values{"key": {token(apiserver.Viewer)}, "next": {"//evil.test"}}); p.path != "/" {
		t.Errorf("it leads to %s", p.path)
	}
}

func TestSessionsRunOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.as(apiserver.Viewer)
	b.clock.move(idle - time.Second)
	if p := w.get("/"); p.path != "/" {
		t.Fatal("a session ends early")
	}
	// It was seen: the hour begins again.
	b.clock.move(idle - time.Second)
	if p := w.get("/"); p.path != "/" {
		t.Fatal("a session that is used ends")
	}
	b.clock.move(idle)
	if p := w.get("/"); p.path != "/login" {
		t.Error("an idle session goes on")
	}
	w = b.as(apiserver.Viewer)
	for began := b.clock.now(); b.clock.now().Sub(began) < absolute-idle/2; b.clock.move(idle / 2) {
		if p := w.get("/"); p.path != "/" {
			t.Fatalf("it ends after %s", b.clock.now().Sub(began))
		}
	}
	b.clock.move(idle / 2)
	if p := w.get("/"); p.path != "/login" {
		t.Error("a session goes on for more than twelve hours")
	}
}

func TestForgedCookies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.as(apiserver.Viewer)
	here, err := url.Parse(b.url)
	if err != nil {
		t.Fatal(err)
	}
	value := w.client.Jar.Cookies(here)[0].Value
	for name, cookie := range map[string]*http.Cookie{
		"altered":       {Name: "lifeboat-session", Value: value[:20] + "A" + value[21:] + "A"},
		"not base64":    {Name: "lifeboat-session", Value: "!"},
		"empty":         {Name: "lifeboat-session"},
		"other purpose": {Name: "lifeboat-login", Value: value},
	} {
		other := b.browser()
		other.client.Jar.SetCookies(here, []*http.Cookie{cookie})
		if p := other.get("/"); p.path != "/login" {
			t.Errorf("%s: it leads to %s", name, p.path)
		}
	}
	elsewhere := setup(t, func(o *Options, _ *apiserver.Deps) { o.SessionKey = "another key altogether" }).browser()
	there, err := url.Parse(elsewhere.url)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.client.Jar.SetCookies(there, []*http.Cookie{{Name: "lifeboat-session", Value: value}})
	if p := elsewhere.get("/"); p.path != "/login" {
		t.Error("a cookie that another key sealed is taken")
	}
}

func TestRemovedKeysEndSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, made, err := b.keys.Create("temp", apiserver.Operator)
	if err != nil {
		t.Fatal(err)
	}
	w := b.browser()
	w.signIn(made.Reveal()).wants(http.StatusOK, "temp")
	if err := b.keys.Delete("temp"); err != nil {
		t.Fatal(err)
	}
	if p := w.get("/"); p.path != "/login" {
		t.Error("a session outlives its key")
	}
	w = b.browser()
	if _, made, err = b.keys.Create("temp", apiserver.Operator); err != nil {
		t.Fatal(err)
	}
	w.signIn(made.Reveal()).wants(http.StatusOK, "temp")
	if err := b.keys.Delete("temp"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.keys.Create("temp", apiserver.Admin); err != nil {
		t.Fatal(err)
	}
	if p := w.get("/"); p.path != "/login" {
		t.Error("a session goes on with another key of the same name")
	}
}

func TestFormsNeedTheirToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.as(apiserver.Viewer)
	stale := b.as(apiserver.Viewer).get("/").input("csrf")
	if stale == "" {
		t.Fatal("there is no token")
	}
	for name, form := range map[string]url.Values{"none": {}, "another session's": {"csrf": {stale}}} {
		p := w.post("/logout", form)
		p.wants(http.StatusForbidden, "This form is out of date")
		if p := w.get("/"); p.path != "/" {
			t.Fatalf("%s: the form was taken", name)
		}
	}
	p := w.get("/")
	w.post("/logout", url.Values{"csrf": {p.input("csrf")}}, "Sec-Fetch-Site", "cross-site").wants(http.StatusForbidden)
	if p := w.get("/"); p.path != "/" {
		t.Fatal("a form of another site was taken")
	}
}

func TestSessionKeyIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "session.key")
	found := make(chan string, 8)
	for range cap(found) {
		go func() {
			key, err := SessionKey(path)
			if err != nil {
				t.Error(err)
			}
			found <- key.Reveal()
		}()
	}
	first := <-found
	for range cap(found) - 1 {
		if next := <-found; next != first || len(next) != 52 {
			t.Errorf("keys %q and %q", first, next)
		}
	}
}
