package apiserver

import (
	"net/http"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// withBuckets adds surfaces of other kinds, and a store on the service of two of them.
func withBuckets(d *Deps) {
	for name, c := range map[string]surface.Config{
		"files":   {Kind: surface.KindObjects, Bucket: &surface.Bucket{Kind: "s3", Name: "files", Prefix: "app"}},
		"more":    {Kind: surface.KindObjects, Bucket: &surface.Bucket{Kind: "s3", Name: "more", Prefix: "app"}},
		"metrics": {Kind: surface.KindTelemetry, Telemetry: &surface.Telemetry{URL: "http://metrics:9090"}},
	} {
		d.Config.Surfaces[name] = config.Surface{Config: c}
	}
	d.Config.Stores["cloud"] = store.Config{Kind: "s3", Bucket: "points", Prefix: "lifeboat"}
}

func TestRewind(t *testing.T) {
	t.Parallel()
	b := setup(t, withBuckets)
	for name, c := range map[string]struct {
		role   Role
		body   string
		slug   string
		phrase string
	}{
		"beside":               {Operator, `"to":{"prefix":"then/"}`, "", ""},
		"elsewhere":            {Operator, `"to":{"bucket":"rescue"},"conflict":"skip"`, "", ""},
		"in place":             {Admin, `"inPlace":true,"conflict":"update"`, "", ""},
		"update, admin":        {Admin, `"to":{"bucket":"rescue"},"conflict":"update"`, "", ""},
		"update, operator":     {Operator, `"to":{"bucket":"rescue"},"conflict":"update"`, "denied", "takes the role admin"},
		"in place, operator":   {Operator, `"inPlace":true`, "denied", "takes the role admin"},
		"among the points":     {Admin, `"to":{"bucket":"points","prefix":"lifeboat/x/"},"conflict":"update"`, "invalid", "the store cloud"},
		"above the points":     {Operator, `"to":{"bucket":"points"}`, "invalid", "the store cloud"},
		"another live surface": {Operator, `"to":{"bucket":"more","prefix":"app/"}`, "invalid", "the live surface more"},
		"above another":        {Operator, `"to":{"bucket":"more"}`, "invalid", "the live surface more"},
		"nowhere":              {Operator, `"conflict":"fail"`, "invalid", "say where to"},
	} {
		t.Run(name, func(t *testing.T) {
			a := b.as(c.role, "POST", "/v1/objects/files/restore", `{"at":"2026-01-02T03:04:05Z",`+c.body+`}`)
			if c.slug == "" {
				if a.status != http.StatusAccepted {
					t.Errorf("%d %s", a.status, a.body)
				}
				return
			}
			wantProblem(t, a, map[string]int{"denied": 403, "invalid": 400}[c.slug], c.slug, c.phrase)
		})
	}
}

func TestRestoresThatOverwrite(t *testing.T) {
	t.Parallel()
	b := setup(t, withBuckets)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	main, metrics := b.seal("main", "postgres", at).ID, b.seal("metrics", "telemetry", at).ID
	wantProblem(t, b.as(Operator, "POST", restorePath, `{"id":"`+main+`","to":"staging","conflict":"update"}`), 403, "denied", "takes the role admin")
	wantProblem(t, b.as(Admin, "POST", restorePath, `{"id":"`+metrics+`","to":"in-place","confirm":"metrics"}`), 422, "unsupported", "restore it isolated")
	for _, body := range []string{`"to":"staging","conflict":"update","dryRun":true`, `"to":"staging","conflict":"skip"`} {
		if a := b.as(Operator, "POST", restorePath, `{"id":"`+main+`",`+body+`}`); a.status != http.StatusAccepted {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}
