package apiserver

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

const restorePath = "/v1/admin/snapshots/restore"

func TestRestore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := b.seal("main", "postgres", at)
	ref := workflows.PointRef{Store: "primary", Dir: "points/main/" + m.ID, ID: m.ID, Surface: "main"}
	uri := "/points/main/" + m.ID
	for name, c := range map[string]struct {
		role Role
		body string
		want workflows.RestoreInput
	}{
		"isolated by default": {Operator, `{"uri":"` + uri + `"}`, workflows.RestoreInput{Point: ref, Isolated: true}},
		"by ID":               {Operator, `{"id":"` + m.ID + `","to":"isolated"}`, workflows.RestoreInput{Point: ref, Isolated: true}},
		"ID as URI":           {Operator, `{"uri":"` + m.ID + `"}`, workflows.RestoreInput{Point: ref, Isolated: true}},
		"to a target":         {Operator, `{"uri":"` + uri + `","to":"staging"}`, workflows.RestoreInput{Point: ref, Target: "staging"}},
		"over a target":       {Admin, `{"uri":"` + uri + `","to":"staging","replace":true}`, workflows.RestoreInput{Point: ref, Target: "staging", Replace: true}},
		"in place":            {Admin, `{"uri":"` + uri + `","to":"in-place","confirm":"main"}`, workflows.RestoreInput{Point: ref, InPlace: true, Confirm: "main"}},
		"one table": {
			Operator, `{"uri":"` + uri + `","tables":["public.a"],"schemas":["audit"]}`,
			workflows.RestoreInput{Point: ref, Isolated: true, Selection: surface.Selection{Tables: []string{"public.a"}, Schemas: []string{"audit"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(b.launcher.starts())
			a := b.as(c.role, "POST", restorePath, c.body)
			got := decode[Started](t, a)
			if a.status != http.StatusAccepted || got.Operation != "restore" || got.Surface != "main" ||
				a.header.Get("Location") != "/v1/admin/restores/"+got.ID {
				t.Fatalf("%d %q %+v", a.status, a.header.Get("Location"), got)
			}
			if diff := cmp.Diff(c.want, b.launcher.starts()[before].input); diff != "" {
				t.Error("(-want +got):\n", diff)
			}
		})
	}
}

func TestBadRestore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	main, cache, gone := b.seal("main", "postgres", at).ID, b.seal("cache", "redis", at).ID, b.seal("gone", "redis", at).ID
	for name, c := range map[string]struct {
		role   Role
		body   string
		status int
		slug   string
		phrase string
	}{
		"nothing named":        {Operator, `{}`, 400, "invalid", "uri is missing"},
		"two points":           {Operator, `{"uri":"/points/main/` + main + `","id":"` + cache + `"}`, 400, "invalid", "send one"},
		"unknown":              {Operator, `{"id":"20260102T030405.000Z-nobody"}`, 404, "missing", ""},
		"unknown URI":          {Operator, `{"uri":"/elsewhere/main/20260102T030405.000Z-nobody"}`, 404, "missing", ""},
		"unknown target":       {Operator, `{"id":"` + main + `","to":"prod"}`, 404, "missing", "one of the targets (staging)"},
		"target of a kind":     {Operator, `{"id":"` + cache + `","to":"staging"}`, 400, "invalid", "of kind postgres, and the point is of kind redis"},
		"in place, operator":   {Operator, `{"id":"` + main + `","to":"in-place","confirm":"main"}`, 403, "denied", "takes the role admin"},
		"in place, approver":   {Approver, `{"id":"` + main + `","to":"in-place","confirm":"main"}`, 403, "denied", "takes the role admin"},
		"in place, unsure":     {Admin, `{"id":"` + main + `","to":"in-place"}`, 400, "invalid", "confirm it with"},
		"in place, another":    {Admin, `{"id":"` + main + `","to":"in-place","confirm":"cache"}`, 400, "invalid", "confirm it with"},
		"in place, not there":  {Admin, `{"id":"` + gone + `","to":"in-place","confirm":"gone"}`, 404, "missing", "not in the configuration"},
		"confirmed, elsewhere": {Admin, `{"id":"` + main + `","confirm":"main"}`, 400, "invalid", "in place"},
		"replace, operator":    {Operator, `{"id":"` + main + `","to":"staging","replace":true}`, 403, "denied", "takes the role admin"},
		"replace, isolated":    {Admin, `{"id":"` + main + `","replace":true}`, 400, "invalid", "replace is for a restore to a target"},
		"tables of redis":      {Operator, `{"id":"` + cache + `","tables":["a.b"]}`, 422, "unsupported", "from a PostgreSQL point only"},
		"table without schema": {Operator, `{"id":"` + main + `","tables":["a"]}`, 400, "invalid", "schema.table"},
		"empty schema":         {Operator, `{"id":"` + main + `","schemas":[""]}`, 400, "invalid", "may not be empty"},
		"unknown field":        {Operator, `{"id":"` + main + `","target":"x"}`, 422, "invalid", "body.target"},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, b.as(c.role, "POST", restorePath, c.body), c.status, c.slug, c.phrase)
		})
	}
	if started := b.launcher.starts(); len(started) != 0 {
		t.Errorf("something was started: %+v", started)
	}
}

func TestGetRestore(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) {
		d.RestoredURL = func(r workflows.RestoreResult) (string, error) {
			if r.SealedURL == "" {
				return "", fault.New(fault.Missing, "it is not known here")
			}
			return "postgres://u:p@" + r.Address, nil
		}
	})
	wantProblem(t, b.as(Viewer, "GET", "/v1/admin/restores/r1", ""), 404, "missing", "there is no restore")
	b.launcher.know(launch.Run{ID: "r1", Operation: "restore", Surface: "main", State: "running"}, nil)
	if got := decode[Restore](t, b.as(Viewer, "GET", "/v1/admin/restores/r1", "")); got.State != "running" || got.Result != nil {
		t.Errorf("the running restore shows as %+v", got)
	}
	b.launcher.know(launch.Run{ID: "r1", Operation: "restore", Surface: "main", State: "failed", Error: "3 tables differ"}, nil)
	if got := decode[Restore](t, b.as(Viewer, "GET", "/v1/admin/restores/r1", "")); got.Error != "3 tables differ" || got.Result != nil {
		t.Errorf("the failed restore shows as %+v", got)
	}
	done := workflows.RestoreResult{ID: "r1", Point: "p", Address: "127.0.0.1:5000", Compared: 7, SealedURL: "sealed"}
	b.launcher.know(launch.Run{ID: "r1", Operation: "restore", Surface: "main", State: "done"}, done)
	for role, url := range map[Role]string{Viewer: "", Operator: "postgres://u:p@127.0.0.1:5000", Admin: "postgres://u:p@127.0.0.1:5000"} {
		got := decode[Restore](t, b.as(role, "GET", "/v1/admin/restores/r1", ""))
		if got.ID != "r1" || got.State != "done" || got.URL != url || got.Result == nil || got.Result.Address != "127.0.0.1:5000" ||
			got.Result.Compared != 7 || got.Result.SealedURL != "" {
			t.Errorf("%s: the restore that is done shows as %+v", role, got)
		}
	}
	done.SealedURL = ""
	b.launcher.know(launch.Run{ID: "r1", Operation: "restore", Surface: "main", State: "done"}, done)
	if got := decode[Restore](t, b.as(Operator, "GET", "/v1/admin/restores/r1", "")); got.State != "done" || got.URL != "" {
		t.Errorf("with an unknown URL it shows as %+v", got)
	}
}
