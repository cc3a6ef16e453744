package check

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// minSecret is the length from which a value is taken for a secret that is not
// known to be one: to take every 1 out of a text would hide the text, not the value.
const minSecret = 4

// plainHeaders are headers of requests that hold no secret.
var plainHeaders = []string{"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Host", "User-Agent"}

// scrubber replaces the secrets that a check could meet, in each of the ways
// in which they are usually written.
func (r *Runner) scrubber(c drill.Check) *strings.Replacer {
	found := map[string]bool{}
	add := func(value string, least int) {
		if len(value) < least {
			return
		}
		quoted, _ := json.Marshal(value) // a string always can be
		userinfo := strings.TrimPrefix(url.UserPassword("", value).String(), ":")
		for _, form := range []string{value, strings.Trim(string(quoted), `"`), url.QueryEscape(value), url.PathEscape(value), userinfo} {
			found[form] = true
		}
	}
	for _, server := range r.Servers {
		add(server.URL.Reveal(), minSecret)
		if u, err := url.Parse(server.URL.Reveal()); err == nil {
			password, _ := u.User.Password()
			add(password, 1)
			if password != "" {
				add(base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)), minSecret)
			}
		}
	}
	if expanded, err := r.expand(c); err == nil {
		c = expanded
	}
	if u, err := url.Parse(c.URL); err == nil {
		password, _ := u.User.Password()
		add(password, 1)
	}
	for name, value := range c.Headers {
		if !slices.Contains(plainHeaders, http.CanonicalHeaderKey(name)) {
			addHeader(value, func(value string) { add(value, minSecret) })
		}
	}
	for _, value := range slices.Concat(r.Secrets, slices.Collect(maps.Values(c.Env))) {
		add(value.Reveal(), minSecret)
	}
	// Of two that begin alike the longer one is tried first.
	values := make([]string, 0, len(found))
	for value := range found {
		values = append(values, value)
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(values))
	for _, value := range values {
		pairs = append(pairs, value, secret.Redacted)
	}
	return strings.NewReplacer(pairs...)
}

// addHeader adds a header's value, its words (the token of "Bearer TOKEN"), and
// the password of "Basic …".
func addHeader(value secret.String, add func(string)) {
	add(value.Reveal())
	for word := range strings.FieldsSeq(value.Reveal()) {
		add(word)
		if decoded, err := base64.StdEncoding.DecodeString(word); err == nil {
			if _, password, found := strings.Cut(string(decoded), ":"); found {
				add(password)
			}
		}
	}
}

// brief is a text in one line of at most so many characters.
func brief(text string, most int) string {
	// Of a text that is long no more is looked at than may be shown.
	cut := len(text) > 16*most
	if cut {
		text = text[:16*most]
	}
	line := strings.Map(printable, strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " "))
	if !cut && utf8.RuneCountInString(line) <= most {
		return line
	}
	characters := []rune(line)
	return string(characters[:min(len(characters), most-1)]) + "…"
}

// printable is a character, or another in place of one that could upset a terminal or a database.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}
