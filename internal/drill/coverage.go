package drill

import (
	"maps"
	"slices"
	"time"
)

// PlanRuns is a plan with what became of it.
type PlanRuns struct {
	Plan Plan
	// Due counts the runs that the plan's schedule has after from and not after
	// to; nil for a plan without a schedule.
	Due func(from, to time.Time) int
	// Drills are in any order.
	Drills []Summary
}

// Coverage says how much of what was planned for the last twelve months was done.
type Coverage struct {
	From  time.Time      `json:"from"`
	To    time.Time      `json:"to"`
	Plans []PlanCoverage `json:"plans"`
	// Surfaces are those of the plans and all others that are protected.
	Surfaces []SurfaceCoverage `json:"surfaces"`
	// NotRestored are the surfaces that no drill of these months restored.
	NotRestored []string `json:"notRestored"`
	// MissingKinds are the kinds of which no drill was carried through.
	MissingKinds []string `json:"missingKinds"`
}

// PlanCoverage counts the drills of a plan. Done are those with a verdict other
// than aborted: Passed, Partial and Failed add up to it.
type PlanCoverage struct {
	Plan    string `json:"plan"`
	Kind    string `json:"kind"`
	Paused  bool   `json:"paused,omitempty"`
	Due     int    `json:"due"`
	Done    int    `json:"done"`
	Passed  int    `json:"passed"`
	Partial int    `json:"partial"`
	Failed  int    `json:"failed"`
	Aborted int    `json:"aborted"`
	// Signed counts the done ones that a person signed.
	Signed int `json:"signed"`
	// Last is the newest done one, also when it is older than the months looked at.
	Last   string    `json:"last,omitempty"`
	LastAt time.Time `json:"lastAt,omitzero"`
}

// SurfaceCoverage says how a surface was restored.
type SurfaceCoverage struct {
	Surface string `json:"surface"`
	// Plans are those that restore it.
	Plans []string `json:"plans"`
	// Restores counts the drills that restored it.
	Restores int `json:"restores"`
	// Stores are where its points were read from, Selections how they were chosen.
	Stores     []string `json:"stores"`
	Selections []string `json:"selections"`
	// LastRestored is when the newest drill that restored it was judged, also
	// when that is older than the months looked at.
	LastRestored time.Time `json:"lastRestored,omitzero"`
	LastDrill    string    `json:"lastDrill,omitempty"`
}

// Cover looks back over twelve months from now. surfaces are all that are protected.
func Cover(plans map[string]PlanRuns, surfaces []string, now time.Time) Coverage {
	c := Coverage{
		From: now.AddDate(-1, 0, 0), To: now,
		Plans: []PlanCoverage{}, Surfaces: []SurfaceCoverage{}, NotRestored: []string{}, MissingKinds: []string{},
	}
	names := slices.Clone(surfaces)
	done := map[string]bool{}
	var all []Summary
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		runs := plans[name]
		drills := latest(name, runs.Drills)
		all = append(all, drills...)
		names = append(names, runs.Plan.Surfaces...)
		c.Plans = append(c.Plans, c.plan(name, runs, drills))
		for _, d := range drills {
			if c.within(d) && d.Verdict != VerdictAborted {
				done[d.Kind] = true
			}
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		s := c.surface(name, plans, all)
		c.Surfaces = append(c.Surfaces, s)
		if s.Restores == 0 {
			c.NotRestored = append(c.NotRestored, name)
		}
	}
	for _, kind := range Kinds {
		if !done[kind] {
			c.MissingKinds = append(c.MissingKinds, kind)
		}
	}
	return c
}

func (c Coverage) within(s Summary) bool { return s.at().After(c.From) && !s.at().After(c.To) }

// plan counts the drills of one plan; they are the newest first.
func (c Coverage) plan(name string, runs PlanRuns, drills []Summary) PlanCoverage {
	p := PlanCoverage{Plan: name, Kind: kindOf(Record{Plan: runs.Plan}), Paused: runs.Plan.Paused}
	if runs.Due != nil {
		p.Due = runs.Due(c.From, c.To)
	}
	for _, d := range drills {
		if d.Verdict != VerdictAborted && p.Last == "" {
			p.Last, p.LastAt = d.ID, d.at()
		}
		if !c.within(d) {
			continue
		}
		switch d.Verdict {
		case VerdictAborted:
			p.Aborted++
			continue
		case VerdictPass:
			p.Passed++
		case VerdictPartial:
			p.Partial++
		default:
			p.Failed++
		}
		p.Done++
		if d.signed() {
			p.Signed++
		}
	}
	return p
}

func (c Coverage) surface(name string, plans map[string]PlanRuns, drills []Summary) SurfaceCoverage {
	s := SurfaceCoverage{Surface: name, Plans: []string{}}
	stores, selections := map[string]bool{}, map[string]bool{}
	for plan, runs := range plans {
		if slices.Contains(runs.Plan.Surfaces, name) {
			s.Plans = append(s.Plans, plan)
		}
	}
	slices.Sort(s.Plans)
	for _, d := range drills {
		at := slices.Index(d.Surfaces, name)
		if at < 0 {
			continue
		}
		if d.ID > s.LastDrill {
			s.LastRestored, s.LastDrill = d.at(), d.ID
		}
		if c.within(d) {
			s.Restores++
			note(stores, d.Stores, at)
			note(selections, d.Selections, at)
		}
	}
	s.Stores, s.Selections = keys(stores), keys(selections)
	return s
}

// note adds the name at a place, where there is one.
func note(set map[string]bool, names []string, at int) {
	if at < len(names) && names[at] != "" {
		set[names[at]] = true
	}
}

// keys are the names in a set, in order; never nil.
func keys(set map[string]bool) []string {
	return slices.AppendSeq(make([]string, 0, len(set)), slices.Values(slices.Sorted(maps.Keys(set))))
}
