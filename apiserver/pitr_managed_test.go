package apiserver

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// setupManaged has a surface more, cloud, whose recovery a provider runs.
func setupManaged(t *testing.T) *bundle {
	t.Helper()
	return setup(t, func(d *Deps) {
		d.Config.Surfaces["cloud"] = config.Surface{
			Config:  surface.Config{Kind: "postgres", URL: "postgres://app:" + hush + "@cloud/app"},
			Managed: &managed.Config{Kind: managed.KindRDS, Instance: "orders"},
		}
	})
}

func TestProviderRefusesAtOnce(t *testing.T) {
	t.Parallel()
	b := setupManaged(t)
	for body, want := range map[string]struct {
		status       int
		slug, phrase string
	}{
		`{"at":"16/B374D848"}`:               {http.StatusUnprocessableEntity, "unsupported", "not to 16/B374D848"},
		`{"at":"4711"}`:                      {http.StatusUnprocessableEntity, "unsupported", "not to 4711"},
		`{"at":"before the accident"}`:       {http.StatusUnprocessableEntity, "unsupported", "not to before the accident"},
		`{"at":"2026-01-01"}`:                {http.StatusBadRequest, "invalid", "is no time with its zone"},
		`{"at":"latest","port":5432}`:        {http.StatusBadRequest, "invalid", "leave the port out"},
		`{"at":"latest","store":"no-store"}`: {http.StatusNotFound, "missing", "no-store"},
	} {
		wantProblem(t, b.as(Operator, "POST", "/v1/pitr/cloud/restore", body), want.status, want.slug, want.phrase)
	}
	if n := len(b.launcher.starts()); n != 0 {
		t.Errorf("%d workflows were started", n)
	}
	// A store that is named holds WAL of Lifeboat's own, which reaches every target.
	for _, body := range []string{`{"at":"latest"}`, `{"at":"2026-01-01T00:00:00.5Z"}`, `{"at":"4711","store":"primary"}`} {
		if a := b.as(Operator, "POST", "/v1/pitr/cloud/restore", body); a.status != http.StatusAccepted {
			t.Errorf("%s: status %d: %s", body, a.status, a.body)
		}
	}
}

func TestRemoveInstance(t *testing.T) {
	t.Parallel()
	b := setupManaged(t)
	const id = "20260102T030405.000Z-abcdef"
	a := b.as(Operator, "DELETE", "/v1/pitr/cloud/instances/"+id, "")
	got := decode[Started](t, a)
	if a.status != http.StatusAccepted || got.Operation != "remove" || got.ID != id || a.header.Get("Location") != "/v1/admin/removals/"+id {
		t.Fatalf("%d %q %+v", a.status, a.header.Get("Location"), got)
	}
	if diff := cmp.Diff(workflows.RemoveInput{Surface: "cloud", ID: id}, b.launcher.starts()[0].input); diff != "" {
		t.Error("(-want +got):\n", diff)
	}
	b.launcher.know(launch.Run{ID: id, Surface: "cloud", Operation: "remove", State: "done"},
		workflows.RemoveResult{ID: id, Surface: "cloud", Instance: "lifeboat-x", State: "deleted"})
	removal := decode[Removal](t, b.as(Viewer, "GET", "/v1/admin/removals/"+id, ""))
	if removal.State != "done" || removal.Result == nil || removal.Result.Instance != "lifeboat-x" {
		t.Errorf("%+v", removal)
	}
	wantProblem(t, b.as(Operator, "DELETE", "/v1/pitr/main/instances/"+id, ""), http.StatusUnprocessableEntity, "unsupported", "has no provider")
	wantProblem(t, b.as(Operator, "DELETE", "/v1/pitr/nobody/instances/"+id, ""), http.StatusNotFound, "missing", "nobody")
	wantProblem(t, b.as(Operator, "DELETE", "/v1/pitr/cache/instances/"+id, ""), http.StatusUnprocessableEntity, "unsupported", "kind redis")
}
