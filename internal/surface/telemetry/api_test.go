package telemetry_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/internal/surface/telemetry"
)

// TestASourceBehindAGateway asks a Prometheus by TLS, below a path, with a password.
func TestASourceBehindAGateway(t *testing.T) {
	t.Parallel()
	live := newPrometheus(t, map[int]int{1: 7}, adminAPI)
	inner, err := url.Parse(live.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(inner) }}
	gateway := httptest.NewTLSServer(http.StripPrefix("/metrics", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, password, _ := r.BasicAuth(); name != "backup" || password != "p@ss/word" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	})))
	defer gateway.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: gateway.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	as := func(password, ca string) (*telemetry.Surface, error) {
		at := strings.Replace(gateway.URL, "https://", "https://backup:"+url.QueryEscape(password)+"@", 1) + "/metrics/"
		return telemetry.New("metrics", surface.Config{CAFile: ca, Telemetry: &surface.Telemetry{URL: secret.String(at)}})
	}
	surf, err := as("p@ss/word", ca)
	if err != nil {
		t.Fatal(err)
	}
	point := surfacetest.Take(t, surf)
	surfacetest.Restore(t, surf, surface.Target{URL: newCopies(t).start(t).URL}, point)

	for name, c := range map[string]struct {
		password, ca string
		want         fault.Kind
	}{
		"a wrong password": {"HIDDEN-word", ca, fault.Denied}, "an unknown CA": {"HIDDEN-word", "", fault.Unavailable},
	} {
		refused, err := as(c.password, c.ca)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := refused.Probe(t.Context()); !fault.Is(err, c.want) || strings.Contains(err.Error(), "HIDDEN") {
			t.Errorf("%s: %v is %s", name, err, fault.KindOf(err))
		}
	}
	if _, err := as("x", "/nonexistent/ca"); !fault.Is(err, fault.Invalid) {
		t.Errorf("no such CA file: %v", err)
	}
}

func TestWhatIsNoPrometheus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want fault.Kind
	}{
		"a page":        {"<html>", fault.Unsupported},
		"another API":   {`{"status":"success","data":[1]}`, fault.Unsupported},
		"an old server": {`{"status":"success","data":{"version":"1.8.2"}}`, fault.Unsupported},
		"no version":    {`{"status":"success","data":{}}`, fault.Unsupported},
		"without a dir": {`{"status":"success","data":{"version":"2.42.0","storage.tsdb.path":"data/"}}`, fault.Invalid},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(c.body)) }))
		surf := (&prometheus{url: server.URL}).surface(t)
		if _, err := surf.Probe(t.Context()); !fault.Is(err, c.want) {
			t.Errorf("%s: %v is %s", name, err, fault.KindOf(err))
		}
		server.Close()
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]surface.Telemetry{
		"url must be like":             {URL: "prometheus:9090"},
		"url must be like https":       {URL: "https://h?query=HIDDEN"},
		"dir must be an absolute path": {URL: "http://h:9090", Dir: "data"},
	} {
		_, err := telemetry.New("metrics", surface.Config{Telemetry: &c})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "HIDDEN") {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := telemetry.New("metrics", surface.Config{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("without settings: %v", err)
	}
}
