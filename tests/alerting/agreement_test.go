// Package alerting_test holds the rules of Prometheus against those that
// Lifeboat evaluates itself, and against time-lines written by hand.
package alerting_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/alert"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// scenario is a report, and whether a rule fires for it.
type scenario struct {
	rule, name string
	// make fills in a report of a moment.
	make func(r *status.Report, now time.Time)
	// held is for how long it has been so.
	held time.Duration
	// fires are how many alerts fire.
	fires int
}

// horizon is when scenarios take place: promtool's clock begins in 1970.
func horizon(rule string) time.Duration {
	switch rule {
	case "LifeboatSignOffWaits":
		return 8 * 24 * time.Hour
	case "LifeboatLedgerNotVerifying", "LifeboatVerificationOverdue":
		return 60 * time.Hour
	default:
		return 4 * time.Hour
	}
}

// TestGoAndPrometheusAgree evaluates each scenario in Go, and by promtool on the
// metrics that the API server makes of the same report.
func TestGoAndPrometheusAgree(t *testing.T) {
	t.Parallel()
	tried := map[string]map[bool]bool{}
	for _, rule := range alert.Rules() {
		var tests []map[string]any
		for _, s := range scenarios() {
			if s.rule != rule.Name {
				continue
			}
			if tried[s.rule] == nil {
				tried[s.rule] = map[bool]bool{}
			}
			tried[s.rule][s.fires > 0] = true
			tests = append(tests, s.compare(t, rule))
		}
		if !tried[rule.Name][true] || !tried[rule.Name][false] {
			t.Errorf("%s needs a scenario in which it fires, and one in which it does not", rule.Name)
			continue
		}
		promtool(t, rule.Name, map[string]any{"rule_files": []string{only(t, rule)}, "evaluation_interval": "1m", "tests": tests})
	}
}

// compare evaluates a scenario in Go and makes a test of promtool that demands the same.
func (s scenario) compare(t *testing.T, rule alert.Rule) map[string]any {
	t.Helper()
	now := time.Unix(0, 0).UTC().Add(horizon(s.rule))
	report := status.Report{At: now, Since: now.Add(-3 * time.Hour)}
	s.make(&report, now)
	// It was so from then on, and is looked at every minute, as Prometheus looks.
	var alerts []status.Alert
	for at := now.Add(-s.held); !at.After(now); at = at.Add(time.Minute) {
		alerts = alert.Evaluate(report, alerts, at)
	}
	expected := []map[string]any{}
	for _, a := range alerts {
		if a.Rule == s.rule && a.State == status.Firing {
			expected = append(expected, expect(rule, a))
		}
	}
	if len(expected) != s.fires {
		t.Errorf("%s, %s: %d alerts fire in Go, want %d", s.rule, s.name, len(expected), s.fires)
	}
	missing, present := int((horizon(s.rule)-s.held)/time.Minute), int(s.held/time.Minute)
	return map[string]any{
		"name": s.name, "interval": "1m", "input_series": series(t, report, missing, present),
		"alert_rule_test": []map[string]any{{"eval_time": horizon(s.rule).String(), "alertname": s.rule, "exp_alerts": expected}},
	}
}

// expect is an alert of Go as promtool expects it.
func expect(rule alert.Rule, a status.Alert) map[string]any {
	labels := maps.Clone(a.Labels)
	labels["severity"] = a.Severity
	var pairs []string
	for _, label := range rule.Labels {
		pairs = append(pairs, "{"+label+"}", a.Labels[label])
	}
	fill := strings.NewReplacer(pairs...)
	return map[string]any{"exp_labels": labels, "exp_annotations": map[string]string{
		"summary": fill.Replace(rule.Summary), "description": fill.Replace(rule.Description), "runbook_url": a.Runbook,
	}}
}

// series are the metrics of a report, there for so many minutes after so many without.
func series(t *testing.T, r status.Report, missing, present int) []map[string]string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(apiserver.NewStatusCollector(func() (status.Report, bool) { return r, true })); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			values := fmt.Sprintf("%s+0x%d", strconv.FormatFloat(m.GetGauge().GetValue()+m.GetCounter().GetValue(), 'f', -1, 64), present)
			if missing > 0 {
				values = fmt.Sprintf("_x%d %s", missing, values)
			}
			// Two API servers tell the same.
			for _, instance := range []string{"a:8080", "b:8080"} {
				out = append(out, map[string]string{"series": named(family.GetName(), m, instance), "values": values})
			}
		}
	}
	return out
}

func named(name string, m *dto.Metric, instance string) string {
	labels := []string{"instance=" + strconv.Quote(instance)}
	for _, l := range m.GetLabel() {
		if l.GetValue() != "" {
			labels = append(labels, l.GetName()+"="+strconv.Quote(l.GetValue()))
		}
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}

// only writes a file of rules that has one of those that are shipped.
func only(t *testing.T, rule alert.Rule) string {
	t.Helper()
	head, rest, found := strings.Cut(alert.Prometheus(alert.Runbooks), "      - alert: ")
	if !found {
		t.Fatal("there are no rules")
	}
	for text := range strings.SplitSeq(rest, "      - alert: ") {
		if name, _, _ := strings.Cut(text, "\n"); name == rule.Name {
			return write(t, rule.Name+".rules.yaml", head+"      - alert: "+text)
		}
	}
	t.Fatalf("%s is not among the rules of Prometheus", rule.Name)
	return ""
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// promtool runs tests of rules; what is JSON is YAML.
func promtool(t *testing.T, name string, tests map[string]any) {
	t.Helper()
	text, err := json.Marshal(tests)
	if err != nil {
		t.Fatal(err)
	}
	run(t, "test", "rules", write(t, name+".test.yaml", string(text)))
}

func run(t *testing.T, args ...string) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is not installed: apt-get install prometheus")
	}
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
