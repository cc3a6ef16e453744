package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// What is said of a step that was told of is what the drill makes of it.
func TestStepFields(t *testing.T) {
	t.Parallel()
	talk := drill.Plan{Kind: drill.Tabletop, Steps: []string{"who calls whom"}}
	for name, c := range map[string]struct {
		plan        drill.Plan
		step        drill.ManualStep
		what, known string
	}{
		"on the checklist":     {talk, drill.ManualStep{Text: "Who calls whom"}, "on the checklist", "yes, and ticked"},
		"not on the checklist": {talk, drill.ManualStep{Text: "called the police"}, "in the runbook", "no: the drill fails until"},
		"in the runbook":       {drill.Plan{}, drill.ManualStep{Text: "x", Documented: true, Commit: "c0ffee"}, "in the runbook", "yes, at commit c0ffee"},
		"in neither":           {drill.Plan{}, drill.ManualStep{Text: "x"}, "in the runbook", "no: the drill fails until"},
	} {
		if what, known := stepFields(c.plan, c.step); what != c.what || !strings.HasPrefix(known, c.known) {
			t.Errorf("%s: %s: %s", name, what, known)
		}
	}
}

// A recovery that lost nothing has an RPO, of 0; what was not measured has none.
func TestMeasured(t *testing.T) {
	t.Parallel()
	if got := []string{measured(true, 0), measured(true, 1.5), measured(false, 0)}; !slices.Equal(got, []string{"0.00 s", "1.50 s", ""}) {
		t.Errorf("%q", got)
	}
}

// A drill that should have been done is said to be overdue, whether its plan has
// a schedule or follows policies.
func TestNextDue(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 4, 1, 6, 0, 0, 0, time.UTC)
	for want, c := range map[string]drill.Commitment{
		"": {}, "2026-04-01T06:00:00Z": {NextDue: at}, "2026-04-01T06:00:00Z, overdue": {NextDue: at, Overdue: true}, "overdue": {Overdue: true},
	} {
		if got := nextDue(c); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}

// What was stopped on this host is not shown as standing.
func TestStoppedServersAreNotShown(t *testing.T) {
	t.Parallel()
	c := &config.Config{DataDir: t.TempDir(), Surfaces: map[string]config.Surface{}}
	if err := os.MkdirAll(filepath.Join(c.DataDir, "environments", "d-0"), 0o700); err != nil {
		t.Fatal(err)
	}
	servers := map[string]workflows.DrillServer{"main": {RestoreID: "d-0"}, "redis": {RestoreID: "d-1"}}
	for host, want := range map[string]int{worker.Host(c.DataDir): 1, "another": 2} {
		got := stillStanding(c, host, servers)
		if _, stands := got["main"]; len(got) != want || !stands {
			t.Errorf("on host %s: %+v", host, got)
		}
	}
}

// A sign-off that nobody gave names nobody.
func TestSignOffsAreShown(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 4, 1, 6, 0, 0, 0, time.UTC)
	for want, decision := range map[string]drill.SignedOff{
		"expired, 2026-04-01T06:00:00Z: nobody signed in time": {Decision: drill.DecisionExpired, At: at, Statement: "nobody signed in time"},
		"signed by ann, 2026-04-01T06:00:00Z: seen":            {Decision: drill.DecisionSigned, Signer: "ann", At: at, Statement: "seen"},
	} {
		var out bytes.Buffer
		if err := (&app{out: &out}).drillFields(workflows.DrillResult{ID: "d", SignOff: &decision}); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %s, %v", want, out.String(), err)
		}
	}
}

// A tabletop under way shows what was told of, and what is left.
func TestStepsAreShown(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{out: &out}
	talk := drill.Plan{Kind: drill.Tabletop, Steps: []string{"who calls whom", "where the keys are"}}
	r := workflows.DrillResult{}.WithSteps(talk, []drill.ManualStep{{Text: "Who calls whom", By: "ann"}})
	if err := a.stepTables(talk, r); err != nil {
		t.Fatal(err)
	}
	told, left, found := strings.Cut(out.String(), "LEFT OF THE CHECKLIST")
	if !found || !strings.Contains(told, "Who calls whom") || !strings.Contains(told, "ann") || strings.TrimSpace(left) != "where the keys are" {
		t.Error(out.String())
	}
}

func TestCoverageIsATable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{out: &out}
	now := time.Date(2026, 4, 1, 6, 0, 0, 0, time.UTC)
	c := drill.Cover(map[string]drill.PlanRuns{"quarterly": {
		Plan: drill.Plan{Kind: drill.Quarterly, Surfaces: []string{"main"}}, Due: func(_, _ time.Time) int { return 4 },
	}}, []string{"redis"}, now)
	if err := a.coverageTables(c); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"from 2025-04-01T06:00:00Z to 2026-04-01T06:00:00Z", "0 of 4", "main, redis", "restore_test, quarterly"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

// A judged drill whose environment stays shows its servers, and until when.
func TestKeptServersAreShown(t *testing.T) {
	t.Parallel()
	judged := time.Date(2026, 4, 1, 6, 0, 0, 0, time.UTC)
	rec := drill.Record{Verdict: drill.VerdictPass, Plan: drill.Plan{Keep: drill.Duration(time.Hour)}, Timeline: drill.Timeline{Judged: judged}}
	running := workflows.DrillResult{Servers: map[string]workflows.DrillServer{"main": {RestoreID: "r1", Address: "127.0.0.1:5433"}}}
	for name, c := range map[string]struct {
		running workflows.DrillResult
		shown   bool
	}{"kept": {running, true}, "gone": {workflows.DrillResult{}, false}} {
		var out bytes.Buffer
		a := &app{out: &out}
		if err := a.drillFields(workflows.DrillResult{ID: "d"}.Standing(rec, c.running)); err != nil {
			t.Fatal(err)
		}
		const want = "restored server of main: 127.0.0.1:5433, environment r1, until 2026-04-01T07:00:00Z"
		if strings.Contains(out.String(), want) != c.shown {
			t.Errorf("%s:\n%s", name, out.String())
		}
	}
}
