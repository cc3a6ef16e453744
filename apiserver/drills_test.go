package apiserver

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

const (
	drillsPath = "/v1/drills"
	// aDrill is the ID of a drill, as they are made.
	aDrill = "20260401T060000.000Z-abcdef"
)

func TestRunDrill(t *testing.T) {
	t.Parallel()
	b := setup(t)
	point := b.seal("cache", "redis", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)).ID
	for name, c := range map[string]struct {
		role Role
		body string
		kind string
		want workflows.DrillInput
	}{
		"as planned": {Operator, `{"plan":"quarterly"}`, "quarterly", workflows.DrillInput{Plan: "quarterly", StartedBy: "operator"}},
		"by admin":   {Admin, `{"plan":"talk"}`, "tabletop", workflows.DrillInput{Plan: "talk", StartedBy: "boss"}},
		"other points": {
			Operator, `{"plan":"quarterly","points":{"main":{"at":"-10m"},"cache":{"id":"primary:` + point + `"}}}`, "quarterly",
			workflows.DrillInput{Plan: "quarterly", StartedBy: "operator", Points: map[string]drill.Selection{
				"main": {At: "-10m"}, "cache": {ID: "primary:" + point},
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(b.launcher.starts())
			a := b.as(c.role, "POST", drillsPath, c.body)
			got := decode[Started](t, a)
			if a.status != http.StatusAccepted || got.Operation != "drill" || got.Kind != c.kind || got.State != "running" ||
				a.header.Get("Location") != drillsPath+"/"+got.ID {
				t.Fatalf("%d %q %+v", a.status, a.header.Get("Location"), got)
			}
			want := c.want
			want.Trigger = workflows.TriggerRequest
			if want.Points == nil {
				want.Points = map[string]drill.Selection{}
			}
			if diff := cmp.Diff(want, b.launcher.starts()[before].input); diff != "" {
				t.Error("(-want +got):\n", diff)
			}
		})
	}
	for _, e := range b.audited() {
		if e.Action != "drill.run" || e.Result != audit.Accepted || e.WorkflowID == "" || e.Target == "" {
			t.Errorf("an odd audit entry: %+v", e)
		}
	}
}

func TestRunDrillOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.as(Operator, "POST", drillsPath, `{"plan":"quarterly"}`, "Idempotency-Key", "k1")
	second := b.as(Operator, "POST", drillsPath, `{"plan":"quarterly"}`, "Idempotency-Key", "k1")
	if first.status != http.StatusAccepted || second.status != http.StatusAccepted || first.body != second.body {
		t.Errorf("the repeated request is answered differently:\n%d %s\n%d %s", first.status, first.body, second.status, second.body)
	}
	wantProblem(t, b.as(Operator, "POST", drillsPath, `{"plan":"nightly"}`, "Idempotency-Key", "k1"), 422, "idempotency-key-reused", "take a new one")
	if other := b.as(Admin, "POST", drillsPath, `{"plan":"quarterly"}`, "Idempotency-Key", "k1"); other.body == first.body {
		t.Error("another requester got the first one's drill")
	}
	if n := len(b.launcher.starts()); n != 2 {
		t.Errorf("%d drills were started", n)
	}
}

func TestBadDrill(t *testing.T) {
	t.Parallel()
	b := setup(t)
	point := b.seal("cache", "redis", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)).ID
	for name, c := range map[string]struct {
		body   string
		status int
		slug   string
		phrase string
	}{
		"nothing":            {`{}`, 422, "invalid", "plan"},
		"no plan":            {`{"plan":""}`, 422, "invalid", "plan"},
		"unknown plan":       {`{"plan":"yearly"}`, 404, "missing", "in the configuration"},
		"a path":             {`{"plan":"../quarterly"}`, 404, "missing", "in the configuration"},
		"a long name":        {`{"plan":"` + strings.Repeat("x", 64) + `"}`, 422, "invalid", "plan"},
		"surface not in it":  {`{"plan":"nightly","points":{"cache":{"id":"x"}}}`, 400, "invalid", "not in the plan"},
		"points of a talk":   {`{"plan":"talk","points":{"main":{"id":"x"}}}`, 400, "invalid", "not in the plan"},
		"id and at":          {`{"plan":"nightly","points":{"main":{"id":"x","at":"-10m"}}}`, 400, "invalid", "either id or at"},
		"neither id nor at":  {`{"plan":"nightly","points":{"main":{}}}`, 400, "invalid", "either id or at"},
		"a long point":       {`{"plan":"nightly","points":{"main":{"id":"` + strings.Repeat("x", 201) + `"}}}`, 422, "invalid", "points"},
		"store of the point": {`{"plan":"nightly","points":{"main":{"id":"x","store":"elsewhere"}}}`, 422, "invalid", "store"},
		"no such point":      {`{"plan":"nightly","points":{"main":{"id":"20260102T030405.000Z-abcdef"}}}`, 404, "missing", "no recovery point"},
		"no ID of a point":   {`{"plan":"nightly","points":{"main":{"id":"zzz"}}}`, 404, "missing", "neither the ID nor the URI"},
		"another's point":    {`{"plan":"nightly","points":{"main":{"id":"` + point + `"}}}`, 400, "invalid", "no readable snapshot of main"},
		"a moment of Redis":  {`{"plan":"quarterly","points":{"cache":{"at":"latest"}}}`, 400, "invalid", "only surfaces of kind postgres"},
		"who asks":           {`{"plan":"nightly","startedBy":"approver"}`, 422, "invalid", "startedBy"},
		"no JSON":            {`{"plan":`, 400, "invalid", ""},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, b.as(Operator, "POST", drillsPath, c.body), c.status, c.slug, c.phrase)
		})
	}
	if started := b.launcher.starts(); len(started) != 0 {
		t.Errorf("something was started: %+v", started)
	}
}

func TestListDrills(t *testing.T) {
	t.Parallel()
	b := setup(t)
	type list struct {
		Drills []struct{ ID, Plan, Verdict, State string }
	}
	get := func(query string) []string {
		t.Helper()
		a := b.as(Viewer, "GET", drillsPath+query, "")
		if a.status != http.StatusOK || strings.Contains(a.body, `"drills":null`) {
			t.Fatalf("%d %s", a.status, a.body)
		}
		var out []string
		for _, d := range loosely[list](t, a).Drills {
			out = append(out, fmt.Sprint(d.Plan, " ", d.Verdict, " ", d.State))
		}
		return out
	}
	if got := get(""); got != nil {
		t.Errorf("an empty ledger lists %q", got)
	}
	b.judge("nightly", "20260101T060000.000Z-aaaaaa", true)
	signed := b.judge("quarterly", "20260401T060000.000Z-bbbbbb", true)
	b.judge("quarterly", "20260701T060000.000Z-cccccc", false)
	b.decide(signed, drill.DecisionSigned, "approver")
	all := []string{"quarterly fail awaiting sign-off", "quarterly pass signed", "nightly pass closed"}
	if diff := cmp.Diff(all, get("")); diff != "" {
		t.Error("(-want +got):\n", diff)
	}
	if diff := cmp.Diff(all[:2], get("?plan=quarterly")); diff != "" {
		t.Error("of one plan (-want +got):\n", diff)
	}
	if diff := cmp.Diff(all[:1], get("?limit=1")); diff != "" {
		t.Error("one of them (-want +got):\n", diff)
	}
	if got := get("?plan=unknown"); got != nil {
		t.Errorf("an unknown plan lists %q", got)
	}
	for _, query := range []string{"?limit=0", "?limit=501", "?limit=x", "?nope=1", "?plan=" + strings.Repeat("p", 64)} {
		wantProblem(t, b.as(Viewer, "GET", drillsPath+query, ""), 422, "invalid", "")
	}
}

// A list says of each drill what it is, which workflow runs it and who asked for
// it, also before it is judged.
func TestListedDrillsNameTheirWorkflow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const running, judged = "20260801T060000.000Z-dddddd", "20260701T060000.000Z-cccccc"
	rec := b.judge("quarterly", judged, true)
	err := b.drills.Declare(t.Context(), drills.Ref{Plan: "nightly", ID: running, Actor: "boss", Since: rec.Timeline.Declared}, map[string]any{
		"kind": drill.RestoreTest, "declared": rec.Timeline.Judged, "identity": drill.Identity{WorkflowID: "drill/" + running, StartedBy: "boss"},
	})
	if err != nil {
		t.Fatal(err)
	}
	type listed struct {
		ID, Kind, State, StartedBy, WorkflowID string
	}
	got := loosely[struct{ Drills []listed }](t, b.as(Viewer, "GET", drillsPath, "")).Drills
	want := []listed{
		{running, drill.RestoreTest, drill.StateRunning, "boss", "drill/" + running},
		{judged, drill.Quarterly, drill.StateAwaiting, rec.Identity.StartedBy, rec.Identity.WorkflowID},
	}
	if diff := cmp.Diff(want, got); diff != "" || rec.Identity.WorkflowID == "" {
		t.Error("(-want +got):\n", diff)
	}
}

func TestGetDrill(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wantProblem(t, b.as(Viewer, "GET", drillsPath+"/"+aDrill, ""), 404, "missing", "no drill")
	running := workflows.DrillResult{
		ID: aDrill, Plan: "quarterly", State: drill.StateRunning, Phase: drill.PhaseRestore, StartedBy: "boss", Findings: []drill.Finding{},
		Servers: map[string]workflows.DrillServer{"main": {RestoreID: "r", Address: "127.0.0.1:5432"}},
	}
	b.launcher.know(launch.Run{ID: aDrill, Operation: "drill", Surface: "quarterly", State: "running"}, running)
	got := decode[Drill](t, b.as(Viewer, "GET", drillsPath+"/"+aDrill, ""))
	if diff := cmp.Diff(running, got.DrillResult); diff != "" || got.Evidence != nil {
		t.Errorf("the running drill shows as %+v (-want +got):\n%s", got, diff)
	}
	rec := b.judge("quarterly", aDrill, false)
	b.decide(rec, drill.DecisionRefused, "approver")
	a := b.as(Viewer, "GET", drillsPath+"/"+aDrill, "")
	got = loosely[Drill](t, a)
	if got.Verdict != drill.VerdictFail || got.State != drill.StateRefused || got.Sequence == nil || *got.Sequence != 1 || got.Evidence == nil ||
		got.SignOff == nil || got.SignOff.Signer != "approver" || len(got.Findings) != 1 || got.Findings[0].ID != "quarterly/check-failed/page" {
		t.Errorf("the judged drill shows as %s", a.body)
	}
	if got.Evidence != nil && got.Evidence.Checks[0].Observed != "503" {
		t.Errorf("the record is another one: %s", a.body)
	}
}

func TestManualStep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := drillsPath + "/" + aDrill + "/manual-steps"
	wantProblem(t, b.as(Operator, "POST", path, `{"text":"moved the DNS name"}`), 404, "missing", "no drill")
	b.launcher.know(launch.Run{ID: aDrill, Operation: "drill", State: "running"}, workflows.DrillResult{ID: aDrill, StartedBy: "boss"})
	a := b.as(Operator, "POST", path, `{"text":"moved the DNS name"}`)
	if step := decode[drill.ManualStep](t, a); a.status != http.StatusCreated || step.By != "operator" || step.Text != "moved the DNS name" {
		t.Errorf("%d %+v", a.status, step)
	}
	for body, phrase := range map[string]string{
		`{}`: "text", `{"text":""}`: "text", `{"text":"` + strings.Repeat("x", 4001) + `"}`: "text", `{"text":"x","by":"boss"}`: "by",
	} {
		wantProblem(t, b.as(Operator, "POST", path, body), 422, "invalid", phrase)
	}
	want := []string{"drill.manual-step failed", "drill.manual-step done moved the DNS name"}
	if diff := cmp.Diff(want, b.outcomes()); diff != "" {
		t.Error("audit log (-want +got):\n", diff)
	}
}

func TestSignDrill(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := drillsPath + "/" + aDrill + "/sign-off"
	const body = `{"statement":"looked at all of it"}`
	wantProblem(t, b.as(Approver, "POST", path, body), 404, "missing", "no drill")
	b.launcher.know(launch.Run{ID: aDrill, Operation: "drill", State: "running"}, workflows.DrillResult{ID: aDrill, StartedBy: "boss"})
	// The role is not enough: whoever started a drill can't sign it.
	wantProblem(t, b.as(Admin, "POST", path, body), 403, "denied", "boss started drill")
	a := b.as(Approver, "POST", path, body, "Idempotency-Key", "k1")
	if got := loosely[workflows.DrillResult](t, a); a.status != http.StatusOK || got.State != drill.StateSigned {
		t.Errorf("%d %s", a.status, a.body)
	}
	for bad, phrase := range map[string]string{
		`{}`: "statement", `{"statement":""}`: "statement", `{"statement":"` + strings.Repeat("x", 4001) + `"}`: "statement",
		`{"statement":"x","signer":"boss"}`: "signer", `{"statement":"x","refuse":"yes"}`: "refuse",
	} {
		wantProblem(t, b.as(Approver, "POST", path, bad), 422, "invalid", phrase)
	}
	want := []string{"drill.sign-off failed", "drill.sign-off refused", "drill.sign-off done signed"}
	if diff := cmp.Diff(want, b.outcomes()); diff != "" {
		t.Error("audit log (-want +got):\n", diff)
	}
}

func TestCancelDrill(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wantProblem(t, b.as(Operator, "DELETE", drillsPath+"/"+aDrill, ""), 404, "missing", "no drill")
	b.launcher.know(launch.Run{ID: aDrill, Operation: "drill", State: "running"}, workflows.DrillResult{ID: aDrill})
	if a := b.as(Operator, "DELETE", drillsPath+"/"+aDrill, ""); a.status != http.StatusAccepted || !strings.Contains(a.body, `"cancelling"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if diff := cmp.Diff([]string{"drill.cancel failed", "drill.cancel accepted"}, b.outcomes()); diff != "" {
		t.Error("audit log (-want +got):\n", diff)
	}
}

// What a path names reaches the store's keys, so it must lead nowhere else.
func TestHostileIDsOfDrills(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.judge("quarterly", aDrill, true)
	for _, id := range []string{
		"..", "%2e%2e", "..%2fquarterly%2f" + aDrill, "%2e%2e%2f%2e%2e", "*", "%00", "%0a", "a%20b", "quarterly%2F" + aDrill, "%ff%fe",
		aDrill + "%2f", aDrill + "%00", "-", strings.Repeat("x", 101), "%5c..%5c",
	} {
		for _, r := range []struct{ method, path, body string }{
			{"GET", drillsPath + "/" + id, ""},
			{"GET", drillsPath + "/" + id + "/report", ""},
			{"DELETE", drillsPath + "/" + id, ""},
			{"POST", drillsPath + "/" + id + "/sign-off", `{"statement":"x"}`},
			{"POST", drillsPath + "/" + id + "/manual-steps", `{"text":"x"}`},
		} {
			a := b.as(Admin, r.method, r.path, r.body)
			if a.status < 400 || a.status >= 500 || strings.Contains(a.body, b.config.DataDir) {
				t.Errorf("%s %s: %d %s", r.method, r.path, a.status, a.body)
			}
		}
	}
}

func TestDrillsWithoutALedger(t *testing.T) {
	t.Parallel()
	b := setup(t, withoutLedger)
	for _, c := range []struct{ method, path, body string }{
		{"POST", drillsPath, `{"plan":"quarterly"}`},
		{"GET", drillsPath, ""},
		{"GET", drillsPath + "/" + aDrill, ""},
		{"GET", drillsPath + "/" + aDrill + "/report", ""},
		{"GET", "/v1/evidence", ""},
		{"GET", "/v1/evidence/0", ""},
		{"GET", "/v1/evidence/verify", ""},
	} {
		wantProblem(t, b.as(Operator, c.method, c.path, c.body), 422, "unsupported", "there is no ledger of evidence: no store is configured")
	}
	for _, path := range []string{"/v1/commitments", "/v1/coverage"} {
		wantProblem(t, b.as(Viewer, "GET", path, ""), 400, "invalid", "there is no ledger of evidence")
	}
	if n := len(b.launcher.starts()); n != 0 {
		t.Errorf("%d drills were started", n)
	}
}

func TestDrillsWithoutTemporal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.launcher.fail(fault.New(fault.Unavailable, "reach Temporal"))
	wantProblem(t, b.as(Operator, "POST", drillsPath, `{"plan":"quarterly"}`), 503, "unavailable", "reach Temporal")
	// What is in the ledger can be read all the same.
	b.judge("quarterly", aDrill, true)
	if a := b.as(Viewer, "GET", drillsPath+"/"+aDrill, ""); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}
