package apiserver

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/lifeboat-dr/lifeboat/internal/alert"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

var update = flag.Bool("update", false, "write the reference of the metrics anew")

// standingAt is a report with one of everything.
func standingAt(at time.Time) status.Report {
	return status.Report{
		At: at, Since: at.Add(-time.Hour), Host: "w1",
		Surfaces: []status.Surface{
			{
				Name: "main", Kind: "postgres", Points: 3, Bytes: 300, RPOSeconds: new(12.5), RPOTarget: 60,
				LastPoint: &status.Point{At: at.Add(-10 * time.Second)}, LastVerified: &status.Point{At: at.Add(-20 * time.Second)},
				WAL: &status.WAL{
					Earliest: at.Add(-time.Hour), Latest: at.Add(-time.Second), Gaps: []status.Gap{{}}, LagBytes: new(int64(7)), LagSeconds: new(1.5),
					HeldBack: new(int64(80)), HoldBackLimit: 100, Active: true,
				},
			},
			{Name: "cache", Kind: "redis"},
		},
		Policies: []status.Policy{{
			Name: "main-daily", Surface: "main", Kind: "snapshot", Paused: true, IntervalSeconds: 86400, NextDue: at.Add(time.Hour),
			LastSuccess: at.Add(-time.Minute), FailedLast: true, Successes: 4, Failures: 1, LastSeconds: 2.5, LastBytes: 99,
			UnverifiedSince: at.Add(-2 * time.Hour),
		}},
		Plans: []status.Plan{{
			Commitment: drill.Commitment{
				Plan: "quarterly", State: drill.Proven, RTOTarget: 1800, MeasuredRTO: new(1.0), MeasuredRPO: new(60.0),
				ProvenAt: at.Add(-time.Hour), NextDue: at.Add(24 * time.Hour), OpenFindings: []string{"a", "b"},
			},
			LastVerdict: drill.VerdictPass, AwaitsSince: at.Add(-time.Hour),
		}},
		Stores: []status.Store{{Name: "primary", Usable: true}, {Name: "far"}},
		Ledger: status.Ledger{Kept: true, Size: 42, VerifiedAt: at.Add(-time.Hour), Verifies: true},
		Vitals: status.Vitals{
			Pods: []status.Pods{{Surface: "shop", Namespace: "shop", Workload: "deployment/api", Wanted: 3, Available: 2, Restarts: 2, RestartsCounted: 9, RestartsLastHour: 1}},
			Replicas: []status.Replica{
				{Surface: "main", Name: "walreceiver", LagSeconds: new(1.0), LagBytes: 5},
				{Surface: "main", Name: "walreceiver", LagSeconds: new(61.0), LagBytes: 3},
				{Surface: "main", Name: "idle", LagBytes: 0},
			},
			Certificates: []status.Certificate{{Where: "db:5432", NotAfter: at.Add(time.Hour)}, {Where: "db:5432", NotAfter: at.Add(time.Minute)}},
			Disks:        []status.Disk{{Where: "w1:/data", What: "data", Used: 81, Size: 100}},
		},
		Alerts: []status.Alert{
			{Rule: "LifeboatBackupFailed", Severity: status.Critical, State: status.Firing},
			{Rule: "LifeboatWALGap", Severity: status.Critical, State: status.Pending},
		},
		Blind: []string{"the replicas of cache could not be read"},
	}
}

// collected are the samples of a collector, one a line, without help and type.
func collected(t *testing.T, c prometheus.Collector) []string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
	var lines []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
			lines = append(lines, fmt.Sprintf("%s{%s} %v", family.GetName(), strings.Join(labels, ","), value))
		}
	}
	return lines
}

func collectorOf(r status.Report, known bool, now time.Time) *StatusCollector {
	c := NewStatusCollector(func() (status.Report, bool) { return r, known })
	c.now = func() time.Time { return now }
	return c
}

func TestMetricsOfAReport(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_000_000, 500_000_000)
	got := collected(t, collectorOf(standingAt(at), true, at.Add(time.Minute)))
	for _, want := range []string{
		`lifeboat_status_timestamp_seconds{} 1.0000005e+06`,
		`lifeboat_backup_runs_total{kind="snapshot",policy="main-daily",result="success",surface="main"} 4`,
		`lifeboat_backup_runs_total{kind="snapshot",policy="main-daily",result="failure",surface="main"} 1`,
		`lifeboat_backup_last_run_failed{kind="snapshot",policy="main-daily",surface="main"} 1`,
		`lifeboat_backup_paused{kind="snapshot",policy="main-daily",surface="main"} 1`,
		`lifeboat_backup_last_duration_seconds{kind="snapshot",policy="main-daily",surface="main"} 2.5`,
		`lifeboat_point_last_timestamp_seconds{state="sealed",surface="main"} 999990.5`,
		`lifeboat_point_last_timestamp_seconds{state="proven",surface="main"} 0`,
		`lifeboat_point_last_timestamp_seconds{state="sealed",surface="cache"} 0`,
		`lifeboat_points_bytes{surface="main"} 300`,
		`lifeboat_rpo_seconds{surface="main"} 12.5`,
		`lifeboat_wal_gaps{surface="main"} 1`,
		`lifeboat_wal_slot_limit_bytes{surface="main"} 100`,
		`lifeboat_wal_streaming{surface="main"} 1`,
		`lifeboat_drill_last_verdict{plan="quarterly",verdict="pass"} 1`,
		`lifeboat_drill_last_verdict{plan="quarterly",verdict="fail"} 0`,
		`lifeboat_drill_open_findings{plan="quarterly"} 2`,
		`lifeboat_commitment_proven{plan="quarterly"} 1`,
		`lifeboat_store_up{store="far"} 0`,
		`lifeboat_ledger_size{} 42`,
		`lifeboat_pods_available{namespace="shop",surface="shop",workload="deployment/api"} 2`,
		`lifeboat_replication_lag_seconds{replica="walreceiver",surface="main"} 61`,
		`lifeboat_replication_lag_bytes{replica="walreceiver",surface="main"} 5`,
		`lifeboat_certificate_expiry_timestamp_seconds{surface="",where="db:5432"} 1.0000605e+06`,
		`lifeboat_disk_used_bytes{surface="",what="data",where="w1:/data"} 81`,
		`lifeboat_alerts{rule="LifeboatBackupFailed",severity="critical"} 1`,
		`lifeboat_alerts{rule="LifeboatWALGap",severity="critical"} 0`,
		`lifeboat_alerts{rule="LifeboatNotWatching",severity="critical"} 0`,
		`lifeboat_blind{} 1`,
		`lifeboat_unread{source="the replicas of cache could not be read"} 1`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, absent := range []string{`rpo_seconds{surface="cache"}`, `wal_gaps{surface="cache"}`, `replica="idle"} 0.`, "drill_rpo_target"} {
		if strings.Contains(strings.Join(got, "\n"), absent) {
			t.Errorf("there is %s", absent)
		}
	}
	for _, rule := range alert.Rules() {
		if !slices.ContainsFunc(got, func(l string) bool { return strings.HasPrefix(l, fmt.Sprintf("lifeboat_alerts{rule=%q", rule.Name)) }) {
			t.Errorf("the rule %s is not initialised", rule.Name)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(got, "\n"))
	}
}

func TestMetricsWhenNobodyWatches(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_000_000, 0)
	got := collected(t, collectorOf(status.Report{}, false, at))
	want := []string{`lifeboat_alerts{rule="LifeboatNotWatching",severity="critical"} 1`, `lifeboat_status_timestamp_seconds{} 0`}
	if !slices.Equal(got, want) {
		t.Errorf("without a report: %q", got)
	}
	got = collected(t, collectorOf(standingAt(at), true, at.Add(3*time.Minute)))
	if !slices.Contains(got, want[0]) || !slices.Contains(got, `lifeboat_points{surface="main"} 3`) {
		t.Errorf("with an old report: %q", got)
	}
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	asked := 0
	b := setup(t, func(d *Deps) {
		d.Status = func(context.Context) (status.Report, error) {
			asked++
			return standingAt(time.Now()), nil
		}
	})
	for range 2 {
		if body := b.send("GET", "/metrics", "").body; !strings.Contains(body, "lifeboat_points{surface=\"main\"} 3\n") {
			t.Errorf("%s", body)
		}
	}
	report := decode[status.Report](t, b.as(Viewer, "GET", "/v1/status", ""))
	if report.Host != "w1" || len(report.Surfaces) != 2 || len(report.Alerts) != 2 {
		t.Errorf("the status is %+v", report)
	}
	if asked != 1 {
		t.Errorf("the report was read %d times within %s", asked, statusAge)
	}
}

func TestAlerts(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) {
		d.Status = func(context.Context) (status.Report, error) { return standingAt(time.Now()), nil }
	})
	type alerts struct {
		At     time.Time      `json:"at"`
		Alerts []status.Alert `json:"alerts"`
	}
	rules := func(b *bundle, query string) string {
		var out []string
		for _, a := range loosely[alerts](t, b.as(Viewer, "GET", "/v1/alerts"+query, "")).Alerts {
			out = append(out, a.Rule+" "+a.State)
		}
		return strings.Join(out, ", ")
	}
	if got := rules(b, ""); got != "LifeboatBackupFailed firing, LifeboatWALGap pending" {
		t.Error(got)
	}
	if got := rules(b, "?state=pending&severity=critical"); got != "LifeboatWALGap pending" {
		t.Error(got)
	}
	if got := rules(b, "?severity=warning"); got != "" {
		t.Error(got)
	}
	// Nobody watches.
	for _, read := range []func(context.Context) (status.Report, error){
		nil, func(context.Context) (status.Report, error) {
			return status.Report{}, fault.New(fault.Unavailable, "reach Temporal: no")
		},
	} {
		blind := setup(t, func(d *Deps) { d.Status = read })
		if got := rules(blind, ""); got != "LifeboatNotWatching firing" {
			t.Error(got)
		}
		a := blind.as(Viewer, "GET", "/v1/status", "")
		report := decode[status.Report](t, a)
		if len(report.Blind) != 1 || !report.At.IsZero() || report.Alerts[0].Runbook == "" || strings.Contains(a.body, "null") {
			t.Errorf("the status is %s", a.body)
		}
	}
}

// reference is docs/reference/metrics.md.
func reference() string {
	var b strings.Builder
	b.WriteString("# Metrics\n\n<!-- Generated by `go test ./apiserver -run TestMetricsReference -update`: change the descriptions there. -->\n\n" +
		"The API server shows these on `/metrics`, in Prometheus' text format. Those of how everything stands are made of the report\n" +
		"that a worker makes twice a minute, so that every replica of the API server tells the same: aggregate with `max by (…)`.\n" +
		"What could not be read is absent. Without a report there are only `lifeboat_status_timestamp_seconds 0` and\n" +
		"`lifeboat_alerts{rule=\"LifeboatNotWatching\"} 1`.\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n")
	row := func(name, kind, help string, labels []string) {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, kind, strings.Join(labels, ", "), help)
	}
	for _, m := range statusMetrics {
		row(m.name, m.kind(), m.help, m.labels)
	}
	b.WriteString("\nOf the API server itself:\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n")
	m := newMetrics("")
	m.observe("GET", "/", 200, time.Second)
	m.refusals.WithLabelValues("rate").Inc()
	families, _ := m.registry.Gather()
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "lifeboat_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		row(f.GetName(), strings.ToLower(f.GetType().String()), f.GetHelp(), labels)
	}
	b.WriteString("\nBeside them are `go_*` and `process_*` of the server's own process.\n")
	return b.String()
}

func TestMetricsReference(t *testing.T) {
	t.Parallel()
	const path = "../docs/reference/metrics.md"
	if *update {
		if err := os.WriteFile(path, []byte(reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != reference() {
		t.Errorf("%s is not what the metrics are: run go test ./apiserver -run TestMetricsReference -update (%v)", path, err)
	}
}
