package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const peoplePlans = `  slow:
    surfaces: [redis]
    targets: {rto: 30m}
    checks:
      - {name: waits, kind: command, command: [sleep, "300"], timeout: 10m}
  stuck: {surfaces: [main], targets: {rto: 30m}, store: far}
  nightly:
    kind: restore_test
    cron: "0 3 * * *"
    surfaces: [redis]
    targets: {rto: 30m, rpo: 1d}
  both:
    kind: restore_test
    surfaces: [main, redis]
    checks:
      - {name: orders, kind: sql, surface: main, query: "SELECT count(*) FROM orders", expect: "20"}
  table:
    kind: tabletop
    owner: ops@example.com
    steps: [Call the provider of the power, Read the runbook aloud, Name the deputy]
  yearly: {kind: annual_full, surfaces: [redis], store: offsite, targets: {rto: 30m}}
  red:
    kind: restore_test
    surfaces: [redis]
    checks: [{name: count, kind: redis, surface: redis, command: [GET, orders], expect: "21", retries: 0}]
  kept:
    surfaces: [main]
    targets: {rto: 30m}
    keep: 20s`

// TestDrillsAndPeople has drills that are cancelled, run side by side, are of
// people only, stay for a while, or are started by their schedule.
func TestDrillsAndPeople(t *testing.T) {
	t.Parallel()
	pg, rd, s3 := servers.Postgres(t), servers.Redis(t), servers.S3(t)
	live := shop(t, pg, 20)
	goods(t, live, rd, 20)
	far, link := s3.Proxied(t, s3.Bucket(t))
	policies := strings.Replace(snapshotPolicies, "copies: [offsite]", "copies: [far]", 1)
	s, _ := drillSite(t, live, rd.URL, policies, peoplePlans)
	s = s.with(t, "surfaces:\n  main:  {", "  far: "+s3Place(far)+"\nsurfaces:\n  main:  {")
	s.start(t, "up")
	var keys, rows point
	s.ask(t, &keys, "snapshot", "create", "redis", "--wait")
	s.ask(t, &rows, "snapshot", "create", "main", "--wait")

	t.Run("cancelled while it checks", func(t *testing.T) {
		d := s.startDrill(t, adminKey, "slow")
		eventually(t, time.Minute, "the check is under way", func() bool {
			return slices.ContainsFunc(s.processesOf(t, d.ID), func(p string) bool { return strings.Contains(p, "sleep") })
		})
		if _, stderr, code := s.run(t, "drill", "cancel", d.ID); code != 0 {
			t.Fatalf("cancel: %s", stderr)
		}
		s.aborted(t, d.ID)
	})
	t.Run("cancelled while it restores", func(t *testing.T) {
		link.Stall()
		d := s.startDrill(t, adminKey, "stuck")
		eventually(t, time.Minute, "the restore waits for bytes", func() bool {
			return link.Waiting() > 0
		})
		if status := s.call(t, http.MethodDelete, "/v1/drills/"+d.ID, "", nil); status != http.StatusAccepted {
			t.Fatalf("cancel: %d", status)
		}
		s.aborted(t, d.ID)
		link.Heal()
	})
	t.Run("two at once", func(t *testing.T) {
		first, second := s.startDrill(t, adminKey, "both"), s.startDrill(t, adminKey, "both")
		if first.ID == second.ID {
			t.Fatal("two drills have one ID")
		}
		ports := map[string]bool{}
		for _, run := range []drilled{first, second} {
			d := s.becomes(t, run.ID, drill.StateClosed)
			s.passes(t, d)
			for _, r := range d.Evidence.Surfaces {
				ports[r.RestoreID] = true
			}
		}
		if len(ports) != 4 {
			t.Errorf("the drills have restored into %v", ports)
		}
	})
	t.Run("cancelled at once", func(t *testing.T) {
		d := s.startDrill(t, adminKey, "yearly")
		// As soon as Temporal lists the run.
		eventually(t, time.Minute, "the drill is cancelled", func() bool {
			return s.call(t, http.MethodDelete, "/v1/drills/"+d.ID, "", nil) == http.StatusAccepted
		})
		s.aborted(t, d.ID)
	})
	t.Run("of a plan that the worker does not have", s.ofAnUnknownPlan)
	t.Run("whose finding is decided on", s.decidesOnAFinding)
	var kept string
	t.Run("kept", func(t *testing.T) { kept = s.isKept(t) })
	t.Run("of people", s.ofPeople)
	t.Run("by its schedule", func(t *testing.T) {
		schedule := s.temporal(t).ScheduleClient().GetHandle(t.Context(), "lifeboat/drill/nightly")
		if err := schedule.Trigger(t.Context(), client.ScheduleTriggerOptions{}); err != nil {
			t.Fatal(err)
		}
		var listed []drilled
		eventually(t, 2*time.Minute, "the drill is judged", func() bool {
			s.ask(t, &listed, "drill", "list", "--plan", "nightly")
			return len(listed) == 1 && listed[0].Verdict != ""
		})
		d := s.shown(t, listed[0].ID)
		s.passes(t, d)
		if d.Evidence.Identity.Trigger != "schedule" || d.State != drill.StateClosed {
			t.Errorf("the drill of the schedule: %s, %+v", d.State, d.Evidence.Identity)
		}
		if _, stderr, code := s.run(t, "drill", "sign", d.ID, "--statement", "not asked for"); code != 1 || strings.Count(stderr, "\n") != 1 {
			t.Errorf("signing what needs no signature: exit %d, %s", code, stderr)
		}
		if c := s.commitment(t, "nightly"); c.State != drill.Unproven || !strings.Contains(c.Reason, "asks for no sign-off") || c.NextDue.IsZero() {
			t.Errorf("what nobody signs is promised: %+v", c)
		}
	})
	if kept != "" {
		t.Run("kept no longer", func(t *testing.T) { s.isReleased(t, kept) })
	}
}

// aborted waits for the end of a cancelled drill: it is evidence, and nothing is left.
func (s *site) aborted(t *testing.T, id string) {
	t.Helper()
	d := s.becomes(t, id, drill.StateClosed)
	if d.Verdict != drill.VerdictAborted || d.Sequence == nil {
		t.Errorf("the cancelled drill: %s, %+v", d.Verdict, d)
	}
	if !slices.ContainsFunc(d.Evidence.Failures, func(f drill.Failure) bool { return f.Kind == drill.FailureCancelled }) {
		t.Errorf("nothing says that it was cancelled: %+v", d.Evidence.Failures)
	}
	s.leftNothing(t, d)
	eventually(t, time.Minute, "the drill's runs have ended", func() bool {
		return len(s.runs(t, "ExecutionStatus = 'Running' AND (WorkflowId = '"+d.WorkflowID+"' OR WorkflowId STARTS_WITH 'restore/by-drill/"+d.ID+"')")) == 0
	})
	if _, stderr, code := s.run(t, "drill", "cancel", id); code != 1 || !strings.Contains(stderr, "does not run") {
		t.Errorf("cancelled again: exit %d, %s", code, stderr)
	}
}

// ofAnUnknownPlan adds a plan to the file alone: the drill fails, and nobody waits for it.
func (s *site) ofAnUnknownPlan(t *testing.T) {
	later := s.with(t, "  kept:\n", "  added: {surfaces: [redis]}\n  kept:\n")
	_, stderr, code := later.run(t, "drill", "run", "added", "--wait")
	if code != 1 || !strings.Contains(stderr, `no drill "added" in the configuration`) {
		t.Errorf("exit %d, %s", code, stderr)
	}
	started, _, _ := later.run(t, "drill", "run", "added", "-o", "json")
	var run, shown struct{ ID, State, Error string }
	if err := json.Unmarshal([]byte(started), &run); err != nil {
		t.Fatal(err, started)
	}
	eventually(t, time.Minute, "the drill is shown as failed", func() bool {
		later.ask(t, &shown, "drill", "show", run.ID)
		return shown.State == drill.StateFailed
	})
	if !strings.Contains(shown.Error, `no drill "added"`) {
		t.Errorf("the reason is %q", shown.Error)
	}
}

// decidesOnAFinding has people of several roles decide: what is decided shows
// on the drill, whose record stays as it was.
func (s *site) decidesOnAFinding(t *testing.T) {
	d := s.drill(t, "red")
	const finding = "red/check-failed/count"
	s.fails(t, d, finding, "21")
	viewer, approver := s.newKey(t, "vic", "viewer"), s.newKey(t, "amy", "approver")
	for _, args := range [][]string{{"--owner", "vic"}, {"--accept-until", "2099-01-01", "--reason", "known"}} {
		if _, stderr, code := s.as(viewer).run(t, append([]string{"drill", "finding", d.ID, finding}, args...)...); code != 1 || !strings.Contains(stderr, "takes the role") {
			t.Errorf("a viewer decides %q: exit %d, %s", args, code, stderr)
		}
	}
	// The account has started the drill.
	if _, stderr, code := s.run(t, "drill", "finding", d.ID, finding, "--accept-until", "2099-01-01", "--reason", "known"); code != 1 || !strings.Contains(stderr, "another person") {
		t.Errorf("who started it accepts: exit %d, %s", code, stderr)
	}
	var decided struct{ Account string }
	s.as(approver).ask(t, &decided, "drill", "finding", d.ID, finding, "--owner", "grace", "--accept-until", "2099-01-01", "--reason", "known")
	if !strings.HasPrefix(decided.Account, "cli:") {
		t.Errorf("the account is %q", decided.Account)
	}
	got := s.shown(t, d.ID)
	if now, was := got.Findings[0], got.Evidence.Findings[0]; now.Owner != "grace" || now.Status != drill.FindingAccepted || was.Owner != "" || was.Status != drill.FindingOpen {
		t.Errorf("shown is %+v, recorded %+v", now, was)
	}
	if page, stderr, code := s.run(t, "evidence", "report", d.ID); code != 0 || !strings.Contains(page, "How findings stand now") {
		t.Errorf("the report does not tell of it: exit %d, %s", code, stderr)
	}
}

// ofPeople walks through a checklist.
func (s *site) ofPeople(t *testing.T) {
	run := s.startDrill(t, adminKey, "table")
	bea := s.newKey(t, "bea", "approver")
	for i, step := range []string{"call the provider of the power", "Read the runbook aloud", "name the deputy"} {
		var told drill.ManualStep
		status := s.call(t, http.MethodPost, "/v1/drills/"+run.ID+"/manual-steps", `{"text":"`+step+`"}`, &told, "Idempotency-Key", step)
		if status != http.StatusCreated || told.By != "admin" {
			t.Errorf("step %d: %d %+v", i+1, status, told)
		}
	}
	d := s.becomes(t, run.ID, drill.StateAwaiting)
	if d.Verdict != drill.VerdictPass || len(d.Findings) > 0 || len(d.Evidence.ManualSteps) != 3 || len(d.Evidence.Surfaces) > 0 {
		t.Errorf("the tabletop: %+v", d)
	}
	var signed drilled
	s.as(bea).ask(t, &signed, "drill", "sign", d.ID, "--statement", "all were there")
	if signed.State != drill.StateSigned {
		t.Errorf("the signed tabletop: %+v", signed)
	}
}

// isKept leaves an environment for a while, in which people may look around.
func (s *site) isKept(t *testing.T) (id string) {
	var running drilled
	run := s.startDrill(t, adminKey, "kept")
	eventually(t, 2*time.Minute, "the drill is judged and its environment stands", func() bool {
		s.ask(t, &running, "drill", "show", run.ID)
		return running.State == drill.StateAwaiting
	})
	if running.Verdict != drill.VerdictPass || !running.Evidence.Isolation.TornDown.IsZero() {
		t.Errorf("the kept drill: %+v", running)
	}
	var server struct{ State, URL string }
	status := s.call(t, http.MethodGet, "/v1/admin/restores/"+running.Evidence.Surfaces[0].RestoreID, "", &server)
	if status != http.StatusOK || server.State != "done" || server.URL == "" {
		t.Fatalf("the restored server: %d %+v", status, server)
	}
	// Who has the data folder is told how to get in.
	var standing []struct{ ID, Surface, URL string }
	s.ask(t, &standing, "environment", "show", run.ID)
	if len(standing) != 1 || standing[0].ID != running.Evidence.Surfaces[0].RestoreID || standing[0].URL != server.URL {
		t.Errorf("what stands of the drill: %+v, and not %s", standing, server.URL)
	}
	if n := text(t, server.URL, `SELECT count(*) FROM orders`); n != "20" {
		t.Errorf("%s orders are in the kept environment", n)
	}
	return run.ID
}

// isReleased waits until a kept environment has had its time.
func (s *site) isReleased(t *testing.T, id string) {
	t.Helper()
	eventually(t, 2*time.Minute, "the environment is gone", func() bool {
		return len(s.processesOf(t, id))+len(s.foldersOf(t, id)) == 0
	})
	var entries []struct{ Kind, ID string }
	eventually(t, time.Minute, "the ledger says so", func() bool {
		s.ask(t, &entries, "evidence", "list", "--kind", "drill.torn-down")
		return len(entries) == 1 && strings.Contains(entries[0].ID, id)
	})
}
