package pages

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

const drillID = "20260501T000000.000Z-drill1"

func TestDrillsAreListedWithWhatMayBePromised(t *testing.T) {
	t.Parallel()
	r := inner(t)
	empty := r.as(apiserver.Operator).get("/drills")
	empty.wants(http.StatusOK, "never drilled", "overdue", "There was no drill yet", "No drill restored main", "talk", "Run a drill")
	empty.well()
	r.judge(drillID, true)
	r.judge("20260601T000000.000Z-drill2", false)
	p := r.as(apiserver.Viewer).get("/drills")
	p.wants(http.StatusOK, "unproven", "failed", "RTO that may be promised none target 30 min", "1 passed, 0 partial, 1 failed", "pass", "fail", "Calendar", "The last twelve months")
	p.well()
	if !strings.Contains(p.body, `<svg class="figure calendar"`) || !strings.Contains(p.body, `class="day due"`) {
		t.Error("the calendar lacks what is due")
	}
	r.as(apiserver.Viewer).get("/drills?plan=quarterly").wants(http.StatusOK, "Drills of quarterly", "All plans")
}

func TestADrillIsRunOnceAndFollowed(t *testing.T) {
	t.Parallel()
	r := inner(t)
	w := r.as(apiserver.Operator)
	p := w.get("/drills")
	begun := w.submit(p, "/drills", form("plan", "quarterly"))
	begun.wants(http.StatusOK, "The drill of quarterly has begun", "running", "target 30 min")
	begun.well()
	if again := w.submit(p, "/drills", form("plan", "quarterly")); again.path != begun.path {
		t.Errorf("sent twice it leads to %s and %s", begun.path, again.path)
	}
	if got := r.started(); !strings.Contains(got, `"plan":"quarterly"`) || !strings.Contains(got, `"startedBy":"operator"`) {
		t.Errorf("begun was %s", got)
	}
	wrong := w.submit(w.get("/drills"), "/drills", form("plan", "nothing"))
	wrong.wants(http.StatusNotFound, `there is no drill "nothing"`, "Run a drill")
	wrong.well()
}

func TestTheLivePhasesOfADrill(t *testing.T) {
	t.Parallel()
	r := inner(t)
	at := r.clock.now().Truncate(time.Second).Add(-90 * time.Second)
	live := workflows.DrillResult{
		ID: drillID, Plan: "quarterly", State: drill.StateRunning, CreatedAt: at, StartedBy: "boss", WorkflowID: "drill/x",
		Phase: drill.PhaseReconcile, PhaseSince: at.Add(60 * time.Second), Phases: []drill.Phase{{Name: drill.PhaseRestore, Start: at.Add(time.Second), Seconds: 50}},
	}
	r.engine.change(func() { r.engine.drills[drillID] = live })
	w := r.as(apiserver.Operator)
	p := w.get("/drills/" + drillID)
	p.wants(http.StatusOK, "running reconcile", "30 s so far", "now: 1 min 30 s", "Something had to be done by hand?", "Cancel this drill", "none yet")
	p.well()
	if !strings.Contains(p.body, `<g class="running">`) {
		t.Error("the phase that is under way is not drawn")
	}
	f, _ := w.follow("drill&id=" + drillID)
	if said := f.next("said"); !strings.Contains(said, "running: reconcile") {
		t.Errorf("said was %q", said)
	}
	if course := f.next("course"); !strings.Contains(course, "<svg") || strings.Contains(course, "<textarea") {
		t.Error("what is followed has no drawing, or a form that somebody types into")
	}
	r.judge(drillID, true)
	for !strings.Contains(f.next("course"), "Load the page again") {
		continue
	}
	f.next("close")
	w.submit(p, "/drills/"+drillID+"/steps", form("text", "moved the DNS name")).wants(http.StatusOK, "The step is recorded")
	w.submit(p, "/drills/"+drillID+"/cancel", nil).wants(http.StatusOK, "is being cancelled")
	want := []string{"step of " + drillID + " by operator: moved the DNS name", "cancel " + drillID}
	if done := r.launcher.changes(); strings.Join(done, "|") != strings.Join(want, "|") {
		t.Errorf("done was %q", done)
	}
}

func TestAJudgedDrillShowsItsRecord(t *testing.T) {
	t.Parallel()
	r := inner(t)
	r.judge(drillID, false)
	p := r.as(apiserver.Approver).get("/drills/" + drillID)
	p.wants(http.StatusOK, "fail", "Sign off", "page", hostile, "moved the DNS name", "a deviation", "rows", "1 comparison", "a login", "Findings", "Accept the risk", "RTO not measured",
		"target 30 min", "entry 1", "restore", "main: load")
	p.well()
	if !strings.Contains(p.body, `class="target"`) && !strings.Contains(p.body, "the target is 30 min") {
		t.Error("the target is in no drawing")
	}
	r.as(apiserver.Viewer).get("/drills/20260102T030405.000Z-nobody").wants(http.StatusNotFound, "no drill")
}

func TestWhoStartedADrillCantSignIt(t *testing.T) {
	t.Parallel()
	r := inner(t)
	r.judge(drillID, true)
	boss := r.as(apiserver.Admin)
	refused := boss.submit(boss.get("/drills/"+drillID), "/drills/"+drillID+"/sign-off", form("statement", "looked at "+hostile, "decision", "sign"))
	refused.wants(http.StatusForbidden, "boss started drill", "another person has to sign it", "looked at "+hostile)
	refused.well()
	approver := r.as(apiserver.Approver)
	p := approver.get("/drills/" + drillID)
	approver.submit(p, "/drills/"+drillID+"/sign-off", form("statement", "all of it", "decision", "refuse")).wants(http.StatusOK, "The drill is refused")
	approver.submit(p, "/drills/"+drillID+"/sign-off", form("statement", "all of it", "decision", "sign")).wants(http.StatusOK, "The drill is signed")
	done := r.launcher.changes()
	if len(done) != 2 || !strings.Contains(done[0], "by approver, refused true: all of it") || !strings.Contains(done[1], "refused false") {
		t.Errorf("done was %q", done)
	}
	empty := approver.submit(p, "/drills/"+drillID+"/sign-off", form("statement", "", "decision", "sign"))
	empty.wants(http.StatusUnprocessableEntity, "statement")
}

func TestFindingsAreDecidedOn(t *testing.T) {
	t.Parallel()
	r := inner(t)
	rec := r.judge(drillID, false)
	finding := rec.Findings[0].ID
	operator := r.as(apiserver.Operator)
	p := operator.get("/drills/" + drillID)
	if strings.Contains(p.text(), "Accept the risk") {
		t.Error("an operator is offered to accept a risk")
	}
	path := "/drills/" + drillID + "/findings"
	operator.submit(p, path, form("finding", finding, "owner", "ann", "due", "2099-05-06")).wants(http.StatusOK, "The decision is in the ledger", "ann", "2099-05-06 23:59:59 UTC")
	operator.submit(p, path, form("finding", finding, "acceptUntil", "2099-01-01", "reason", "x")).wants(http.StatusForbidden, "takes the role approver")
	approver := r.as(apiserver.Approver)
	p = approver.get("/drills/" + drillID)
	approver.submit(p, path, form("finding", finding, "acceptUntil", "2001-01-01", "reason", "x")).wants(http.StatusBadRequest, "not a moment to come")
	approver.submit(p, path, form("finding", finding, "acceptUntil", "2099-01-01", "reason", "the page is for nobody")).wants(http.StatusOK, "accepted", "by approver until 2099-01-01 23:59:59 UTC : the page is for nobody")
}

func TestTheReportRunsNothing(t *testing.T) {
	t.Parallel()
	r := inner(t)
	r.judge(drillID, true)
	w := r.as(apiserver.Viewer)
	p := w.get("/drills/" + drillID + "/report")
	if got := p.header.Get("Content-Security-Policy"); p.status != http.StatusOK || !strings.HasPrefix(got, "sandbox; default-src 'none'") || strings.Contains(got, "script-src") {
		t.Errorf("status %d, policy %q", p.status, got)
	}
	if p.header.Get("Content-Disposition") != "" || !strings.Contains(p.body, drillID) {
		t.Error("the report is not shown")
	}
	for query, kind := range map[string]string{"?download=1": "text/html", "?format=json": "application/json"} {
		p := w.get("/drills/" + drillID + "/report" + query)
		if !strings.Contains(p.header.Get("Content-Disposition"), "attachment; filename=\"lifeboat-drill-20260501T000000.000Z-drill1.") || !strings.HasPrefix(p.header.Get("Content-Type"), kind) {
			t.Errorf("%s: %v", query, p.header)
		}
	}
	w.get("/drills/20260102T030405.000Z-nobody/report").wants(http.StatusNotFound, "no drill")
}

func TestWithoutALedgerThereAreNoDrills(t *testing.T) {
	t.Parallel()
	r := inner(t, func(_ *Options, d *apiserver.Deps) {
		d.Ledger, d.Drills, d.NoLedger = nil, nil, "no store is configured"
	})
	for _, path := range []string{"/drills", "/evidence"} {
		p := r.as(apiserver.Viewer).get(path)
		p.wants(http.StatusUnprocessableEntity, "no store is configured")
		p.well()
	}
}
