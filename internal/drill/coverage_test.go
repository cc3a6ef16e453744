package drill

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCover(t *testing.T) {
	t.Parallel()
	now := judged
	at := func(s Summary, days int) Summary {
		s.Judged = now.AddDate(0, 0, -days)
		return s
	}
	random := drilled("4", VerdictPartial, time.Time{})
	random.Stores, random.Selections = []string{"primary"}, []string{SelectRandom}
	failed := drilled("5", VerdictFail, now)
	failed.Surfaces, failed.Stores, failed.Selections = nil, nil, nil
	annual := drilled("0", VerdictPass, now)
	annual.Plan, annual.Kind, annual.Surfaces = "annual", AnnualFull, []string{"main", "redis"}
	cancelled := drilled("9", VerdictAborted, time.Time{})
	cancelled.Surfaces = nil
	plans := map[string]PlanRuns{
		"quarterly": {
			Plan: Plan{Kind: Quarterly, Surfaces: []string{"main"}},
			Due: func(from, to time.Time) int {
				if !from.Equal(now.AddDate(-1, 0, 0)) || !to.Equal(now) {
					t.Errorf("asked for %s to %s", from, to)
				}
				return 4
			},
			Drills: []Summary{
				at(drilled("1", VerdictPass, now), 400), at(drilled("2", VerdictPass, now), 200), at(drilled("3", VerdictPass, time.Time{}), 100),
				at(random, 50), at(failed, 20), at(cancelled, 10), at(drilled("99", "", time.Time{}), 0),
			},
		},
		"annual": {Plan: Plan{Kind: AnnualFull, Paused: true, Surfaces: []string{"redis", "main"}}, Drills: []Summary{at(annual, 500)}},
		"people": {Plan: Plan{Kind: Tabletop}},
	}
	want := Coverage{
		From: now.AddDate(-1, 0, 0), To: now,
		Plans: []PlanCoverage{
			{Plan: "annual", Kind: AnnualFull, Paused: true, Last: "0", LastAt: now.AddDate(0, 0, -500)},
			{Plan: "people", Kind: Tabletop},
			{Plan: "quarterly", Kind: Quarterly, Due: 4, Done: 4, Passed: 2, Partial: 1, Failed: 1, Aborted: 1, Signed: 2, Last: "5", LastAt: now.AddDate(0, 0, -20)},
		},
		Surfaces: []SurfaceCoverage{
			{
				Surface: "main", Plans: []string{"annual", "quarterly"}, Restores: 3, Stores: []string{"offsite", "primary"},
				Selections: []string{SelectLatest, SelectRandom}, LastRestored: now.AddDate(0, 0, -50), LastDrill: "4",
			},
			{Surface: "redis", Plans: []string{"annual"}, Stores: []string{}, Selections: []string{}, LastRestored: now.AddDate(0, 0, -500), LastDrill: "0"},
			{Surface: "spare", Plans: []string{}, Stores: []string{}, Selections: []string{}},
		},
		NotRestored: []string{"redis", "spare"}, MissingKinds: []string{RestoreTest, AnnualFull, Tabletop},
	}
	if diff := cmp.Diff(want, Cover(plans, []string{"spare", "main"}, now)); diff != "" {
		t.Error(diff)
	}
	empty := Cover(nil, nil, now)
	if empty.Plans == nil || empty.Surfaces == nil || len(empty.MissingKinds) != len(Kinds) {
		t.Errorf("%+v", empty)
	}
}

func TestTrendOf(t *testing.T) {
	t.Parallel()
	took := func(id, verdict string, rto, rpo float64) Summary {
		s := drilled(id, verdict, time.Time{})
		s.Objectives = Objectives{RTOSeconds: rto, RTOMeasured: rto > 0, RPOSeconds: rpo, RPOMeasured: rpo > 0}
		return s
	}
	current := Record{ID: "7", PlanName: "quarterly", Verdict: VerdictPass, Objectives: Objectives{RTOSeconds: 330, RTOMeasured: true, RPOSeconds: 5, RPOMeasured: true}}
	other := took("2", VerdictPass, 1, 1)
	other.Plan = "nightly"
	rerun := took("3", VerdictPass, 300, 20)
	rerun.Revision = 2
	earlier := []Summary{
		took("1", VerdictPass, 200, 10), took("3", VerdictFail, 9000, 9000), rerun, took("4", VerdictFail, 2000, 7), took("5", VerdictPass, 400, 0),
		took("6", VerdictFail, 0, 0), took("7", VerdictFail, 1, 1), took("8", VerdictPass, 1, 1), other,
	}
	// Even counts have the mean of the two in the middle for a median.
	want := &Trend{Runs: 5, RTO: Spread{200, 330, 2000}, RPO: Spread{5, 8.5, 20}, Change: 0.1}
	got := TrendOf(current, earlier)
	got.Change = float64(int(got.Change*1e6+0.5)) / 1e6
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&Trend{Runs: 1, RTO: Spread{330, 330, 330}, RPO: Spread{5, 5, 5}}, TrendOf(current, nil)); diff != "" {
		t.Error(diff)
	}
	if got := TrendOf(Record{ID: "7", PlanName: "quarterly"}, []Summary{took("6", VerdictFail, 0, 0)}); got != nil {
		t.Errorf("%+v", got)
	}
	if got := TrendOf(Record{ID: "7", PlanName: "quarterly"}, []Summary{took("6", VerdictPass, 9, 1)}); got.Runs != 1 || got.Change != 0 {
		t.Errorf("%+v", got)
	}
}
