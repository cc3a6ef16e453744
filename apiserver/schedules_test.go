package apiserver

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// scheduled makes a server whose worker has made the schedule of main-daily.
func scheduled(t *testing.T) *bundle {
	t.Helper()
	b := setup(t, func(d *Deps) {
		c := d.Config
		c.Policies["main-wal"] = config.Policy{Surface: "main", Kind: config.KindWAL, Store: "primary"}
		c.Policies["twice"] = config.Policy{Surface: "cache", Kind: "snapshot", Cron: "0 3 * * *", TimeZone: "UTC", Store: "primary", Paused: true}
		c.Drills["twice"] = drill.Plan{Kind: drill.RestoreTest, Surfaces: []string{"main"}, Cron: "0 4 * * *"}
	})
	b.launcher.schedules["main-daily"] = schedules.State{
		ID: "main-daily", Note: "policy main-daily of the configuration",
		Next: time.Date(2030, 1, 1, 2, 0, 0, 0, time.UTC), Running: []string{"snapshot/main/x"},
	}
	b.launcher.schedules["twice"] = schedules.State{ID: "twice", Paused: true}
	return b
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	b := scheduled(t)
	got := map[string]Schedule{}
	var order []string
	for _, s := range decode[[]Schedule](t, b.as(Viewer, "GET", "/v1/schedules", "")) {
		got[s.Of+":"+s.Name] = s
		order = append(order, s.Of+":"+s.Name)
	}
	if want := "policy:main-daily policy:main-wal policy:twice plan:nightly plan:quarterly plan:talk plan:twice"; strings.Join(order, " ") != want {
		t.Errorf("the schedules are %q", order)
	}
	daily := got["policy:main-daily"]
	if daily.Paused || daily.Waiting || daily.NextDue.Year() != 2030 || len(daily.Running) != 1 || daily.Cron != "0 2 * * *" || daily.Surfaces[0] != "main" {
		t.Errorf("main-daily: %+v", daily)
	}
	if s := got["policy:twice"]; !s.Paused || s.PausedBy != "configuration" {
		t.Errorf("the paused policy: %+v", s)
	}
	if s := got["plan:twice"]; !s.Waiting || s.Paused {
		t.Errorf("a plan whose schedule no worker has made: %+v", s)
	}
	if s := got["policy:main-wal"]; s.Waiting || s.Cron != "" {
		t.Errorf("the shipping of WAL: %+v", s)
	}
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	b := scheduled(t)
	const path = "/v1/schedules/main-daily"
	s := decode[Schedule](t, b.as(Operator, "POST", path+"/pause", `{"reason":"the disk\n is full"}`))
	if !s.Paused || s.PausedBy != "person" || s.Note != "paused by operator: the disk is full" || !s.NextDue.IsZero() && s.NextDue.Year() != 2030 {
		t.Errorf("paused: %+v", s)
	}
	if s = decode[Schedule](t, b.as(Operator, "POST", path+"/resume", "")); s.Paused || s.PausedBy != "" || s.Note != "resumed by operator" {
		t.Errorf("resumed: %+v", s)
	}
	wantProblem(t, b.as(Operator, "POST", path+"/pause", `{"reason":" "}`), 400, "invalid", "say why")
	wantProblem(t, b.as(Operator, "POST", path+"/pause", `{}`), 422, "invalid", "reason")
	wantProblem(t, b.as(Operator, "POST", "/v1/schedules/nobody/pause", `{"reason":"x"}`), 404, "missing", "policies: main-daily")
	wantProblem(t, b.as(Operator, "POST", "/v1/schedules/twice/resume", ""), 409, "conflict", "plan:twice")
	wantProblem(t, b.as(Operator, "POST", "/v1/schedules/plan:twice/resume", ""), 404, "missing", "yet")
	wantProblem(t, b.as(Operator, "POST", "/v1/schedules/main-wal/pause", `{"reason":"x"}`), 409, "conflict", "a pause is a gap")
	wantProblem(t, b.as(Operator, "POST", "/v1/schedules/talk/pause", `{"reason":"x"}`), 409, "conflict", "when it is asked for")
	if s = decode[Schedule](t, b.as(Operator, "POST", "/v1/schedules/policy:twice/resume", "")); s.Paused {
		t.Errorf("resumed against the configuration: %+v", s)
	}
	var done []string
	for _, e := range b.audited() {
		if e.Result == audit.Done {
			done = append(done, e.Action+" "+e.Target+" "+e.Actor+" "+e.Detail)
		}
	}
	want := "schedule.pause policy:main-daily operator the disk\n is full|schedule.resume policy:main-daily operator |schedule.resume policy:twice operator "
	if strings.Join(done, "|") != want {
		t.Errorf("the audit log has %q", done)
	}
	records, err := b.ledger.List(t.Context(), evidence.ListOptions{Kind: "audit.schedule.pause"})
	if err != nil || len(records) != 1 || records[0].Actor != "operator" || records[0].Subject != "policy:main-daily" {
		t.Errorf("the ledger has %+v, %v", records, err)
	}
}

func TestRunNow(t *testing.T) {
	t.Parallel()
	b := scheduled(t)
	a := b.as(Operator, "POST", "/v1/schedules/main-daily/run", "")
	started := decode[Started](t, a)
	if a.status != http.StatusAccepted || started.Surface != "main" || a.header.Get("Location") != "/v1/admin/snapshots/"+started.ID {
		t.Errorf("%d %+v %q", a.status, started, a.header)
	}
	a = b.as(Operator, "POST", "/v1/schedules/quarterly/run", "")
	started = decode[Started](t, a)
	if a.status != http.StatusAccepted || started.Operation != workflows.OperationDrill || a.header.Get("Location") != "/v1/drills/"+started.ID {
		t.Errorf("%d %+v %q", a.status, started, a.header)
	}
	starts := b.launcher.starts()
	if in, ok := starts[0].input.(workflows.SnapshotInput); !ok || in.Policy != "main-daily" || starts[0].request.Requester != "operator" {
		t.Errorf("it started %+v", starts[0])
	}
	if in, ok := starts[1].input.(workflows.DrillInput); !ok || in.Plan != "quarterly" || in.StartedBy != "operator" || in.Trigger != workflows.TriggerRequest {
		t.Errorf("it started %+v", starts[1])
	}
	wantProblem(t, b.as(Operator, "POST", "/v1/schedules/main-wal/run", ""), 409, "conflict", "all the time")
	wantProblem(t, b.as(Operator, "POST", "/v1/schedules/nobody/run", ""), 404, "missing", "no plan")
}
