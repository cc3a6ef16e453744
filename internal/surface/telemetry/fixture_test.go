package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/telemetry"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// prometheus is a live server that scrapes one target, and has a past.
type prometheus struct {
	url, dir string
	// price is what its target shows of the metric price.
	price atomic.Int64
}

// newPrometheus starts one with the samples of a past: the number of hours ago and a value each.
func newPrometheus(t testing.TB, past map[int]int, options ...string) *prometheus {
	t.Helper()
	p := &prometheus{dir: filepath.Join(t.TempDir(), "data")}
	p.price.Store(1)
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if len(past) > 0 {
		makeBlocks(t, p.dir, past)
	}
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "price %d\n", p.price.Load())
	}))
	t.Cleanup(shop.Close)
	text := "global: {scrape_interval: 200ms}\nscrape_configs: [{job_name: shop, static_configs: [{targets: ['" + strings.TrimPrefix(shop.URL, "http://") + "']}]}]\n"
	p.url = servers.Prometheus(t, p.dir, text, options...)
	return p
}

const adminAPI = "--web.enable-admin-api"

// makeBlocks makes blocks of the metric sold by Prometheus's own tool.
func makeBlocks(t testing.TB, dir string, past map[int]int) {
	t.Helper()
	var samples []servers.Sample
	now := time.Now()
	for _, hours := range slices.Backward(slices.Sorted(maps.Keys(past))) {
		samples = append(samples, servers.Sample{Series: `sold{shop="one"}`, At: now.Add(-time.Duration(hours) * time.Hour), Value: float64(past[hours])})
	}
	servers.PrometheusBlocks(t, dir, samples...)
}

// values answers a query at a moment, by the series.
func values(ctx context.Context, at, query string, moment time.Time) ([]string, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	u = u.JoinPath("api/v1/query")
	u.RawQuery = url.Values{"query": {query}, "time": {strconv.FormatInt(moment.Unix(), 10)}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var out struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil || answer.StatusCode != http.StatusOK {
		return nil, errors.Join(err, errors.New(answer.Status))
	}
	var texts []string
	for _, r := range out.Data.Result {
		texts = append(texts, fmt.Sprint(r.Value[1]))
	}
	return texts, nil
}

// eventually asks a query until it has one answer, for up to two minutes.
func eventually(t testing.TB, at, query string, moment func() time.Time, want string) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		got, err := values(t.Context(), at, query, moment())
		if err == nil && len(got) == 1 && got[0] == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s answers %v, %v, and not %s", query, got, err, want)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// sell changes what the target shows, and waits until that was scraped.
func (p *prometheus) sell(t testing.TB, price int64) {
	t.Helper()
	p.price.Store(price)
	eventually(t, p.url, "price", time.Now, strconv.FormatInt(price, 10))
}

// snapshots are those that are there.
func (p *prometheus) snapshots(t testing.TB) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(p.dir, "snapshots", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (p *prometheus) surface(t testing.TB, change ...func(*surface.Telemetry)) *telemetry.Surface {
	t.Helper()
	c := &surface.Telemetry{URL: secret.String(p.url)}
	for _, one := range change {
		one(c)
	}
	s, err := telemetry.New("metrics", surface.Config{Kind: telemetry.Kind, Telemetry: c})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// copies are isolated servers to restore into.
type copies struct {
	*local.Environment
	made atomic.Int64
}

func newCopies(t testing.TB) *copies {
	t.Helper()
	dir := t.TempDir()
	// Others pass through to the servers' folders, as on a host.
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return &copies{Environment: local.New(dir)}
}

// start starts an empty server.
func (c *copies) start(t testing.TB) local.Server {
	t.Helper()
	id := fmt.Sprintf("copy-%d", c.made.Add(1))
	t.Cleanup(func() {
		if err := c.Stop(context.WithoutCancel(t.Context()), id); err != nil {
			t.Error(err)
		}
	})
	server, err := c.Start(t.Context(), id, local.Spec{Kind: telemetry.Kind, Major: 2})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func surfaceURL(p *prometheus) secret.String { return secret.String(p.url) }
