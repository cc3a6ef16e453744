package reconcile

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// restoredMetrics is a Prometheus whose point is of a moment: shop one was sold out
// in the hour before that, shop two was not.
func restoredMetrics(t *testing.T) *Runner {
	t.Helper()
	moment := time.Now().Add(-30 * time.Minute).Truncate(time.Second)
	var samples []servers.Sample
	for i := range 90 {
		at := moment.Add(time.Duration(i-89) * time.Minute)
		samples = append(samples, servers.Sample{Series: `stock{shop="one"}`, At: at, Value: float64(89 - i)},
			servers.Sample{Series: `stock{shop="two"}`, At: at, Value: 7})
	}
	dir := t.TempDir()
	servers.PrometheusBlocks(t, dir, samples...)
	return &Runner{
		Servers: map[string]drill.Server{
			"metrics": {Kind: "telemetry", URL: secret.String(servers.Prometheus(t, dir, "global: {}\n"))},
			"main":    {Kind: "postgres", URL: "postgres://127.0.0.1:1/"},
		},
		Moments: map[string]time.Time{"metrics": moment},
	}
}

func TestRestoredMetricsAnswerForAnIncident(t *testing.T) {
	t.Parallel()
	r := restoredMetrics(t)
	for name, c := range map[string]struct {
		query, expect string
		window        time.Duration
		result, says  string
	}{
		"any value":            {"stock", "", time.Hour, drill.Pass, "2 series with 482 points"},
		"as expected":          {`stock{shop="two"}`, "= 7", time.Hour, drill.Pass, "1 series with 241 points"},
		"a sum":                {"sum(stock)", "> 0", time.Hour, drill.Pass, "1 series"},
		"not as expected":      {"stock", "> 0", time.Hour, drill.Fail, "1 of 2 series are not as expected"},
		"no such series":       {"prices", "", time.Hour, drill.Fail, "has no answer for the time from"},
		"what is no query":     {"stock{", "", time.Hour, drill.Fail, "Prometheus refuses the query: HTTP 400"},
		"before the point":     {"stock offset 1d", "", time.Hour, drill.Fail, "has no answer"},
		"a window of 200 days": {"stock", "", 200 * 24 * time.Hour, drill.Pass, "2 series"},
	} {
		rec := drill.Reconcile{Kind: drill.ReconcileTelemetry, Surface: "metrics", Query: c.query, Expect: c.expect, Window: drill.Duration(c.window)}
		got, err := r.Run(t.Context(), rec)
		if err != nil || got.Result != c.result || !strings.Contains(got.Detail, c.says) {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
	rec := drill.Reconcile{Kind: drill.ReconcileTelemetry, Surface: "metrics", Query: "stock", Expect: "> 0", Window: drill.Duration(time.Hour)}
	got, err := r.Run(t.Context(), rec)
	if err != nil || len(got.Items) != 2 || got.Items[0].Name != `stock{shop="one"}` || got.Items[0].Result != drill.Fail ||
		!strings.HasPrefix(got.Items[0].Observed, "0 at "+r.Moments["metrics"].UTC().Format(time.RFC3339)) || got.Items[1].Result != drill.Pass {
		t.Errorf("%v, %+v", err, got.Items)
	}
}

func TestMetricsThatCantBeAsked(t *testing.T) {
	t.Parallel()
	moments := map[string]time.Time{"metrics": time.Now(), "main": time.Now()}
	rec := drill.Reconcile{Kind: drill.ReconcileTelemetry, Surface: "metrics", Query: "up", Window: drill.Duration(time.Hour)}
	for want, r := range map[string]*Runner{
		"was not restored":              {Moments: moments},
		"and no observability data":     {Moments: moments, Servers: map[string]drill.Server{"metrics": {Kind: "redis"}}},
		"the moment of the recovery":    {Servers: map[string]drill.Server{"metrics": {Kind: "telemetry", URL: "http://127.0.0.1:1"}}},
		"lets nobody in: HTTP 401":      {Moments: moments, Servers: answering(t, http.StatusUnauthorized, "no")},
		"what answers is no Prometheus": {Moments: moments, Servers: answering(t, http.StatusOK, "<html>")},
		"no Prometheus":                 {Moments: moments, Servers: answering(t, http.StatusOK, `{"data":{"resultType":"matrix","result":[{"values":[[1]]}]}}`)},
		"has no answer":                 {Moments: moments, Servers: answering(t, http.StatusOK, `{"data":{"resultType":"matrix","result":[{"values":[]}]}}`)},
		"more than":                     {Moments: moments, Servers: answering(t, http.StatusOK, strings.Repeat(" ", mostMatrix+1))},
	} {
		got, err := r.Run(t.Context(), rec)
		if err != nil || got.Result != drill.Fail || !strings.Contains(got.Detail, want) {
			t.Errorf("want %s: %v, %+v", want, err, got)
		}
	}
	for _, servers := range []map[string]drill.Server{
		{"metrics": {Kind: "telemetry", URL: "http://user:hush-hush@127.0.0.1:1"}}, answering(t, http.StatusServiceUnavailable, "starting"),
	} {
		r := &Runner{Moments: moments, Servers: servers}
		if _, err := r.Run(t.Context(), rec); !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%v", err)
		}
	}
}

// answering is a server that says one thing, to whoever has the password.
func answering(t *testing.T, status int, text string) map[string]drill.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "lifeboat" || password != "p@ss" {
			http.Error(w, "the password was not sent", http.StatusTeapot)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	at := strings.Replace(server.URL, "http://", "http://lifeboat:p%40ss@", 1)
	return map[string]drill.Server{"metrics": {Kind: "telemetry", URL: secret.String(at)}}
}

func TestStepsOfAQuery(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for window, want := range map[time.Duration]time.Duration{
		time.Minute: 15 * time.Second, time.Hour: 15 * time.Second, 24 * time.Hour: 86 * time.Second,
		72 * time.Hour: 259 * time.Second, 720 * time.Hour: 5 * time.Minute, 7200 * time.Hour: 2592 * time.Second,
	} {
		if got := (rangeQuery{from: now.Add(-window), until: now}).step(); got != want {
			t.Errorf("%v in steps of %v, not %v", window, got, want)
		}
	}
}

func FuzzMatrix(f *testing.F) {
	f.Add(200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[1.5,"1"],[2,"NaN"]]}]}}`)
	f.Add(400, `{"error":"bad_data"}`)
	f.Fuzz(func(t *testing.T, status int, text string) {
		all, err := matrix(status, []byte(text))
		if err != nil && fault.KindOf(err) == fault.Internal {
			t.Errorf("%v", err)
		}
		for _, one := range all {
			if one.points == 0 {
				t.Errorf("a series without points: %+v", one)
			}
		}
	})
}
