package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// gate stands before an S3 service. It counts the objects that are read, and
// holds some of them back.
type gate struct {
	mu    sync.Mutex
	reads map[string]int
	// held are parts of keys; those that read them wait for the channel.
	held    map[string]chan struct{}
	waiting map[string]int
}

// gated puts a gate before the server of c.
func gated(t *testing.T, c *store.Config) *gate {
	t.Helper()
	upstream, err := url.Parse(c.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(pem)
	g := &gate{reads: map[string]int{}, held: map[string]chan struct{}{}, waiting: map[string]int{}}
	proxy := &httputil.ReverseProxy{
		// The host stays what it was: the signature covers it.
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(upstream); r.Out.Host = r.In.Host },
		Transport:    &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, DisableCompression: true},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	cert, key := servers.Certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.pass(r)
		proxy.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(func() {
		g.open()
		server.Close()
	})
	c.Endpoint, c.CAFile = server.URL, cert
	return g
}

// pass counts a request that reads, and returns when it may go on.
func (g *gate) pass(r *http.Request) {
	if r.Method != http.MethodGet {
		return
	}
	g.mu.Lock()
	g.reads[r.URL.Path]++
	var what string
	var until chan struct{}
	for part, c := range g.held {
		if strings.Contains(r.URL.Path, part) {
			what, until = part, c
		}
	}
	if until != nil {
		g.waiting[what]++
	}
	g.mu.Unlock()
	if until == nil {
		return
	}
	select {
	case <-until:
	case <-r.Context().Done():
	}
	g.mu.Lock()
	g.waiting[what]--
	g.mu.Unlock()
}

// hold makes all wait that read what has this in its key.
func (g *gate) hold(part string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held[part] = make(chan struct{})
}

// release lets those go on that wait for what hold was given.
func (g *gate) release(part string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.held[part])
	delete(g.held, part)
}

// open releases everything.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for part, c := range g.held {
		close(c)
		delete(g.held, part)
	}
}

// waits reports whether somebody waits for what hold was given.
func (g *gate) waits(part string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting[part] > 0
}

// readsOf counts the reads of the objects that have this in their keys, by key.
func (g *gate) readsOf(part string) map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := map[string]int{}
	for path, n := range g.reads {
		if strings.Contains(path, part) {
			found[path] = n
		}
	}
	return found
}

// forget begins to count anew.
func (g *gate) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.reads)
}
