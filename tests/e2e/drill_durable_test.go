package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// haltingPlan stops in its steps until a file of the folder GATES is there. It
// is of the kind that has the most steps.
const haltingPlan = `  halting:
    kind: annual_full
    surfaces: [main, redis]
    store: offsite
    scenario: the cluster is lost, and then one worker after the other
    owner: ops@example.com
    signOff: {required: false}
    targets: {rto: 30m}
    runbook: {repository: "RUNBOOKS", file: recover.md}
    sanitize:
      - name: halt
        surface: main
        sql: |
          CREATE OR REPLACE FUNCTION halt(gate text) RETURNS int LANGUAGE plpgsql AS $$
          BEGIN
            WHILE (SELECT size FROM pg_stat_file(gate, true)) IS NULL LOOP PERFORM pg_sleep(0.05); END LOOP;
            RETURN 1;
          END $$;
          SELECT halt('GATES/sanitise');
          UPDATE customers SET mail = NULL;
    start:
      - {name: migration, once: true, timeout: 5m, command: [sh, -c, "while ! test -e GATES/start; do sleep 0.05; done"]}
      - {name: shop, command: [APPLICATION, --play, shop], env: {DATABASE: "{{main.url}}", REDIS: "{{redis.url}}", LISTEN: "ADDRESS"}, ready: ADDRESS}
    checks:
      - {name: slow, kind: command, timeout: 5m, retries: 0, command: [sh, -c, "while ! test -e GATES/check; do sleep 0.05; done; echo yes"], expect: "*=yes"}
      - {name: page, kind: http, url: "http://ADDRESS/status", jsonPath: $.orders, expect: "20"}
    reconcile:
      - {name: halt, kind: query, timeout: 5m, surface: main, query: "SELECT halt('GATES/reconcile')", with: {surface: main, query: "SELECT 1"}}
      - {name: orders, kind: query, surface: main, query: "SELECT count(*) FROM orders", with: {surface: redis, query: GET orders}}`

// haltingGit lets git, which reads the runbook, wait in the same way.
const haltingGit = `#!/bin/sh
while ! test -e GATES/declare; do sleep 0.05; done
exec GIT "$@"
`

// halting is a site whose drill stops where the test wants it to. Its workers
// reach the stores of a drill through proxies.
type halting struct {
	*site
	// workers is the site as workers see it.
	workers *site
	gates   string
	// points has the copies of the recovery points, ledger the evidence.
	points, ledger *servers.Proxy
	worker         *servers.Process
	run            drilled
}

func newHalting(t *testing.T) *halting {
	t.Helper()
	pg, rd, s3 := servers.Postgres(t), servers.Redis(t), servers.S3(t)
	live := shop(t, pg, 20)
	noise(t, live, noiseRows)
	goods(t, live, rd, 20)
	// The restored server, which is another user's, looks for gates, too.
	gates, err := os.MkdirTemp("", "gates-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(gates) })
	if err := os.Chmod(gates, 0o755); err != nil {
		t.Fatal(err)
	}
	book := newRunbook(t, "# Recover\n")
	plan := strings.NewReplacer("GATES", gates, "RUNBOOKS", book.dir, "APPLICATION", application(t), "ADDRESS", servers.Address(t)).Replace(haltingPlan)
	s, _ := drillSite(t, live, rd.URL, snapshotPolicies, plan)
	h := &halting{gates: gates}
	points, ledger := s3.Bucket(t), s3.Bucket(t)
	h.site = s.with(t, "{kind: local, dir: "+s.storeDir+"-offsite}", s3Place(points), "{kind: local, dir: "+s.storeDir+"-ledger}", s3Place(ledger))
	before := []string{s3Place(points), s3Place(ledger)}
	points, h.points = s3.Proxied(t, points)
	ledger, h.ledger = s3.Proxied(t, ledger)
	h.workers = h.with(t, before[0], s3Place(points), before[1], s3Place(ledger))
	h.workers.env = append(h.workers.env, "PATH="+h.haltGit(t)+":"+os.Getenv("PATH"))
	h.start(t, "up", "--worker=false")
	h.worker = h.workers.worker(t)
	for _, name := range []string{"main", "redis"} {
		var made point
		h.ask(t, &made, "snapshot", "create", name, "--wait")
	}
	return h
}

func (h *halting) haltGit(t *testing.T) (dir string) {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	text := strings.NewReplacer("GATES", h.gates, "GIT", git).Replace(haltingGit)
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// opens lets the drill through steps.
func (h *halting) opens(t *testing.T, gates ...string) {
	t.Helper()
	for _, gate := range gates {
		if err := os.WriteFile(filepath.Join(h.gates, gate), []byte("open"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// begins starts the drill, and waits until it is being declared.
func (h *halting) begins(t *testing.T) {
	t.Helper()
	h.run = h.startDrill(t, h.newKey(t, "ann", "admin"), "halting")
	h.doing(t, h.run.WorkflowID, "DeclareDrill")
}

// doing waits until the worker is doing a step of a workflow.
func (h *halting) doing(t *testing.T, workflowID, step string) {
	t.Helper()
	c := h.temporal(t)
	eventually(t, 3*time.Minute, step+" is under way", func() bool {
		_, err := c.DescribeWorkflowExecution(t.Context(), workflowID, "")
		return err == nil && len(pending(t, c, started{WorkflowID: workflowID}, step, h.worker)) > 0
	})
}

// killed kills the worker in the middle of a step, and starts another one.
func (h *halting) killed(t *testing.T, step string) {
	t.Helper()
	h.killedIn(t, h.run.WorkflowID, step)
}

func (h *halting) killedIn(t *testing.T, workflowID, step string) {
	t.Helper()
	h.doing(t, workflowID, step)
	h.worker.Kill()
	h.worker = h.workers.start(t, "worker")
}

// runningDrills are drills that run, with their restores. The housekeeping of a
// host whose worker was killed waits for its own time to be tried again.
// The watch over everything runs for ever, and so does telling of what fires.
const runningDrills = "ExecutionStatus = 'Running' AND WorkflowType != '" + workflows.HousekeepName +
	"' AND WorkflowType != '" + workflows.WatchName + "' AND WorkflowType != '" + workflows.NotifyName + "'"

// passed waits for the end of the drill: one verdict, one piece of evidence, and
// nothing left. The steps in which workers died were begun again.
func (h *halting) passed(t *testing.T, again ...string) {
	t.Helper()
	d := h.becomes(t, h.run.ID, drill.StateClosed)
	h.passes(t, d)
	if d.Revision != 1 {
		t.Errorf("%d revisions of the record", d.Revision)
	}
	eventually(t, time.Minute, "no run is left", func() bool { return len(h.runs(t, runningDrills)) == 0 })
	var entries []struct{ Kind, Subject, ID string }
	h.ask(t, &entries, "evidence", "list", "--subject", "halting")
	var kinds []string
	for _, e := range entries {
		kinds = append(kinds, e.Kind)
	}
	if want := []string{"drill.judged", "drill.declared"}; !slices.Equal(kinds, want) {
		t.Errorf("the ledger has %q, want %q", kinds, want)
	}
	if _, stderr, code := h.site.run(t, "evidence", "verify"); code != 0 {
		t.Errorf("evidence verify: exit %d, %s", code, stderr)
	}
	all := steps(history(t, h.temporal(t), h.run.WorkflowID, ""))
	for _, kind := range again {
		if !slices.ContainsFunc(ofKind(all, kind), func(s step) bool { return s.Attempts > 1 }) {
			t.Errorf("%s was not begun again: %+v", kind, ofKind(all, kind))
		}
	}
}

// judging is how many bytes go to and from the ledger before the record does.
const judging = 48 << 10

// TestWorkerKilledInEveryStep kills the worker of a drill in one step after the
// other. The drill goes on each time, as if nothing had been.
func TestWorkerKilledInEveryStep(t *testing.T) {
	t.Parallel()
	t.Run("declare and select and judge", func(t *testing.T) {
		t.Parallel()
		h := newHalting(t)
		h.opens(t, "sanitise", "start", "check", "reconcile")
		h.begins(t)
		h.points.Stall()
		h.killed(t, "DeclareDrill")
		h.opens(t, "declare")
		eventually(t, time.Minute, "the points are asked for", func() bool { return h.points.Waiting() > 0 })
		h.killed(t, "SelectPoint")
		// The ledger is not used again until the drill is judged.
		h.ledger.Stall()
		h.points.Heal()
		h.killed(t, "PriorFindings")
		h.ledger.Heal()
		h.passed(t, "DeclareDrill", "SelectPoint", "PriorFindings")
	})
	t.Run("isolate to record", func(t *testing.T) {
		t.Parallel()
		h := newHalting(t)
		h.opens(t, "sanitise", "start", "check")
		h.begins(t)
		fence := h.bars(t)
		h.opens(t, "declare")
		h.killed(t, "Isolate")
		h.points.StallAfter(middle / 2)
		if err := os.Remove(fence); err != nil {
			t.Fatal(err)
		}
		eventually(t, 3*time.Minute, "a restore is under way", func() bool { return h.points.Waiting() > 0 })
		h.killedIn(t, h.childOf(t, "main"), "Load")
		h.points.Heal()
		h.doing(t, h.run.WorkflowID, "ReconcileState")
		unlock := h.locked(t)
		h.opens(t, "reconcile")
		h.killed(t, "TearDown")
		h.doing(t, h.run.WorkflowID, "TearDown")
		eventually(t, 3*time.Minute, "the worker has tidied up", func() bool {
			return len(h.runs(t, "ExecutionStatus = 'Running' AND WorkflowType = '"+workflows.HousekeepName+"'")) == 0
		})
		// What is read to judge is less than that, and the record with its report is more.
		h.ledger.StallAfter(judging)
		unlock()
		h.killed(t, "RecordDrill")
		h.ledger.Heal()
		h.passed(t, "Isolate", "TearDown", "RecordDrill")
		if loads := ofKind(steps(history(t, h.temporal(t), h.childOf(t, "main"), "")), "Load"); !slices.ContainsFunc(loads, func(s step) bool { return s.Attempts > 1 }) {
			t.Errorf("no part was loaded again: %+v", loads)
		}
	})
	t.Run("sanitise to reconcile", func(t *testing.T) {
		t.Parallel()
		h := newHalting(t)
		h.begins(t)
		h.opens(t, "declare")
		for _, s := range []struct{ gate, step string }{
			{"sanitise", "Sanitise"}, {"start", "StartProgram"}, {"check", "HealthCheck"}, {"reconcile", "ReconcileState"},
		} {
			h.killed(t, s.step)
			h.opens(t, s.gate)
		}
		h.passed(t, "Sanitise", "StartProgram", "HealthCheck", "ReconcileState")
	})
}

// bars puts a pipe where the fence of the drill is looked for: whoever reads it waits.
func (h *halting) bars(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(h.dataDir, "fences")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, h.run.ID+".json")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// locked holds the lock of the drill's programs.
func (h *halting) locked(t *testing.T) (unlock func()) {
	t.Helper()
	locks, err := filepath.Glob(filepath.Join(h.dataDir, "programs", "*", h.run.ID))
	if err != nil || len(locks) != 1 {
		t.Fatalf("the lock of the programs: %q, %v", locks, err)
	}
	f, err := os.OpenFile(locks[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}

// childOf is the restore of a surface for the drill.
func (h *halting) childOf(t *testing.T, surface string) string {
	t.Helper()
	return "restore/by-drill/" + h.run.ID + "/" + surface
}
