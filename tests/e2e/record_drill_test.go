package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// recordedPolicies are walPolicies with snapshots of main.
const recordedPolicies = walPolicies + `
  main-daily:  {surface: main, kind: snapshot, cron: "0 2 * * *", store: primary, copies: [offsite], keep: {days: 7}}`

// recordedPlans take all ways through a drill.
const recordedPlans = `  whole:
    surfaces: [main, redis]
    points: {main: {select: snapshot}}
    owner: ops@example.com
    targets: {rto: 30m, rpo: 1d}
    runbook: {repository: "RUNBOOKS", file: recover.md}
    sanitize:
      - {name: no-mail, surface: main, sql: "UPDATE customers SET mail = NULL"}
    start:
      - {name: migration, command: [sh, -c, "exit 0"], once: true}
    checks:
      - {name: orders, kind: sql, surface: main, query: "SELECT count(*) FROM orders", expect: "10"}
      - {name: greeting, kind: redis, surface: redis, command: [GET, greeting], expect: hello}
    reconcile:
      - {name: same, kind: query, surface: main, query: "SELECT count(*) FROM orders", with: {surface: redis, query: GET orders}}
  recent:    {surfaces: [main], owner: ops@example.com, targets: {rto: 30m}}
  table:     {kind: tabletop, steps: [Call the provider, Read the runbook aloud]}
  forgotten: {surfaces: [redis], keep: 1s, signOff: {within: 5s, remind: 2s}}
  stopped:   {surfaces: [redis], checks: [{kind: command, command: [sleep, "300"], timeout: 10m}]}
  red:       {kind: restore_test, surfaces: [redis], checks: [{kind: redis, surface: redis, command: [GET, greeting], expect: bye, retries: 1, interval: 100ms}]}
  yearly:    {kind: annual_full, surfaces: [redis], store: offsite, signOff: {required: false}}`

// TestRecordReplaysOfDrills does for drills what TestRecordReplays does for all else.
func TestRecordReplaysOfDrills(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 10)
	goods(t, live, rd, 10)
	book := newRunbook(t, "# Recover\n\n- Switch the name to the standby.\n")
	s, _ := drillSite(t, live, rd.URL, recordedPolicies, strings.ReplaceAll(recordedPlans, "RUNBOOKS", book.dir))
	s.start(t, "up")
	s.streams(t, "main")
	s.baseBackup(t)
	for _, name := range []string{"main", "redis"} {
		var made point
		s.ask(t, &made, "snapshot", "create", name, "--wait")
	}
	s.shipped(t, "main", live)
	starter := s.newKey(t, "ann", "admin")
	operator, approver := s.as(s.newKey(t, "oli", "operator")), s.as(s.newKey(t, "bea", "approver"))
	runs := map[string]string{}
	begin := func(plan string) drilled {
		d := s.startDrill(t, starter, plan)
		runs["drill-"+plan] = d.WorkflowID
		return d
	}

	whole := s.becomes(t, begin("whole").ID, drill.StateAwaiting)
	var step drill.ManualStep
	operator.ask(t, &step, "drill", "manual-step", whole.ID, "--text", "Switch the name to the standby.")
	var signed drilled
	approver.ask(t, &signed, "drill", "sign", whole.ID, "--statement", "looked at it")
	if !step.Documented || signed.Verdict != drill.VerdictPass || signed.Revision != 2 {
		t.Errorf("%+v, %+v", step, signed)
	}
	runs["restore-by-drill"] = "restore/by-drill/" + whole.ID + "/main"

	recent := s.becomes(t, begin("recent").ID, drill.StateAwaiting)
	var refused drilled
	approver.ask(t, &refused, "drill", "sign", recent.ID, "--statement", "the page was empty", "--refuse")
	if refused.State != drill.StateRefused || refused.Verdict != drill.VerdictFail {
		t.Errorf("%+v", refused)
	}
	runs["recover-by-drill"] = "restore/by-drill/" + recent.ID + "/main"

	table := begin("table")
	for _, text := range []string{"Call the provider", "Read the runbook aloud"} {
		eventually(t, time.Minute, "the step is taken", func() bool {
			_, _, code := operator.run(t, "drill", "manual-step", table.ID, "--text", text)
			return code == 0
		})
	}
	s.becomes(t, table.ID, drill.StateAwaiting)
	approver.ask(t, &signed, "drill", "sign", table.ID, "--statement", "they knew it all")

	s.becomes(t, begin("forgotten").ID, drill.StateExpired)
	stopped := begin("stopped")
	s.checking(t, stopped)
	if _, stderr, code := s.run(t, "drill", "cancel", stopped.ID); code != 0 {
		t.Fatalf("cancel: %s", stderr)
	}
	s.becomes(t, stopped.ID, drill.StateClosed)
	for plan, verdict := range map[string]string{"red": drill.VerdictFail, "yearly": drill.VerdictPass} {
		if d := s.becomes(t, begin(plan).ID, drill.StateClosed); d.Verdict != verdict {
			t.Errorf("%s: %s", plan, d.Summary)
		}
	}
	runs["housekeep"] = s.latest(t, workflows.HousekeepName)
	s.over(t, slices.Collect(maps.Values(runs)))
	s.record(t, runs, book.dir, "/runbooks")
}

// checking waits until a drill is at its checks.
func (s *site) checking(t *testing.T, d drilled) {
	t.Helper()
	c := s.temporal(t)
	eventually(t, time.Minute, "a check is under way", func() bool {
		return len(pending(t, c, started{WorkflowID: d.WorkflowID}, "HealthCheck", nil)) > 0
	})
}

// over waits until runs have ended.
func (s *site) over(t *testing.T, ids []string) {
	t.Helper()
	eventually(t, time.Minute, "the runs have ended", func() bool {
		running := s.runs(t, "ExecutionStatus = 'Running' AND WorkflowType IN ('"+workflows.DrillName+"', '"+workflows.RestoreName+"')")
		return !slices.ContainsFunc(running, func(id string) bool { return slices.Contains(ids, id) })
	})
}
