package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const greeting = `<!doctype html><html lang="en"><head><title>Greeting</title></head><body><main><h1>Greeting</h1>
<form method="post"><label>Name <input name="name"></label> <button>Greet</button></form>%s</main></body></html>`

func site(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		text := ""
		if name := r.FormValue("name"); name != "" {
			text = "<p>Hello, " + name + "</p>"
		}
		if r.URL.Path == "/bad" {
			text = `<img src="x.png"><script>alert(1)</script>`
		}
		fmt.Fprintf(w, greeting, text)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAFormIsFilledInAndSent(t *testing.T) {
	t.Parallel()
	p := Open(t, site(t))
	p.Go(t, "/")
	p.Fill(t, "input", "Ann")
	p.Submit(t, "button")
	p.Sees(t, "p", "Hello, Ann")
	p.Accessible(t)
	p.Picture(t, "greeting")
	if _, err := os.Stat(filepath.Join(servers.Root(t), "test-output", "pages", "greeting.png")); err != nil {
		t.Error(err)
	}
}

// told keeps errors in place of failing a test.
type told struct {
	testing.TB
	errors []string
}

func (*told) Helper() {}
func (r *told) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func TestComplaintsAreHeard(t *testing.T) {
	t.Parallel()
	p := Open(t, site(t))
	p.Go(t, "/bad")
	heard := &told{TB: t}
	p.Accessible(heard)
	if !strings.Contains(strings.Join(heard.errors, "\n"), "image-alt") {
		t.Errorf("axe said nothing of a picture without a text: %q", heard.errors)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !strings.Contains(strings.Join(p.problems, "\n"), "Content Security Policy") {
		t.Errorf("a breach of the content security policy was not heard: %q", p.problems)
	}
	p.problems = nil
}
