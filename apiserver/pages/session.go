package pages

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// How long sessions last, and how long a line for the next page or a log-in
// that was begun elsewhere may wait.
const (
	idle     = time.Hour
	absolute = 12 * time.Hour
	// renewal is how old a cookie gets before a new one says that its holder was seen.
	renewal   = time.Minute
	flashLife = time.Minute
	loginLife = 10 * time.Minute
)

// The purposes of sealed cookies: none passes for another.
const (
	sessionCookie = "session"
	flashCookie   = "flash"
	loginCookie   = "login"
)

// session is what the sealed cookie says of who is signed in.
type session struct {
	// Key is a key's ID; what it may do is looked up at every request. Proof
	// names the key's secret: a key that was replaced is another one.
	Key   string `json:"key,omitempty"`
	Proof string `json:"proof,omitempty"`
	// Person is who a provider of OpenID Connect says it is. What the person may do
	// is what the configuration gives at every request.
	Person *person `json:"person,omitempty"`
	// Token stands in every form of the session.
	Token string    `json:"token"`
	Begun time.Time `json:"begun"`
	Seen  time.Time `json:"seen"`
}

// sealed is what a cookie holds, with what it is for and how long it counts.
type sealed struct {
	For   string          `json:"for"`
	Until time.Time       `json:"until"`
	Body  json.RawMessage `json:"body"`
}

// cookieName has the prefix by which browsers refuse the cookie to everything
// but this host over TLS, where there is TLS.
func (s *site) cookieName(c echo.Context, purpose string) string {
	if s.overTLS(c) {
		return "__Host-lifeboat-" + purpose
	}
	return "lifeboat-" + purpose
}

func (s *site) overTLS(c echo.Context) bool { return s.secure || c.IsTLS() }

// setCookie seals a value into a cookie.
func (s *site) setCookie(c echo.Context, purpose string, value any, life time.Duration) {
	body, err := json.Marshal(value)
	if err == nil {
		body, err = json.Marshal(sealed{For: purpose, Until: s.now().Add(life), Body: body})
	}
	if err != nil {
		// Nothing that is put into cookies can fail to be written.
		panic(err)
	}
	s.putCookie(c, purpose, base64.RawURLEncoding.EncodeToString(s.cookies.Seal(body)), int(life/time.Second))
}

func (s *site) dropCookie(c echo.Context, purpose string) { s.putCookie(c, purpose, "", -1) }

func (s *site) putCookie(c echo.Context, purpose, value string, maxAge int) {
	c.SetCookie(&http.Cookie{
		Name: s.cookieName(c, purpose), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: s.overTLS(c), SameSite: http.SameSiteLaxMode,
	})
}

// readCookie opens a cookie that was sealed for the purpose and still counts.
func (s *site) readCookie(c echo.Context, purpose string, into any) bool {
	cookie, err := c.Cookie(s.cookieName(c, purpose))
	if err != nil {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return false
	}
	plain, err := s.cookies.Open(text)
	if err != nil {
		return false
	}
	var box sealed
	if json.Unmarshal(plain, &box) != nil || box.For != purpose || !s.now().Before(box.Until) {
		return false
	}
	return json.Unmarshal(box.Body, into) == nil
}

// signIn begins a session.
func (s *site) signIn(c echo.Context, begun session) {
	begun.Token, begun.Begun, begun.Seen = seal.RandomID(32), s.now(), s.now()
	s.setCookie(c, sessionCookie, begun, idle)
}

// visitor is whoever is signed in, false when nobody is. A key is looked up
// each time: one that is gone, or was replaced, ends its session, and its role
// is the one it has now. So is a person's, and one who has none any more is out.
func (s *site) visitor(c echo.Context) (*visit, bool) {
	v := &visit{Context: c, site: s}
	if !s.readCookie(c, sessionCookie, &v.session) || !s.now().Before(v.session.Begun.Add(absolute)) {
		return nil, false
	}
	if p := v.session.Person; p != nil {
		role := s.oidc.roleNow(*p)
		v.who = s.api.Identity(p.Name, role)
		return v, role != ""
	}
	key, known := s.api.KeyByID(v.session.Key)
	if !known || v.session.Proof != s.api.KeyProof(key.ID) {
		return nil, false
	}
	v.who = key
	return v, true
}

// seen keeps the session from running out while its holder does something. What
// pages ask by themselves does not count.
func (v *visit) seen() {
	now := v.site.now()
	if now.Sub(v.session.Seen) < renewal {
		return
	}
	v.session.Seen = now
	v.site.setCookie(v.Context, sessionCookie, v.session, min(idle, v.session.Begun.Add(absolute).Sub(now)))
}

// flash is a line that the next page shows, once.
type flash struct {
	Line   string `json:"line"`
	Failed bool   `json:"failed,omitempty"`
}

func (v *visit) flash(f flash) {
	// A cookie holds 4 KiB, and one line should do.
	if len(f.Line) > 1000 {
		f.Line = strings.ToValidUTF8(f.Line[:1000], "") + "…"
	}
	v.site.setCookie(v.Context, flashCookie, f, flashLife)
}

func (v *visit) takeFlash() *flash {
	var f flash
	if !v.site.readCookie(v.Context, flashCookie, &f) {
		return nil
	}
	v.site.dropCookie(v.Context, flashCookie)
	return &f
}

// SessionKey returns the key in a file, which it makes when there is none:
// mode 0600, for servers that share the folder.
func SessionKey(path string) (secret.String, error) {
	for {
		text, err := os.ReadFile(path)
		if err == nil {
			return secret.String(strings.TrimSpace(string(text))), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fault.Wrap(fault.Denied, err, "read the key for sessions")
		}
		if err := makeKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fault.Wrap(fault.Unavailable, err, "make the key for sessions")
		}
	}
}

// makeKey puts a new key into place at once, and only if there is none.
func makeKey(path string) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".session-*")
	if err != nil {
		return err
	}
	// It has another name by then, or there is a key already.
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.WriteString(seal.RandomID(52) + "\n")
	if closed := temporary.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Link(temporary.Name(), path)
}
