package pages

import (
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/apiserver/pages/figure"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
)

// The calendar goes so many months back, and so many ahead.
const (
	monthsBack  = 9
	monthsAhead = 2
)

// drillList is the page of all drills.
type drillList struct {
	// Plan is set where only its drills are listed.
	Plan        string
	Drills      []drills.Drill
	Commitments []drill.Commitment
	Coverage    drill.Coverage
	// Plans are those that can be run.
	Plans    []string
	Calendar template.HTML
	Due      []dueDrill
	Problem  *problem
}

// Key is what the symbols of the calendar stand for.
func (drillList) Key() []struct{ Symbol, Means string } { return figure.Key() }

// dueDrill is a drill that is to come, or should have.
type dueDrill struct {
	Plan    string
	At      time.Time
	Overdue bool
}

func (s *site) listDrills(v *visit) error {
	v.seen()
	return v.drillList(v.QueryParam("plan"), nil)
}

func (v *visit) drillList(plan string, refusal *problem) error {
	out := drillList{Plan: plan, Problem: refusal}
	var listed struct{ Drills []drills.Drill }
	var promised struct{ Commitments []drill.Commitment }
	query := url.Values{"limit": {"500"}}
	if plan != "" {
		query.Set("plan", plan)
	}
	for path, answer := range map[string]any{
		"/v1/drills?" + query.Encode(): &listed, "/v1/commitments": &promised, "/v1/coverage": &out.Coverage,
	} {
		if err := v.ask(http.MethodGet, path, nil, answer); err != nil {
			return err
		}
	}
	out.Drills, out.Commitments = listed.Drills, promised.Commitments
	for _, p := range out.Coverage.Plans {
		out.Plans = append(out.Plans, p.Plan)
	}
	for _, c := range out.Commitments {
		if c.Overdue || !c.NextDue.IsZero() {
			out.Due = append(out.Due, dueDrill{c.Plan, c.NextDue, c.Overdue})
		}
	}
	var err error
	if out.Calendar, err = out.calendar(v.site.now()).Draw(); err != nil {
		return err
	}
	if len(out.Drills) > pageSize {
		out.Drills = out.Drills[:pageSize]
	}
	code := http.StatusOK
	if refusal != nil {
		code = refusal.Status
	}
	return v.renderStatus(code, "drills", out)
}

func (l drillList) calendar(now time.Time) figure.Calendar {
	days := map[string][]figure.Day{}
	for _, name := range l.Plans {
		if l.Plan == "" || l.Plan == name {
			days[name] = nil
		}
	}
	for _, d := range l.Drills {
		days[d.Plan] = append(days[d.Plan], figure.Day{At: d.CreatedAt, What: became(d)})
	}
	for _, d := range l.Due {
		if l.Plan != "" && l.Plan != d.Plan {
			continue
		}
		if d.Overdue {
			days[d.Plan] = append(days[d.Plan], figure.Day{At: now, What: figure.Overdue})
		}
		if d.At.After(now) {
			days[d.Plan] = append(days[d.Plan], figure.Day{At: d.At, What: figure.Due})
		}
	}
	c := figure.Calendar{From: now.AddDate(0, -monthsBack, 0), To: now.AddDate(0, monthsAhead, 0), Now: now}
	for _, name := range slices.Sorted(maps.Keys(days)) {
		c.Plans = append(c.Plans, figure.PlanDays{Plan: name, Days: days[name]})
	}
	return c
}

// became is the verdict of a drill, or what stands in its place.
func became(d drills.Drill) string {
	switch {
	case d.Verdict != "":
		return d.Verdict
	case d.State == drill.StateRunning:
		return figure.Running
	default:
		return drill.VerdictAborted
	}
}

func (s *site) runDrill(v *visit) error {
	var started apiserver.Started
	err := v.ask(http.MethodPost, "/v1/drills", map[string]string{"plan": v.FormValue("plan")}, &started)
	if err != nil {
		refusal, err := wrong(err)
		if err != nil {
			return err
		}
		return v.drillList("", refusal)
	}
	return v.done(at("/drills/", started.ID, ""), "The drill of "+v.FormValue("plan")+" has begun.")
}
