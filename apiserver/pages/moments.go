package pages

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/apiserver/pages/figure"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// windowRow is one database in the list of those that can be put back to a moment.
type windowRow struct {
	Name  string
	WAL   *status.WAL
	Strip template.HTML
	About string
}

// listWindows shows the databases, as the newest report has them.
func (s *site) listWindows(v *visit) error {
	v.seen()
	var report status.Report
	if err := v.ask(http.MethodGet, "/v1/status", nil, &report); err != nil {
		return err
	}
	surfaces, _, err := v.choices()
	if err != nil {
		return err
	}
	known := map[string]*status.WAL{}
	for _, r := range report.Surfaces {
		known[r.Name] = r.WAL
	}
	var rows []windowRow
	for _, c := range surfaces {
		if c.Kind != surface.KindPostgres {
			continue
		}
		r := windowRow{Name: c.Name, WAL: known[c.Name]}
		if r.WAL != nil {
			w := figure.Window{Surface: c.Name, Earliest: r.WAL.Earliest, Latest: r.WAL.Latest, Gaps: r.WAL.Gaps, Now: s.now()}
			r.About = w.About()
			if r.Strip, err = figure.WALStrip(w); err != nil {
				return err
			}
		}
		rows = append(rows, r)
	}
	return v.render("moments", struct{ Rows []windowRow }{rows})
}

// windowView is the page of one database: what can be had, what was picked, and
// what would be used for it.
type windowView struct {
	pitr.Status
	Bases     []apiserver.Snapshot
	Stretches []figure.Stretch
	Drawing   template.HTML
	// By is how the moment is named; At is what was entered, Target what the API is asked.
	By, At, Target string
	Preview        *pitr.Preview
	Problem        *problem
}

// Kinds are the ways to name a moment.
func (windowView) Kinds() []struct{ Value, Name string } {
	return []struct{ Value, Name string }{
		{"time", "A time, in UTC"}, {"latest", "The latest that there is"}, {"lsn", "A WAL position (LSN)"},
		{"xid", "After a transaction (XID)"}, {"name", "A restore point by its name"},
	}
}

// pick reads the moment that a form names.
func (w *windowView) pick(v *visit) {
	w.By = v.QueryParam("by")
	switch w.By {
	case "time":
		w.At = strings.TrimSpace(v.QueryParam("time"))
		w.Target = inUTC(w.At)
	case "lsn", "xid", "name":
		w.At = strings.TrimSpace(v.QueryParam(w.By))
		w.Target = w.At
	case "latest":
		w.Target = w.By
	}
}

// inUTC completes what an input of the type datetime-local gives, which has no
// zone, and no seconds where they are 0. What is something else stays.
func inUTC(text string) string {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.Format(time.RFC3339Nano)
		}
	}
	return text
}

// Value is what stands in the field of a kind.
func (w windowView) Value(kind string) string {
	if w.By == kind {
		return w.At
	}
	if kind == "time" && w.By == "" && !w.Latest.IsZero() {
		return w.Latest.UTC().Format("2006-01-02T15:04:05")
	}
	return ""
}

func (s *site) showWindow(v *visit) error {
	v.seen()
	var w windowView
	w.pick(v)
	return v.window(v.Param("surface"), w)
}

// window shows the page; a moment that was picked is asked for.
func (v *visit) window(name string, w windowView) error {
	if err := v.ask(http.MethodGet, at("/v1/pitr/", name, ""), nil, &w.Status); err != nil {
		return err
	}
	var err error
	if w.Bases, err = v.baseBackups(name); err != nil {
		return err
	}
	if w.Target != "" {
		preview := &pitr.Preview{}
		err := v.ask(http.MethodGet, at("/v1/pitr/", name, "/plan?at=")+url.QueryEscape(w.Target), nil, preview)
		switch refusal, err := wrong(err); {
		case err != nil:
			return err
		case refusal == nil:
			w.Preview = preview
		case w.Problem == nil:
			w.Problem = refusal
		}
	}
	t := w.timeline(v.site.now())
	w.Stretches = t.Stretches()
	if w.Drawing, err = figure.PITRTimeline(t); err != nil {
		return err
	}
	code := http.StatusOK
	if w.Problem != nil {
		code = w.Problem.Status
	}
	return v.renderStatus(code, "moment", w)
}

// baseBackups are those of a surface, newest first: of the points that are
// listed, as many as the API lists at once.
func (v *visit) baseBackups(name string) ([]apiserver.Snapshot, error) {
	var all, bases []apiserver.Snapshot
	err := v.ask(http.MethodGet, "/v1/admin/snapshots?limit=1000&surface="+url.QueryEscape(name), nil, &all)
	for _, p := range all {
		if p.Kind == config.KindBase {
			bases = append(bases, p)
		}
	}
	return bases, err
}

func (w windowView) timeline(now time.Time) figure.Timeline {
	t := figure.Timeline{Window: figure.Window{Surface: w.Surface, Earliest: w.Earliest, Latest: w.Latest, Now: now}}
	for _, g := range w.Gaps {
		t.Gaps = append(t.Gaps, status.Gap{From: g.After, To: g.Before})
	}
	for _, b := range w.Bases {
		t.Bases = append(t.Bases, figure.BaseBackup{ID: b.ID, At: b.CreatedAt, State: b.State})
	}
	if w.Preview == nil {
		return t
	}
	t.At = w.Preview.Promised
	if p := w.Preview.Plan; p != nil {
		t.Used = p.Base.ID
		switch {
		case !p.Target.Time.IsZero():
			t.At = p.Target.Time
		case p.Target.Kind == pitr.AtLatest:
			t.At = w.Latest
		default:
			t.At = p.Expected
		}
	}
	return t
}

func (s *site) startRecovery(v *visit) error {
	name, target := v.Param("surface"), v.FormValue("at")
	var started apiserver.Started
	err := v.ask(http.MethodPost, at("/v1/pitr/", name, "/restore"), map[string]string{"at": target}, &started)
	if err != nil {
		refusal, err := wrong(err)
		if err != nil {
			return err
		}
		return v.window(name, windowView{By: v.FormValue("by"), At: v.FormValue("entered"), Target: target, Problem: refusal})
	}
	return v.done(at("/pitr/", name, "/recoveries/")+url.PathEscape(started.ID), "The recovery of "+name+" has begun.")
}

// recoveryView is the page of a recovery.
type recoveryView struct {
	apiserver.Recovery
	// Known is whether the URL of the server can be shown to who asks.
	Known bool
	Live  bool
	// Removal is set while, and after, the instance is deleted that a provider made.
	Removal *apiserver.Removal
}

func (v *visit) recovery(id, removal string, shown bool) (recoveryView, error) {
	var out recoveryView
	err := v.ask(http.MethodGet, at("/v1/admin/recoveries/", id, ""), nil, &out.Recovery)
	out.Live, out.Known = out.State == "running", out.URL != ""
	if !shown {
		out.URL = ""
	}
	if err == nil && removal != "" {
		out.Removal = &apiserver.Removal{}
		err = v.ask(http.MethodGet, at("/v1/admin/removals/", removal, ""), nil, out.Removal)
		out.Live = out.Live || out.Removal.State == "running"
	}
	return out, err
}

func (s *site) showRecovery(v *visit) error {
	v.seen()
	r, err := v.recovery(v.Param("id"), v.QueryParam("removal"), v.QueryParam("url") == "show")
	if err != nil {
		return err
	}
	return v.render("recovery", r)
}

func (s *site) recoveryParts(v *visit) ([]part, error) {
	r, err := v.recovery(v.QueryParam("id"), v.QueryParam("removal"), false)
	if err != nil {
		return nil, err
	}
	parts := []part{{"said", "recovery", "said", r}, {"run", "recovery", "facts", r}}
	if !r.Live {
		parts = append(parts, ended("recovery"))
	}
	return parts, nil
}

// removeRecovered deletes the instance that a provider made for a recovery.
func (s *site) removeRecovered(v *visit) error {
	name, id := v.Param("surface"), v.Param("id")
	page := at("/pitr/", name, "/recoveries/") + url.PathEscape(id)
	var started apiserver.Started
	err := v.ask(http.MethodDelete, at("/v1/pitr/", name, "/instances/")+url.PathEscape(id), nil, &started)
	if err != nil {
		return v.refused(page, err)
	}
	return v.done(page+"?removal="+url.QueryEscape(started.ID), "The instance is being deleted.")
}
