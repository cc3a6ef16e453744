package monitoring_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// within is how long two scrapes may take on a machine that has other things to
// do, and pause the time between two looks.
const (
	within = 2 * time.Minute
	pause  = 100 * time.Millisecond
)

// until looks until it has seen what it waits for, and reports whether it has.
func until(look func() bool) bool {
	for began := time.Now(); time.Since(began) < within; time.Sleep(pause) {
		if look() {
			return true
		}
	}
	return false
}

// standing is a report with something of everything that is shown, good and bad.
func standing() status.Report {
	at := time.Now()
	point := func(ago time.Duration) *status.Point { return &status.Point{At: at.Add(-ago)} }
	return status.Report{
		At: at, Since: at.Add(-48 * time.Hour), Host: "worker-0",
		Surfaces: []status.Surface{
			{
				Name: "main", Kind: "postgres", LastPoint: point(time.Hour), LastVerified: point(time.Hour), LastProven: point(240 * time.Hour),
				Points: 12, Bytes: 3e9, RPOSeconds: new(4.0), RPOTarget: 60,
				WAL: &status.WAL{
					Earliest: at.Add(-240 * time.Hour), Latest: at.Add(-4 * time.Second), LagBytes: new(int64(7000)), LagSeconds: new(4.0),
					HeldBack: new(int64(1e6)), HoldBackLimit: 16e9, Active: true,
				},
			},
			{Name: "redis", Kind: "redis", LastPoint: point(time.Minute), Points: 2, Bytes: 1e6, RPOSeconds: new(60.0)},
		},
		Policies: []status.Policy{
			{
				Name: "main-daily", Surface: "main", Kind: config.KindSnapshot, Store: "primary", IntervalSeconds: 86400, NextDue: at.Add(time.Hour),
				LastSuccess: at.Add(-23 * time.Hour), Successes: 2, LastSeconds: 93, LastBytes: 3e8, UnverifiedSince: at.Add(-23 * time.Hour),
			},
			{Name: "redis-hourly", Surface: "redis", Kind: config.KindSnapshot, Store: "primary", Paused: true, IntervalSeconds: 3600, FailedLast: true, Failures: 3},
		},
		Plans: []status.Plan{{
			Commitment: drill.Commitment{
				Plan: "quarterly", State: drill.Proven, RTOTarget: 1800, RPOTarget: 60, MeasuredRTO: new(740.0), MeasuredRPO: new(3.0),
				NextDue: at.Add(24 * time.Hour), OpenFindings: []string{"a"},
			},
			LastVerdict: drill.VerdictPass,
		}},
		Stores: []status.Store{{Name: "primary", Usable: true}, {Name: "offsite"}},
		Ledger: status.Ledger{Kept: true, Size: 40, VerifiedAt: at, Verifies: true},
		Vitals: status.Vitals{
			Pods:         []status.Pods{{Surface: "shop", Namespace: "shop", Workload: "deployment/api", Wanted: 3, Available: 2, Restarts: 9, RestartsCounted: 9, RestartsLastHour: 1}},
			Replicas:     []status.Replica{{Surface: "main", Name: "standby", LagSeconds: new(1.0), LagBytes: 5, State: "streaming"}},
			Certificates: []status.Certificate{{Where: "db:5432", NotAfter: at.Add(500 * time.Hour)}},
			Disks:        []status.Disk{{Where: "worker-0:/var/lib/lifeboat", What: "data", Used: 81, Size: 100}},
		},
		Alerts: []status.Alert{
			{Rule: "LifeboatBackupFailed", Severity: status.Critical, State: status.Firing},
			{Rule: "LifeboatDiskFull", Severity: status.Warning, State: status.Firing},
		},
	}
}

// silent starts nothing: this API server is asked for its metrics alone.
type silent struct{ apiserver.Launcher }

// metrics is an API server that reports what standing says, as host:port.
func metrics(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	keys, err := apiserver.OpenKeys(filepath.Join(dir, "keys.json"), nil)
	if err != nil {
		t.Fatal(err)
	}
	server, err := apiserver.New(apiserver.Deps{
		Config: &config.Config{DataDir: dir, Audit: config.Audit{File: filepath.Join(dir, "audit.jsonl")}}, Launcher: silent{},
		Catalog: catalog.New(nil), Keys: keys, Logger: slog.New(slog.DiscardHandler), Version: "1.2.3",
		Status: func(context.Context) (status.Report, error) { return standing(), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	answers := httptest.NewServer(server.Handler())
	t.Cleanup(answers.Close)
	// Somebody without a key, so that refusals are counted.
	refused, err := http.Get(answers.URL + "/v1/surfaces")
	if err != nil || refused.StatusCode != http.StatusUnauthorized {
		t.Fatalf("without a key: %v, %v", refused, err)
	}
	refused.Body.Close()
	return strings.TrimPrefix(answers.URL, "http://")
}

const scrape = `
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: lifeboat
    static_configs: [{targets: [%q]}]
`

// ask has Prometheus answer a request of its API, and returns its data.
func ask[T any](t *testing.T, prometheus, path string, form url.Values) (data T, err error) {
	t.Helper()
	answer, err := http.Get(prometheus + path + "?" + form.Encode())
	if err != nil {
		return data, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return data, err
	}
	var says struct {
		Status, Error string
		Data          T
	}
	if err := json.Unmarshal(text, &says); err != nil {
		return data, err
	}
	if says.Status != "success" {
		return data, fmt.Errorf("%s", says.Error)
	}
	return says.Data, nil
}

type result struct {
	Result []struct {
		Metric map[string]string
		Value  [2]any
	}
}

// TestEveryPanelShowsSomething asks each query of each panel, until each has an
// answer with data in it.
func TestEveryPanelShowsSomething(t *testing.T) {
	t.Parallel()
	prometheus := servers.Prometheus(t, t.TempDir(), fmt.Sprintf(scrape, metrics(t)))
	waiting := queries(read(t))
	if len(waiting) < 60 {
		t.Errorf("found %d queries", len(waiting))
	}
	until(func() bool {
		for what, query := range waiting {
			got, err := ask[result](t, prometheus, "/api/v1/query", url.Values{"query": {query}})
			if err != nil {
				t.Fatalf("%s: %s: %v", what, query, err)
			}
			numbers := 0
			for _, series := range got.Result {
				if series.Value[1] != "NaN" {
					numbers++
				}
			}
			if numbers > 0 {
				delete(waiting, what)
			}
		}
		return len(waiting) == 0
	})
	for what, query := range waiting {
		t.Errorf("%s has no data: %s", what, query)
	}
}

// TestVariablesHaveChoices asks what Grafana asks to fill in the choices above
// the panels.
func TestVariablesHaveChoices(t *testing.T) {
	t.Parallel()
	prometheus := servers.Prometheus(t, t.TempDir(), fmt.Sprintf(scrape, metrics(t)))
	labelValues := regexp.MustCompile(`^label_values\(([a-z_]+), ([a-z]+)\)$`)
	want := map[string][]string{"surface": {"main", "redis"}, "plan": {"quarterly"}}
	for _, v := range read(t).Templating.List {
		if v.Type == "datasource" {
			continue
		}
		var query struct{ Query string }
		if err := json.Unmarshal(v.Query, &query); err != nil || v.Datasource != chosen {
			t.Fatalf("%s: %s: %v", v.Name, v.Query, err)
		}
		parts := labelValues.FindStringSubmatch(query.Query)
		if parts == nil {
			t.Fatalf("%s asks %q", v.Name, query.Query)
		}
		var got []string
		until(func() bool {
			var err error
			if got, err = ask[[]string](t, prometheus, "/api/v1/label/"+parts[2]+"/values", url.Values{"match[]": {parts[1]}}); err != nil {
				t.Fatal(err)
			}
			return len(got) > 0
		})
		if !slices.Equal(got, want[v.Name]) {
			t.Errorf("%s can be %q", v.Name, got)
		}
		delete(want, v.Name)
	}
	if len(want) > 0 {
		t.Errorf("there is no variable for %v", want)
	}
}
