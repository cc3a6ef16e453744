package pages

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// pitr is the window of the tests: two days with a gap.
func (r *rig) pitr(context.Context, string, string) (pitr.Status, error) {
	return pitr.Status{
		Surface: "main", Store: "primary", Alarms: []string{"there is a gap"},
		Window: pitr.Window{
			Earliest: past, Latest: past.Add(48 * time.Hour), Timeline: 2, LatestLSN: 0x16B374D848, Bases: 2, UsableBases: 2, Segments: 700, Bytes: 1 << 30,
			Gaps: []pitr.Gap{{Timeline: 1, From: 1 << 24, To: 3 << 24, FirstSegment: "000000010000000000000001", LastSegment: "000000010000000000000002", Segments: 2,
				After: past.Add(20 * time.Hour), Before: past.Add(26 * time.Hour)}},
		},
		Lag: &pitr.Lag{Bytes: 4096, Seconds: 3, Slot: "lifeboat", HeldBack: 1 << 20, HoldBackLimit: 1 << 30},
	}, nil
}

func TestAMomentIsPicked(t *testing.T) {
	t.Parallel()
	r := inner(t)
	base := r.seal(archive.KindBase, past.Add(26*time.Hour))
	r.seal(archive.KindSnapshot, past.Add(27*time.Hour))
	asked := ""
	r.preview = func(at string) (pitr.Preview, error) {
		if asked = at; strings.HasPrefix(at, "2026-05-01") {
			return pitr.Preview{}, fault.New(fault.Missing, "%s is in a gap: the nearest is 2026-05-02T04:00:00Z", at)
		}
		target, err := pitr.ParseTarget(at)
		if err != nil {
			return pitr.Preview{}, err
		}
		return pitr.Preview{Store: "primary", Plan: &pitr.Plan{
			Base: pitr.Base{ID: base.ID, StoppedAt: past.Add(26 * time.Hour)}, Target: target, Timeline: 2, From: wal.LSN(2 << 24), Until: wal.LSN(9 << 24), Segments: 7, Bytes: 1 << 20,
			Expected: past.Add(30 * time.Hour),
		}}, nil
	}
	w := r.as(apiserver.Operator)
	list := w.get("/pitr")
	list.wants(http.StatusOK, "main", "can be had")
	list.well()
	p := w.get("/pitr/main")
	p.wants(http.StatusOK, "there is a gap", "none can be had", "2 usable of 2", "000000010000000000000001", "Slot lifeboat holds back", "S sealed", "Pick a moment")
	p.well()
	if !strings.Contains(p.body, `value="2026-05-03T02:00:00"`) {
		t.Error("the field does not begin with the latest moment")
	}
	refused := w.get("/pitr/main?by=time&time=2026-05-01T22:30")
	refused.wants(http.StatusNotFound, "the nearest is 2026-05-02T04:00:00Z", "Pick a moment")
	refused.well()
	if asked != "2026-05-01T22:30:00Z" {
		t.Errorf("the API was asked for %q", asked)
	}
	for query, want := range map[string]string{
		"by=time&time=2026-05-02T08:00:05": "2026-05-02T08:00:05Z", "by=latest&time=2026-05-02T08:00": "latest", "by=lsn&lsn=16/B374D848": "16/B374D848",
		"by=xid&xid=4711": "4711", "by=name&name=before+release": "before release",
	} {
		p := w.get("/pitr/main?" + query)
		p.wants(http.StatusOK, "What a recovery to "+want+" would use", "7 segments", "2026-05-02 04:00:00 UTC", "Restore main to this moment")
		p.well()
		if asked != want {
			t.Errorf("%s asks for %q", query, asked)
		}
		if !strings.Contains(p.body, `class="picked"`) || !strings.Contains(p.body, `class="base used"`) {
			t.Errorf("%s is not in the drawing", query)
		}
	}
	fields := form("at", "latest", "by", "latest")
	begun := w.submit(w.get("/pitr/main?by=latest"), "/pitr/main", fields)
	begun.wants(http.StatusOK, "The recovery of main has begun", "running")
	begun.well()
	if again := w.post("/pitr/main", fields); again.path != begun.path {
		t.Errorf("sent twice it leads to %s and %s", begun.path, again.path)
	}
	if got := r.started(); !strings.Contains(got, `"at":"latest"`) {
		t.Errorf("begun was %s", got)
	}
	wrong := w.submit(p, "/pitr/main", form("at", "99:99", "by", "time", "entered", "99:99"))
	wrong.wants(http.StatusBadRequest, "is no time with its zone", "Pick a moment")
	w.get("/pitr/nothing").wants(http.StatusNotFound, "not in the configuration")
}

func TestARecoveryShowsWhatItReached(t *testing.T) {
	t.Parallel()
	r := inner(t)
	lost := 2.5
	r.engine.finish("recover", restoreID, workflows.RecoverResult{
		ID: restoreID, Surface: "main", Point: "B1", Asked: "2026-05-02T08:00:05Z", Host: "worker-1", Address: "127.0.0.1:5433", SealedURL: hush,
		Reached: activities.Reached{LSN: 9 << 24, Timeline: 2, Time: past.Add(30 * time.Hour), Bytes: 1 << 20, Marker: past.Add(29 * time.Hour), LossSeconds: &lost, Stopped: hostile},
		Checks:  []activities.RecoveryCheck{{Name: "markers", Result: "all there"}, {Name: "roles", Result: "one is missing", Outcome: "fail"}},
		Steps:   []workflows.Step{{Name: "replay", Seconds: 61}},
	})
	path := "/pitr/main/recoveries/" + restoreID
	w := r.as(apiserver.Operator)
	p := w.get(path)
	p.wants(http.StatusOK, "2026-05-02T08:00:05Z", "2026-05-02 08:00:00 UTC", "2 s before what was asked", "all there", "one is missing", "Show the URL with its password", "lifeboat environment stop")
	p.well()
	w.get(path+"?url=show").wants(http.StatusOK, "postgres://app:"+hush)
	viewer := r.as(apiserver.Viewer).get(path + "?url=show")
	viewer.wants(http.StatusOK, "2026-05-02 08:00:00 UTC")
	viewer.well()
}

func TestAnInstanceOfAProviderIsDeletedOnce(t *testing.T) {
	t.Parallel()
	r := inner(t, managedMain)
	r.engine.finish("recover", restoreID, workflows.RecoverResult{
		ID: restoreID, Surface: "main", Asked: "latest", Provider: "rds", Instance: "lifeboat-x", Reached: activities.Reached{Promised: past.Add(time.Hour)},
	})
	path := "/pitr/main/recoveries/" + restoreID
	w := r.as(apiserver.Operator)
	p := w.get(path)
	p.wants(http.StatusOK, "rds deletes lifeboat-x", "as its provider promised", "2026-05-01 03:00:00 UTC")
	p.well()
	gone := w.submit(p, path+"/remove", nil)
	gone.wants(http.StatusOK, "The instance is being deleted", "Deletion of the instance", "running")
	gone.well()
	if again := w.submit(p, path+"/remove", nil); again.path != gone.path {
		t.Errorf("sent twice it leads to %s and %s", gone.path, again.path)
	}
	if got := r.started(); !strings.Contains(got, restoreID) {
		t.Errorf("begun was %s", got)
	}
}

// managedMain has the recovery of main run by a provider.
func managedMain(_ *Options, d *apiserver.Deps) {
	d.Config.Surfaces["main"] = config.Surface{
		Config:  surface.Config{Kind: "postgres", URL: "postgres://app:" + hush + "@db/app"},
		Managed: &managed.Config{Kind: managed.KindRDS, Instance: "orders"},
	}
}
