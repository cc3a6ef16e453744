package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

func TestStatusAsATable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)
	plan := func(name string, target, measured float64, due int) status.Plan {
		p := status.Plan{Commitment: drill.Commitment{Plan: name, Surfaces: []string{"main"}, RTOTarget: target, NextDue: now.AddDate(0, 0, due)}}
		if measured > 0 {
			p.MeasuredRTO = &measured
		}
		return p
	}
	r := status.Report{
		At: now.Add(-5 * time.Second), Host: "w1",
		Surfaces: []status.Surface{
			{Name: "cache", Kind: "redis"},
			{
				Name: "main", Kind: "postgres", LastPoint: &status.Point{At: now.Add(-90 * time.Minute)},
				LastProven: &status.Point{At: now.AddDate(0, 0, -3)}, RPOSeconds: new(42.0), RPOTarget: 600,
			},
			{Name: "main-2", Kind: "redis", LastPoint: &status.Point{At: now.Add(-time.Second)}},
		},
		Plans: []status.Plan{plan("yearly", 7200, 5000, 200), plan("quarterly", 1800, 61, 20), plan("talk", 0, 0, 10)},
		Alerts: []status.Alert{
			{Rule: "LifeboatDrillFailed", Severity: status.Critical, State: status.Firing, Summary: "the drill failed", Labels: map[string]string{"plan": "talk"}, Since: now},
			{Rule: "LifeboatWALGap", Severity: status.Critical, State: status.Firing, Summary: "WAL is missing", Labels: map[string]string{"surface": "main"}, Since: now},
			{Rule: "LifeboatBlind", Severity: status.Warning, State: status.Pending, Summary: "unseen", Labels: map[string]string{"surface": "main"}},
		},
		Blind: []string{"the replicas of main can't be read"},
	}
	var out bytes.Buffer
	a := &app{out: &out}
	if err := a.standing(r, now); err != nil {
		t.Fatal(err)
	}
	want := `SURFACE  KIND      LAST GOOD   LAST PROVEN  RPO NOW/TARGET  RTO LAST/TARGET  NEXT DRILL  ALERTS
main     postgres  1h30m ago   3d ago       42s / 10m00s    1m01s / 30m00s   2026-01-20  2
cache    redis     never       never        - / -           -                -           0
main-2   redis     1s ago      never        - / -           -                -           0
critical: the drill failed (LifeboatDrillFailed, since 2026-01-10T12:00:00Z)
critical: WAL is missing (LifeboatWALGap, since 2026-01-10T12:00:00Z)
not known: the replicas of main can't be read
as of 2026-01-10T11:59:55Z, seen by w1
`
	if squeeze(out.String()) != squeeze(want) {
		t.Errorf("it says\n%s\nwant\n%s", out.String(), want)
	}
	out.Reset()
	r.At = now.Add(-time.Hour)
	if err := a.standing(apiserver.Watched(r, now), now); err != nil {
		t.Fatal(err)
	}
	if said := squeeze(out.String()); !strings.HasPrefix(said, "this is how it stood 1h00m ago") || !strings.Contains(said, "2026-01-20 2 (old)") {
		t.Errorf("an old report is not marked:\n%s", said)
	}
}

// squeeze makes blanks between columns one.
func squeeze(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func TestStatesOfSchedules(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]apiserver.Schedule{
		"paused by person":   {Cron: "@daily", Paused: true, PausedBy: "person", Running: []string{"x"}},
		"waits for a worker": {Cron: "@daily", Waiting: true},
		"running":            {Cron: "@daily", Running: []string{"x"}},
		"continuous":         {Kind: config.KindWAL},
		"on demand":          {},
		"scheduled":          {Cron: "@daily"},
	} {
		if got := stateOf(s); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}
