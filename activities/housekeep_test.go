package activities_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fence"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	stores "github.com/lifeboat-dr/lifeboat/internal/store/all"
)

// runs is Temporal with runs of drills, by ID: those that are open, and those that have ended.
type runs struct {
	client.Client
	open, ended []string
}

func (r runs) CountWorkflow(_ context.Context, in *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	known := r.open
	if !strings.Contains(in.GetQuery(), "Running") {
		known = slices.Concat(r.open, r.ended)
	}
	named := func(id string) bool { return strings.Contains(in.GetQuery(), "'"+id+"'") }
	out := &workflowservice.CountWorkflowExecutionsResponse{}
	if slices.ContainsFunc(known, named) {
		out.Count = 1
	}
	return out, nil
}

// house is a host with a ledger, at a moment.
type house struct {
	*activities.Activities
	now time.Time
}

func newHouse(t *testing.T, temporal runs) house {
	t.Helper()
	st, err := stores.Open(t.Context(), store.Config{Kind: "local", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := seal.GenerateSigner("test.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(text)
	if err != nil {
		t.Fatal(err)
	}
	dataDir, ledger := t.TempDir(), evidence.Open(st, evidence.Options{Signer: signer})
	return house{now: time.Now().UTC(), Activities: &activities.Activities{
		Config: &config.Config{DataDir: dataDir, Drills: map[string]drill.Plan{"quarterly": {Kind: drill.Quarterly, Surfaces: []string{"main"}, Owner: "ops"}}},
		Client: temporal, Host: "here", Ledger: ledger, Drills: drills.Open(ledger), Environment: local.New(dataDir), Fence: fence.New(dataDir),
	}}
}

// declare files that a drill began some hours ago.
func (h house) declare(t *testing.T, id, host string) {
	t.Helper()
	begun, err := archive.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	err = h.Drills.Declare(t.Context(), drills.Ref{Plan: "quarterly", ID: id, Actor: "bob", Since: begun}, map[string]any{
		"identity": drill.Identity{Host: host, StartedBy: "bob"}, "kind": drill.Quarterly, "declared": begun, "plan": "quarterly",
	})
	if err != nil {
		t.Fatal(err)
	}
}

// leave lets a server, a program and a fence of a drill stand.
func (h house) leave(t *testing.T, id string) {
	t.Helper()
	for _, dir := range []string{"environments/" + id + "-0/data", "environments/" + id + "-11", "programs/" + id + "/api/work"} {
		if err := os.MkdirAll(filepath.Join(h.Config.DataDir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Fence.Raise(t.Context(), id, fence.Bars{Surfaces: []string{"main"}}); err != nil {
		t.Fatal(err)
	}
}

// stands reports what is still there of a drill.
func (h house) stands(t *testing.T, id string) bool {
	t.Helper()
	left, err := h.Environment.Leftovers([]string{id + "-0", id + "-11"}, id)
	if err != nil {
		t.Fatal(err)
	}
	raised, err := h.Fence.Raised()
	if err != nil {
		t.Fatal(err)
	}
	return len(left) > 0 || slices.Contains(raised, id)
}

func run[Out any](t *testing.T, h house, step any) Out {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(h.Activities)
	var out Out
	value, err := env.ExecuteActivity(step, activities.HousekeepInput{Now: h.now})
	if err == nil {
		err = value.Get(&out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What a terminated drill left is removed, and nothing of one that runs, that
// has just begun, or that nobody knows.
func TestTidyHost(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) string { return archive.NewID(time.Now().Add(-d)) }
	terminated, runsOn, fresh, unknown := ago(5*time.Hour), ago(4*time.Hour), ago(10*time.Minute), ago(3*time.Hour)
	h := newHouse(t, runs{open: []string{runsOn}, ended: []string{terminated}})
	for _, id := range []string{terminated, runsOn, fresh} {
		h.declare(t, id, "here")
	}
	for _, id := range []string{terminated, runsOn, fresh, unknown} {
		h.leave(t, id)
	}
	own := filepath.Join(h.Config.DataDir, "environments", unknown)
	if err := os.MkdirAll(own, 0o700); err != nil {
		t.Fatal(err)
	}
	got := run[[]activities.TornDown](t, h, h.TidyHost)
	if len(got) != 1 || got[0].DrillID != terminated || got[0].Plan != "quarterly" || len(got[0].Left) > 0 || got[0].Reason == "" {
		t.Errorf("tidied %+v", got)
	}
	for id, want := range map[string]bool{terminated: false, runsOn: true, fresh: true, unknown: true} {
		if h.stands(t, id) != want {
			t.Errorf("of %s something stands: %v", id, !want)
		}
	}
	if _, err := os.Stat(own); err != nil {
		t.Errorf("a server of a person: %v", err)
	}
	entries, err := h.Ledger.List(t.Context(), evidence.ListOptions{Kind: drills.KindTornDown})
	if err != nil || len(entries) != 1 || !strings.Contains(entries[0].ID, terminated) || !strings.Contains(string(entries[0].Body), "has ended") {
		t.Errorf("in the ledger is %+v: %v", entries, err)
	}
	if again := run[[]activities.TornDown](t, h, h.TidyHost); len(again) != 0 {
		t.Errorf("tidied again: %+v", again)
	}
}

// A drill whose run is gone is aborted in the ledger, or expired if it had its
// verdict; one of another installation is left to that.
func TestCloseLostDrills(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) string { return archive.NewID(time.Now().Add(-d)) }
	forgotten, terminated, runsOn, fresh, foreign, waits := ago(9*time.Hour), ago(8*time.Hour), ago(7*time.Hour), ago(time.Minute), ago(5*time.Hour), ago(4*time.Hour)
	h := newHouse(t, runs{open: []string{runsOn}, ended: []string{terminated, waits}})
	h.declare(t, forgotten, "here")
	h.declare(t, terminated, "there")
	h.declare(t, runsOn, "here")
	h.declare(t, fresh, "here")
	h.declare(t, foreign, "elsewhere")
	h.declare(t, waits, "here")
	rec := drill.Record{SchemaVersion: 1, ID: waits, PlanName: "quarterly", Kind: drill.Quarterly, Revision: 1, Verdict: drill.VerdictPass, Plan: drill.Plan{Kind: drill.Quarterly}}
	filed, err := h.Drills.Judge(t.Context(), drills.Ref{Plan: "quarterly", ID: waits, Actor: "bob", Since: h.now.Add(-time.Hour)}, rec, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		hosts := run[[]string](t, h, h.CloseLostDrills)
		if !slices.Equal(hosts, []string{"elsewhere", "here", "there"}) {
			t.Errorf("the hosts are %q", hosts)
		}
	}
	for id, want := range map[string]string{
		forgotten: drill.VerdictAborted, terminated: drill.VerdictAborted, runsOn: "", fresh: "", foreign: "", waits: drill.VerdictPass,
	} {
		d, err := h.Drills.Find(t.Context(), id)
		if err != nil || d.Verdict != want {
			t.Errorf("%s has %q, not %q: %v", id, d.Verdict, want, err)
		}
		if id == forgotten && (d.State != drill.StateClosed || len(d.Findings) > 0 || d.Sequence == nil) {
			t.Errorf("the aborted one is %+v", d)
		}
		if id == waits && (d.State != drill.StateExpired || d.SignOff.Record != filed.Digest || d.SignOff.Revision != 1) {
			t.Errorf("the one that waited is %+v", d)
		}
	}
}
