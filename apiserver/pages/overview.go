package pages

import (
	"html/template"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver/pages/figure"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// standing is how everything stands, in the order in which it should be read.
type standing struct {
	status.Report
	// Firing are the alerts that fire, Near those that are about to.
	Firing, Near []status.Alert
	Rows         []row
	// StoresDown are the stores that don't answer.
	StoresDown []status.Store
}

// row is one surface with what concerns it from the rest of the report.
type row struct {
	status.Surface
	Plans    []status.Plan
	Policies []status.Policy
	Running  []launch.Run
	// Firing are the alerts that fire for it, its plans and its stores.
	Firing []status.Alert
	// StaleAt is when the row was seen, where that is so long ago that it may stand otherwise.
	StaleAt time.Time
	// NextBackup is when the first of its schedules comes next, NextDrill when a
	// drill of it does; zero where nothing is planned.
	NextBackup, NextDrill time.Time
	// DrillOverdue is whether a drill was due and was not done.
	DrillOverdue bool
	// Findings is how many findings of its plans are open.
	Findings int
	// Strip draws the continuity of its WAL, StripText says it.
	Strip     template.HTML
	StripText string
}

// RPOMissed reports whether a disaster now would lose more than it may.
func (r row) RPOMissed() bool {
	return r.RPOTarget > 0 && (r.RPOSeconds == nil || *r.RPOSeconds > r.RPOTarget)
}

// rtoMissed reports whether a drill took longer than its plan wants.
func rtoMissed(p status.Plan) bool {
	return p.RTOTarget > 0 && p.MeasuredRTO != nil && *p.MeasuredRTO > p.RTOTarget
}

func (s *site) overview(v *visit) error {
	stands, err := v.standing()
	if err != nil {
		return err
	}
	return v.render("overview", stands)
}

// overviewParts are what the overview keeps fresh: the headline, which is read
// out, and the rest, which is not.
func (s *site) overviewParts(v *visit) ([]part, error) {
	stands, err := s.shared.standing(v)
	if err != nil {
		return nil, err
	}
	return []part{
		{"headline", "overview", "headline", stands},
		{"overview", "overview", "stands", stands},
	}, nil
}

// sharedFor is for how long what one stream was told is told to the others, too.
const sharedFor = 5 * time.Second

// shared is how everything stands, as it was last told to a stream. Whoever
// may sign in may see it. What one of them could not be told, the next asks itself.
type shared struct {
	mu    sync.Mutex
	until time.Time
	last  standing
}

func (k *shared) standing(v *visit) (standing, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Now().Before(k.until) {
		return k.last, nil
	}
	told, err := v.standing()
	if err != nil {
		return told, err
	}
	k.last, k.until = told, time.Now().Add(sharedFor)
	return told, nil
}

// standing asks how everything stands, and what runs.
func (v *visit) standing() (standing, error) {
	var report status.Report
	if err := v.ask(http.MethodGet, "/v1/status", nil, &report); err != nil {
		return standing{}, err
	}
	var running []launch.Run
	// Without Temporal there is still much to be told.
	if err := v.ask(http.MethodGet, "/v1/runs", nil, &running); err != nil {
		report.Blind = append(report.Blind, "what is running: "+fault.Line(err))
	}
	return stands(report, running, v.site.now())
}

func stands(report status.Report, running []launch.Run, now time.Time) (standing, error) {
	out := standing{Report: report}
	for _, a := range report.Alerts {
		if a.State == status.Firing {
			out.Firing = append(out.Firing, a)
		} else {
			out.Near = append(out.Near, a)
		}
	}
	for _, s := range report.Stores {
		if !s.Usable {
			out.StoresDown = append(out.StoresDown, s)
		}
	}
	for _, surface := range report.Surfaces {
		r, err := rowOf(report, surface, running, now)
		if err != nil {
			return out, err
		}
		out.Rows = append(out.Rows, r)
	}
	// What is wrong stands first.
	slices.SortStableFunc(out.Rows, func(a, b row) int { return status.Worse(a.Firing, b.Firing) })
	return out, nil
}

// rowOf collects what concerns one surface.
func rowOf(report status.Report, surface status.Surface, running []launch.Run, now time.Time) (row, error) {
	r := row{Surface: surface, Firing: report.Concerning(surface.Name)}
	if report.Stale() {
		r.StaleAt = report.At
	}
	for _, run := range running {
		if run.Surface == surface.Name {
			r.Running = append(r.Running, run)
		}
	}
	for _, p := range report.Policies {
		if p.Surface != surface.Name {
			continue
		}
		r.Policies = append(r.Policies, p)
		r.NextBackup = sooner(r.NextBackup, p.NextDue)
	}
	for _, p := range report.Plans {
		if !slices.Contains(p.Surfaces, surface.Name) {
			continue
		}
		r.Plans = append(r.Plans, p)
		r.NextDrill = sooner(r.NextDrill, p.NextDue)
		r.DrillOverdue = r.DrillOverdue || p.Overdue
		r.Findings += len(p.OpenFindings)
	}
	if r.WAL == nil {
		return r, nil
	}
	window := figure.Window{Surface: r.Name, Earliest: r.WAL.Earliest, Latest: r.WAL.Latest, Gaps: r.WAL.Gaps, Now: now.Truncate(time.Minute)}
	r.StripText = window.About()
	var err error
	r.Strip, err = figure.WALStrip(window)
	return r, err
}

// sooner is the earlier of two moments, of which a zero one is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
