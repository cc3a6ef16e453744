package pages

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/lifeboat-dr/lifeboat/apiserver"
)

// browser keeps cookies, and follows redirects to this server alone.
type browser struct {
	*bundle
	client *http.Client
}

func (b *bundle) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return &browser{b, &http.Client{Jar: jar}}
}

// as is a browser that is signed in with the key of a role.
func (b *bundle) as(role apiserver.Role) *browser {
	b.t.Helper()
	w := b.browser()
	if p := w.signIn(token(role)); p.path != "/" || p.status != http.StatusOK {
		b.t.Fatalf("signing in leads to %s with status %d: %s", p.path, p.status, p.text())
	}
	return w
}

func token(role apiserver.Role) string {
	name := string(role)
	if role == apiserver.Admin {
		name = "boss"
	}
	return "lb_" + name + "_" + hush + "-key"
}

func (w *browser) signIn(key string) page { return w.post("/login", url.Values{"key": {key}}) }

// page is what a browser shows in the end.
type page struct {
	t      *testing.T
	status int
	// path is where it came to, with its query.
	path   string
	header http.Header
	body   string
}

func (w *browser) get(path string, headers ...string) page {
	return w.send(http.MethodGet, path, "", headers...)
}

func (w *browser) post(path string, form url.Values, headers ...string) page {
	return w.send(http.MethodPost, path, form.Encode(), append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
}

// submit posts a form with the tokens that stand in a page.
func (w *browser) submit(on page, path string, form url.Values) page {
	if form == nil {
		form = url.Values{}
	}
	form.Set("csrf", on.input("csrf"))
	form.Set("once", on.input("once"))
	return w.post(path, form)
}

func (w *browser) send(method, path, body string, headers ...string) page {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return page{w.t, answer.StatusCode, answer.Request.URL.RequestURI(), answer.Header, string(text)}
}

// nodes are the page's elements.
func (p page) nodes() []*html.Node {
	p.t.Helper()
	root, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		p.t.Fatal(err)
	}
	var out []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			out = append(out, n)
		}
	}
	return out
}

// input is the value of the page's first input of a name.
func (p page) input(name string) string {
	for _, n := range p.nodes() {
		if n.Data == "input" && attr(n, "name") == name {
			return attr(n, "value")
		}
	}
	return ""
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is what a person reads of the page, in one line.
func (p page) text() string {
	root, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		p.t.Fatal(err)
	}
	var out bytes.Buffer
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style" {
			out.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(out.String()), " ")
}

// wants checks the status of a page and what stands in it.
func (p page) wants(status int, phrases ...string) {
	p.t.Helper()
	if p.status != status {
		p.t.Errorf("%s: status %d, want %d: %s", p.path, p.status, status, p.text())
	}
	for _, phrase := range phrases {
		if !strings.Contains(p.text(), phrase) {
			p.t.Errorf("%s should say %q: %s", p.path, phrase, p.text())
		}
	}
}
