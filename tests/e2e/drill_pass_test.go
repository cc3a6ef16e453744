package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// walPolicies recover main to a moment, and take snapshots of redis.
const walPolicies = `  main-base:   {surface: main, kind: base, cron: "0 1 * * *", store: primary, keep: {days: 7}}
  main-wal:    {surface: main, kind: wal, store: primary, interval: 500ms, marker: true}
  redis-daily: {surface: redis, kind: snapshot, cron: "30 2 * * *", store: primary, copies: [offsite], keep: {days: 7}}`

// quarterlyPlan starts an application on what was restored, and asks it. The
// texts in capitals are filled in by the test.
const quarterlyPlan = `  quarterly:
    cron: "0 6 1 1,4,7,10 *"
    surfaces: [main, redis]
    owner: ops@example.com
    scenario: the data centre is lost
    targets: {rto: 30m, rpo: 10m}
    sanitize:
      - {name: no-mail, surface: main, sql: "UPDATE customers SET mail = NULL WHERE mail IS NOT NULL"}
    start:
      - name: shop
        command: [APPLICATION, --play, shop]
        env: {DATABASE: "{{main.url}}", REDIS: "{{redis.url}}", LISTEN: "ADDRESS"}
        ready: ADDRESS
    checks:
      - {name: listens, kind: tcp, surface: main}
      - {name: page, kind: http, url: "http://ADDRESS/status", jsonPath: $.orders, expect: "20", expectHeaders: {Content-Type: application/json}}
      - {name: no-mail, kind: sql, surface: main, query: "SELECT count(*) FROM customers WHERE mail IS NOT NULL", expect: "0"}
      - {name: greeting, kind: redis, surface: redis, command: [GET, greeting], expect: hello}
      - {name: accepts, kind: command, command: [PGISREADY, -h, "{{main.host}}", -p, "{{main.port}}"], expect: "*=accepting connections"}
    reconcile:
      - {name: keys, kind: fingerprint, surface: redis}
      - {name: orders, kind: query, surface: main, query: "SELECT count(*) FROM orders", with: {surface: redis, query: GET orders}}
  second-look:
    surfaces: [redis]
    owner: ops@example.com
    targets: {rto: 30m}`

// TestDrillPasses is a quarterly drill from the declaration to the signature,
// and what may be promised before, after, and once something was changed.
func TestDrillPasses(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 20)
	goods(t, live, rd, 20)
	plan := strings.NewReplacer("APPLICATION", application(t), "ADDRESS", servers.Address(t), "PGISREADY", pg.Tool("pg_isready")).Replace(quarterlyPlan)
	s, public := drillSite(t, live, rd.URL, walPolicies, plan)
	s.start(t, "up")
	s.streams(t, "main")
	base := s.baseBackup(t)
	var keys point
	s.ask(t, &keys, "snapshot", "create", "redis", "--wait")
	s.shipped(t, "main", live)
	ann, bea := s.newKey(t, "ann", "approver"), s.newKey(t, "bea", "approver")
	viewer, operator := s.newKey(t, "vic", "viewer"), s.newKey(t, "oli", "operator")
	if c := s.commitment(t, "quarterly"); c.State != drill.Unproven || !strings.Contains(c.Reason, "never drilled") {
		t.Errorf("before any drill: %+v", c)
	}
	if status := s.call(t, http.MethodPost, "/v1/drills", `{"plan":"quarterly"}`, nil, "Authorization", "Bearer "+viewer); status != http.StatusForbidden {
		t.Errorf("a viewer runs a drill: %d", status)
	}

	run := s.startDrill(t, ann, "quarterly")
	d := s.becomes(t, run.ID, drill.StateAwaiting)
	s.passes(t, d)
	restored(t, *d.Evidence, base, keys)
	measured(t, d)
	for _, id := range []string{base.ID, keys.ID} {
		var p point
		if s.ask(t, &p, "snapshot", "show", id); p.State != "proven" {
			t.Errorf("point %s is %s after the drill", id, p.State)
		}
	}
	if c := s.commitment(t, "quarterly"); c.State != drill.Unproven || !strings.Contains(c.Reason, "not signed") || c.Drill != d.ID {
		t.Errorf("before the signature: %+v", c)
	}

	s.signed(t, d, map[string]string{"vic, who only views": viewer, "oli, who operates": operator, "ann, who started it": ann}, bea)
	s.verifiedByAStranger(t, d, public)
	s.reported(t, d)
	s.unproven(t)
	s.sentBack(t, ann)
}

// restored looks at what a record says of the restore and of what was asked then.
func restored(t *testing.T, rec drill.Record, base, keys point) {
	t.Helper()
	points := map[string]point{"main": base, "redis": keys}
	for _, got := range rec.Surfaces {
		want := points[got.Surface]
		if got.Result != drill.Pass || got.Point != want.ID || got.URI != want.URI || got.Manifest == "" || got.Store != "primary" || got.Reached.IsZero() {
			t.Errorf("restored was %+v, want the point %+v", got, want)
		}
	}
	if len(rec.Surfaces) != 2 || rec.Surfaces[1].Compared == 0 {
		t.Errorf("the surfaces: %+v", rec.Surfaces)
	}
	if len(rec.Sanitised) != 1 || rec.Sanitised[0].Rows != 5 {
		t.Errorf("sanitised: %+v", rec.Sanitised)
	}
	if len(rec.Programs) != 1 || rec.Programs[0].Result != drill.Pass {
		t.Errorf("the programs: %+v", rec.Programs)
	}
	tried := 0
	for _, a := range rec.Isolation.Attempts {
		if a.Result == drill.Pass {
			tried++
		} else if a.Result != drill.Skipped {
			t.Errorf("the isolation: %+v", a)
		}
	}
	if tried < 8 || !slices.ContainsFunc(rec.Isolation.Attempts, func(a drill.Attempt) bool { return strings.Contains(a.What, "with the live password") }) {
		t.Errorf("%d attempts were refused: %+v", tried, rec.Isolation.Attempts)
	}
	for _, c := range rec.Checks {
		if c.Result != drill.Pass || c.Expected == "" && c.Kind != drill.CheckTCP || c.Observed == "" || c.Attempts < 1 {
			t.Errorf("the check %+v", c)
		}
	}
	var compared []string
	for _, r := range rec.Reconciled {
		if r.Result != drill.Pass {
			t.Errorf("the reconciliation %+v", r)
		}
		compared = append(compared, r.Kind)
	}
	for _, kind := range []string{drill.ReconcileFingerprint, drill.ReconcileRecovery, drill.ReconcileQuery} {
		if !slices.Contains(compared, kind) {
			t.Errorf("nothing was compared by %s: %v", kind, compared)
		}
	}
	if len(rec.Checks) != 5 {
		t.Errorf("%d checks", len(rec.Checks))
	}
}

// measured wants both objectives measured, met, and made of the phases.
func measured(t *testing.T, d drilled) {
	t.Helper()
	o, at := d.Evidence.Objectives, d.Evidence.Timeline
	if o.RTOMet == nil || !*o.RTOMet || o.RPOMet == nil || !*o.RPOMet || o.RTOSeconds <= o.RestoreSeconds || o.RestoreSeconds <= 0 || o.RPOSeconds >= 600 {
		t.Errorf("the objectives: %+v", o)
	}
	if d.RTOSeconds != o.RTOSeconds || at.Reconciled.Sub(at.Declared).Seconds() != o.RTOSeconds {
		t.Errorf("an RTO of %v s, from %v to %v", d.RTOSeconds, at.Declared, at.Reconciled)
	}
	phases := map[string]bool{}
	for _, p := range at.Phases {
		phases[p.Name] = true
	}
	for _, name := range []string{
		drill.PhaseDeclare, drill.PhaseSelect, drill.PhaseIsolate, drill.PhaseRestore, drill.PhaseSanitize, drill.PhaseStart, drill.PhaseCheck,
		drill.PhaseReconcile, drill.PhaseTearDown, drill.PhaseJudge,
	} {
		if !phases[name] {
			t.Errorf("the phase %q was not timed: %+v", name, at.Phases)
		}
	}
}
