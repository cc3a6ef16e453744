package apiserver

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
)

func TestProgressWhileItRuns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	far := launch.Progress{Phase: "load", PartsDone: 2, PartsTotal: 5, Bytes: 1000, BytesTotal: 4000, Trouble: "the store did not answer"}
	for operation, path := range map[string]string{
		"restore": "/v1/admin/restores/", "recover": "/v1/admin/recoveries/", "snapshot": "/v1/admin/snapshots/",
	} {
		b.launcher.know(launch.Run{ID: "20260102T030405.000Z-runner", Operation: operation, Surface: "main", State: "running"}, far)
		b.launcher.know(launch.Run{ID: "20260102T030405.000Z-silent", Operation: operation, Surface: "main", State: "running"}, nil)
		b.launcher.know(launch.Run{ID: "20260102T030405.000Z-failed", Operation: operation, Surface: "main", State: "failed", Error: "no room"}, far)
		a := b.as(Viewer, "GET", path+"20260102T030405.000Z-runner", "")
		if !strings.Contains(a.body, `"progress":{"phase":"load","partsDone":2,"partsTotal":5,"bytes":1000,"bytesTotal":4000,"trouble":"the store did not answer"}`) {
			t.Errorf("%s: %s", operation, a.body)
		}
		for _, id := range []string{"silent", "failed"} {
			if a := b.as(Viewer, "GET", path+"20260102T030405.000Z-"+id, ""); a.status != http.StatusOK || strings.Contains(a.body, `"progress"`) {
				t.Errorf("%s that is %s: %d %s", operation, id, a.status, a.body)
			}
		}
	}
}

func TestPlanOfARecovery(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b := setup(t, func(d *Deps) {
		d.PITRPlan = func(_ context.Context, surface, store, wanted string) (pitr.Preview, error) {
			if wanted != "latest" {
				return pitr.Preview{}, fault.New(fault.Missing, "%s of %s is before anything that is held: the nearest is %s", wanted, surface, at)
			}
			return pitr.Preview{Store: store, Plan: &pitr.Plan{Base: pitr.Base{ID: "B1", StoppedAt: at}, Timeline: 3, Segments: 7}}, nil
		}
	})
	got := decode[pitr.Preview](t, b.as(Viewer, "GET", "/v1/pitr/main/plan?at=latest&store=primary", ""))
	if got.Store != "primary" || got.Plan == nil || got.Plan.Base.ID != "B1" || got.Plan.Timeline != 3 || got.Plan.Segments != 7 {
		t.Errorf("the plan is %+v", got)
	}
	wantProblem(t, b.as(Viewer, "GET", "/v1/pitr/main/plan?at=2020-01-01T00:00:00Z", ""), http.StatusNotFound, "missing", "the nearest is")
	wantProblem(t, b.as(Viewer, "GET", "/v1/pitr/main/plan", ""), http.StatusUnprocessableEntity, "invalid", "query.at")
	wantProblem(t, b.as(Viewer, "GET", "/v1/pitr/main/plan?at=latest&store=nowhere", ""), http.StatusNotFound, "missing", "nowhere")
	wantProblem(t, b.as(Viewer, "GET", "/v1/pitr/cache/plan?at=latest", ""), fault.Unsupported.HTTPStatus(), "unsupported", "PostgreSQL")
	wantProblem(t, setup(t).as(Viewer, "GET", "/v1/pitr/main/plan?at=latest", ""), fault.Unsupported.HTTPStatus(), "unsupported", "plan")
}

func TestTargetsAreNamedAndNothingElse(t *testing.T) {
	t.Parallel()
	if a := setup(t).as(Viewer, "GET", "/v1/targets", ""); strings.TrimSpace(a.body) != `[{"name":"staging","kind":"postgres"}]` {
		t.Errorf("the targets are %s", a.body)
	}
}
