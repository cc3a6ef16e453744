package pages

import (
	"html/template"
	"net/http"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/apiserver/pages/figure"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// drillView is the page of one drill.
type drillView struct {
	apiserver.Drill
	Chart template.HTML
	Bars  []figure.Bar
	// Objectives are those of the record; while there is none, the targets of the plan alone.
	Objectives drill.Objectives
	// Live is set while machines do something; Followed in what such a page is sent.
	Live, Followed bool
	Problem        *problem
	// Text and Statement are what was typed into forms that were refused.
	Text, Statement string
}

// Awaiting reports whether somebody has to sign.
func (d drillView) Awaiting() bool { return d.State == drill.StateAwaiting }

// Tellable reports whether steps that were done by hand can be told of.
func (d drillView) Tellable() bool { return d.Live || d.Awaiting() }

// Judged reports whether there is a record.
func (d drillView) Judged() bool { return d.Evidence != nil }

// Closed is the status of a finding of which nothing has to be decided.
func (drillView) Closed() string { return drill.FindingClosed }

func (v *visit) drill(id string) (drillView, error) {
	var out drillView
	if err := v.ask(http.MethodGet, at("/v1/drills/", id, ""), nil, &out.Drill); err != nil {
		return out, err
	}
	out.Live = out.State == drill.StateRunning
	g := figure.Gantt{Declared: out.CreatedAt}
	if rec := out.Evidence; rec != nil {
		out.Objectives = rec.Objectives
		g.Declared, out.Bars = rec.Timeline.Declared, figure.Bars(*rec)
		if rec.Objectives.RTOMeasured {
			g.RTO = &rec.Objectives.RTOSeconds
		}
	} else {
		for _, p := range out.Phases {
			out.Bars = append(out.Bars, figure.Bar{Name: p.Name, Surface: p.Surface, Start: p.Start, Seconds: p.Seconds, Failed: p.Error != ""})
		}
		if err := v.targets(&out); err != nil {
			return out, err
		}
	}
	if out.Live && out.Evidence == nil {
		g.Now = v.site.now().Truncate(time.Second)
		if !out.PhaseSince.IsZero() {
			out.Bars = append(out.Bars, figure.Bar{Name: out.Phase, Start: out.PhaseSince, Running: true})
		}
	}
	g.Phases, g.RTOTarget = out.Bars, out.Objectives.RTOTarget
	var err error
	out.Chart, err = g.Draw()
	return out, err
}

// targets are what a drill without a record is to reach, by the newest report.
func (v *visit) targets(d *drillView) error {
	var report status.Report
	if err := v.ask(http.MethodGet, "/v1/status", nil, &report); err != nil {
		return err
	}
	for _, p := range report.Plans {
		if p.Plan == d.Plan {
			d.Objectives.RTOTarget, d.Objectives.RPOTarget = p.RTOTarget, p.RPOTarget
		}
	}
	return nil
}

func (s *site) showDrill(v *visit) error {
	v.seen()
	d, err := v.drill(v.Param("id"))
	if err != nil {
		return err
	}
	return v.render("drill", d)
}

func (s *site) drillParts(v *visit) ([]part, error) {
	d, err := v.drill(v.QueryParam("id"))
	if err != nil {
		return nil, err
	}
	d.Followed = true
	parts := []part{{"said", "drill", "said", d}, {"course", "drill", "course", d}}
	if !d.Live {
		parts = append(parts, ended("drill"))
	}
	return parts, nil
}

// refusedDrill shows the page of the drill again, with why and what was typed.
func (v *visit) refusedDrill(err error) error {
	refusal, err := wrong(err)
	if err != nil {
		return err
	}
	d, err := v.drill(v.Param("id"))
	if err != nil {
		return err
	}
	d.Problem, d.Text, d.Statement = refusal, v.FormValue("text"), v.FormValue("statement")
	return v.renderStatus(refusal.Status, "drill", d)
}

func (s *site) tellStep(v *visit) error {
	id := v.Param("id")
	err := v.ask(http.MethodPost, at("/v1/drills/", id, "/manual-steps"), map[string]string{"text": v.FormValue("text")}, nil)
	if err != nil {
		return v.refusedDrill(err)
	}
	return v.done(at("/drills/", id, ""), "The step is recorded.")
}

func (s *site) signDrill(v *visit) error {
	id, refuse := v.Param("id"), v.FormValue("decision") == "refuse"
	body := map[string]any{"statement": v.FormValue("statement")}
	line := "The drill is signed."
	if refuse {
		body["refuse"], line = true, "The drill is refused: it goes back with a finding."
	}
	if err := v.ask(http.MethodPost, at("/v1/drills/", id, "/sign-off"), body, nil); err != nil {
		return v.refusedDrill(err)
	}
	return v.done(at("/drills/", id, ""), line)
}

// decideFinding gives a finding an owner or a due date, or accepts its risk.
func (s *site) decideFinding(v *visit) error {
	id := v.Param("id")
	body := map[string]any{"finding": v.FormValue("finding")}
	for name, text := range map[string]string{"owner": v.FormValue("owner"), "reason": v.FormValue("reason")} {
		if text != "" {
			body[name] = text
		}
	}
	for name, text := range map[string]string{"due": v.FormValue("due"), "acceptUntil": v.FormValue("acceptUntil")} {
		if text != "" {
			body[name] = endOf(text)
		}
	}
	if err := v.ask(http.MethodPost, at("/v1/drills/", id, "/findings"), body, nil); err != nil {
		return v.refusedDrill(err)
	}
	return v.done(at("/drills/", id, "")+"#findings", "The decision is in the ledger.")
}

// endOf is the last second of a day as an input of the type date gives it; what
// is something else stays.
func endOf(day string) string {
	if at, err := time.Parse(time.DateOnly, day); err == nil {
		return at.Add(24*time.Hour - time.Second).Format(time.RFC3339)
	}
	return day
}

func (s *site) cancelDrill(v *visit) error {
	id := v.Param("id")
	if err := v.ask(http.MethodDelete, at("/v1/drills/", id, ""), nil, nil); err != nil {
		return v.refused(at("/drills/", id, ""), err)
	}
	return v.done(at("/drills/", id, ""), "The drill is being cancelled; it cleans up after itself.")
}

// drillReport shows the report. Its answer has a policy of its own: it runs
// nothing, and loads nothing.
func (s *site) drillReport(v *visit) error {
	id, format := v.Param("id"), "html"
	if v.QueryParam("format") == "json" {
		format = "json"
	}
	file := ""
	if v.QueryParam("download") != "" || format == "json" {
		file = fileName("drill-"+id, "."+format)
	}
	return v.download(at("/v1/drills/", id, "/report?format=")+format, file)
}
