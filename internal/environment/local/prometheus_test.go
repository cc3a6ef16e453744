package local

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// status is what a Prometheus answers at a path of its URL.
func status(t *testing.T, at secret.String, path string) int {
	t.Helper()
	u, err := url.Parse(at.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.JoinPath(path).String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func TestPrometheus(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	s := start(t, e, "p", Spec{Kind: "telemetry", Major: 2})
	if s.Major != 2 || !strings.HasPrefix(s.Version, "2.") || !strings.HasPrefix(s.Address, "127.0.0.1:") {
		t.Errorf("%+v", s)
	}
	if got := status(t, s.URL, "/api/v1/labels"); got != http.StatusOK {
		t.Errorf("with its password it answers %d", got)
	}
	if got := status(t, secret.String("http://"+s.Address), "/-/ready"); got != http.StatusUnauthorized {
		t.Errorf("without its password it answers %d", got)
	}
	line, err := os.ReadFile(filepath.Join("/proc", itoa(s.PID), "cmdline"))
	if err != nil || strings.Contains(string(line), password(t, s)) {
		t.Errorf("the password is on the command line %q: %v", line, err)
	}
	web, err := os.ReadFile(filepath.Join(s.Dir, "data", "web.yml"))
	if err != nil || strings.Contains(string(web), password(t, s)) {
		t.Errorf("the password is in a file: %v", err)
	}
	again := start(t, e, "p", Spec{Kind: "telemetry", Major: 2})
	if again.PID != s.PID {
		t.Errorf("started again, %+v became %+v", s, again)
	}
	durable, err := e.MakeDurable(t.Context(), "p")
	if err != nil || durable.URL != s.URL || durable.PID == s.PID || !durable.Durable {
		t.Errorf("made durable, %+v became %+v: %v", s, durable, err)
	}
	if err := syscall.Kill(durable.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	revived := start(t, e, "p", Spec{Kind: "telemetry", Major: 2})
	if revived.URL != s.URL || status(t, revived.URL, "/-/ready") != http.StatusOK {
		t.Errorf("started after a crash: %+v", revived)
	}
	if err := e.Stop(t.Context(), "p"); err != nil {
		t.Fatal(err)
	}
	requireGone(t, revived)
}

func TestPrometheusIsIsolated(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	start(t, e, "p", Spec{Kind: "telemetry"})
	live := []secret.String{"http://127.0.0.1:9090", "https://backup:hush-hush@metrics.example.com/prometheus"}
	tried, err := e.TryIsolation(t.Context(), "p", live)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range tried {
		seen[a.What] = true
		if a.Result == drill.Fail || strings.Contains(a.What+a.Observed, "hush") {
			t.Errorf("%+v", a)
		}
	}
	for _, what := range []string{"targets that it scrapes", "alert managers that it tells", "other servers in its configuration", "its administrative API", `log in as "backup" with the live password`} {
		if !seen[what] {
			t.Errorf("%s was not tried, but %v", what, tried)
		}
	}
}

// A Prometheus that somebody has told to scrape, alert and write is not isolated.
func TestPrometheusThatReachesOutIsFound(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	s := start(t, e, "p", Spec{Kind: "telemetry"})
	conf := "scrape_configs: [{job_name: a, static_configs: [{targets: ['127.0.0.1:1']}]}]\n" +
		"alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:1']}]}]}\nremote_write: [{url: 'http://127.0.0.1:1'}]\n"
	if err := os.WriteFile(filepath.Join(s.Dir, "data", "prometheus.yml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.PID, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	i, err := e.instance("p")
	if err != nil {
		t.Fatal(err)
	}
	if err := i.mustLoad(); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"targets that it scrapes": true, "alert managers that it tells": true, "other servers in its configuration": true}
	await(t, "it reads its configuration", func() bool {
		found := 0
		for _, a := range (prometheus{}).observe(t.Context(), i) {
			if want[a.What] && a.Result == drill.Fail {
				found++
			}
		}
		return found == len(want)
	})
}

func TestPrometheusOfAnOlderMajorIsNotTaken(t *testing.T) {
	t.Parallel()
	_, err := New(dataDir(t)).Start(t.Context(), "p", Spec{Kind: "telemetry", Major: 99})
	if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "Prometheus 99") {
		t.Errorf("%v", err)
	}
}
