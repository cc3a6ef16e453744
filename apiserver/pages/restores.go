package pages

import (
	"net/http"
	"path"
	"strings"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Where a restore goes to, beside the names of targets.
const (
	isolated = "isolated"
	inPlace  = "in-place"
)

// restoreForm is the form of a restore. It has two steps: which point and where
// to, and then what will happen, with the confirmation that it needs.
type restoreForm struct {
	// URI is what was entered: the point's URI or ID.
	URI, To, Confirm string
	Replace, DryRun  bool
	Conflict         string
	// Tables, Schemas, Resources and Names have one entry on each line.
	Tables, Schemas, Resources, Names, Labels string

	// Point is what URI names; nil in the first step while nothing is named.
	Point   *apiserver.Snapshot
	Targets []apiserver.RestoreTarget
	Second  bool
	Problem *problem
}

// InPlace, Isolated and ToTarget say where it goes to.
func (f restoreForm) InPlace() bool  { return f.To == inPlace }
func (f restoreForm) Isolated() bool { return f.To == isolated }
func (f restoreForm) ToTarget() bool { return !f.InPlace() && !f.Isolated() }

// OfCluster reports whether resources can be chosen, OfPostgres whether tables can.
func (f restoreForm) OfCluster() bool {
	return f.Point.SurfaceKind == surface.KindKubernetes || f.Point.SurfaceKind == surface.KindVelero
}
func (f restoreForm) OfPostgres() bool {
	return f.Point.SurfaceKind == surface.KindPostgres && f.Point.Kind == config.KindSnapshot
}

// Conflicts are what may become of things that a target has already.
func (restoreForm) Conflicts() []string { return surface.Conflicts }

func (v *visit) restoreForm() restoreForm {
	return restoreForm{
		URI: strings.TrimSpace(v.FormValue("uri")), To: v.FormValue("to"), Confirm: strings.TrimSpace(v.FormValue("confirm")),
		Replace: v.FormValue("replace") != "", DryRun: v.FormValue("dryRun") != "", Conflict: v.FormValue("conflict"),
		Tables: v.FormValue("tables"), Schemas: v.FormValue("schemas"),
		Resources: v.FormValue("resources"), Names: v.FormValue("names"), Labels: v.FormValue("labels"),
	}
}

// newRestore shows the first step, or the second once point and place are chosen.
func (s *site) newRestore(v *visit) error {
	v.seen()
	f := v.restoreForm()
	f.Second = f.URI != "" && f.To != ""
	return v.showRestoreForm(f)
}

func (v *visit) showRestoreForm(f restoreForm) error {
	if f.URI != "" {
		p, err := v.point(idIn(f.URI))
		switch refusal, err := wrong(err); {
		case err != nil:
			return err
		case refusal != nil:
			f.Problem, f.Second = refusal, false
		case !p.Point():
			f.Problem, f.Second = &problem{Status: http.StatusConflict, Detail: "there is no recovery point yet: its run is " + p.State}, false
		default:
			f.Point = &p.Snapshot
		}
	}
	var targets []apiserver.RestoreTarget
	if err := v.ask(http.MethodGet, "/v1/targets", nil, &targets); err != nil {
		return err
	}
	for _, t := range targets {
		if f.Point == nil || f.Point.SurfaceKind == t.Kind {
			f.Targets = append(f.Targets, t)
		}
	}
	if f.To == "" {
		f.To = isolated
	}
	code := http.StatusOK
	if f.Problem != nil {
		code = f.Problem.Status
	}
	return v.renderStatus(code, "snapshot_restore", f)
}

// idIn is the ID in the name of a point: an ID, a URI, or either after a store and a colon.
func idIn(uri string) string {
	if _, rest, named := strings.Cut(uri, ":"); named && !strings.Contains(uri[:len(uri)-len(rest)], "/") {
		uri = rest
	}
	return path.Base(uri)
}

func (s *site) startRestore(v *visit) error {
	f := v.restoreForm()
	body := map[string]any{"uri": f.URI, "to": f.To}
	for name, text := range map[string]string{"confirm": f.Confirm, "conflict": f.Conflict, "labels": strings.TrimSpace(f.Labels)} {
		if text != "" {
			body[name] = text
		}
	}
	for name, set := range map[string]bool{"replace": f.Replace, "dryRun": f.DryRun} {
		if set {
			body[name] = true
		}
	}
	for name, text := range map[string]string{"tables": f.Tables, "schemas": f.Schemas, "resources": f.Resources, "names": f.Names} {
		if entries := strings.Fields(text); len(entries) > 0 {
			body[name] = entries
		}
	}
	var started apiserver.Started
	if err := v.ask(http.MethodPost, "/v1/admin/snapshots/restore", body, &started); err != nil {
		if f.Problem, err = wrong(err); err != nil {
			return err
		}
		f.Second = f.URI != "" && f.To != ""
		return v.showRestoreForm(f)
	}
	return v.done(at("/snapshots/restores/", started.ID, ""), "The restore has begun.")
}

// restoreView is the page of a restore.
type restoreView struct {
	apiserver.Restore
	// Known is whether the URL of the server can be shown to who asks.
	Known bool
	Live  bool
}

// restore asks for a restore. The URL stays out of the page, password and all,
// until somebody asks for it.
func (v *visit) restore(id string, shown bool) (restoreView, error) {
	var out restoreView
	err := v.ask(http.MethodGet, at("/v1/admin/restores/", id, ""), nil, &out.Restore)
	out.Live, out.Known = out.State == "running", out.URL != ""
	if !shown {
		out.URL = ""
	}
	return out, err
}

func (s *site) showRestore(v *visit) error {
	v.seen()
	r, err := v.restore(v.Param("id"), v.QueryParam("url") == "show")
	if err != nil {
		return err
	}
	return v.render("restore", r)
}

func (s *site) restoreParts(v *visit) ([]part, error) {
	r, err := v.restore(v.QueryParam("id"), false)
	if err != nil {
		return nil, err
	}
	parts := []part{{"said", "restore", "said", r}, {"run", "restore", "facts", r}}
	if !r.Live {
		parts = append(parts, ended("restore"))
	}
	return parts, nil
}
