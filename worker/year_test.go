package worker

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// TestYear is a year of nightly, quarterly and annual drills in simulated time,
// with a bad month, outages, people who sign, who refuse and who forget.
func TestYear(t *testing.T) {
	t.Parallel()
	a := newAlmanac(t)
	// August's backups are damaged. In April a check is red.
	a.breaks = func(plan string, at time.Time) bool { return plan == "nightly" && at.Month() == time.August }
	a.red = func(plan string, at time.Time) bool { return plan == "quarterly" && at.Month() == time.April }
	// Restores become slower with the year: a minute a month.
	a.takes = func(plan string, at time.Time) time.Duration {
		if plan == "nightly" {
			return time.Minute
		}
		return 10*time.Minute + time.Duration(at.Month())*time.Minute
	}
	never := func(time.Time) bool { return false }
	turns := slices.Concat(
		a.turnsOf(t, "nightly", func(at time.Time) bool { return at.Month() == time.March && at.Day() >= 10 && at.Day() <= 12 }),
		a.turnsOf(t, "quarterly", func(at time.Time) bool { return at.Month() == time.July }),
		a.turnsOf(t, "yearly", never),
	)
	may, september, october := turn{"quarterly", on(5, 6, 9), "bob"}, turn{"quarterly", on(9, 2, 9), "bob"}, turn{"quarterly", on(10, 15, 9), "bob"}
	turns = append(turns, may, september, october)
	for _, at := range looks {
		turns = append(turns, turn{At: at.at})
	}
	slices.SortFunc(turns, func(x, y turn) int { return x.At.Compare(y.At) })

	ann := workflows.SignOffInput{Signer: "ann", Role: "approver", Statement: "looked at it"}
	no := ann
	no.Refuse, no.Statement = true, "the page was empty"
	a.decide(turn{Plan: "quarterly", At: on(1, 1, 6)}, 4*time.Hour, ann)
	// Nobody signs in April. In May it takes two days and a half.
	a.decide(may, 60*time.Hour, ann)
	a.decide(september, 4*time.Hour, ann)
	a.decide(turn{Plan: "quarterly", At: on(10, 1, 6)}, 4*time.Hour, no)
	a.decide(october, 4*time.Hour, ann)
	a.decide(turn{Plan: "yearly", At: on(11, 15, 6)}, 4*time.Hour, ann)

	begun := time.Now()
	a.ExecuteWorkflow("year", turns)
	if err := a.GetWorkflowError(); err != nil || len(a.bad) > 0 {
		t.Fatal(err, a.bad)
	}
	t.Logf("a year of %d drills took %v", len(turns)-len(looks), time.Since(begun).Round(time.Second))
	a.verified(t)
	a.covered(t)
	a.promised(t)
	a.carried(t)
	a.compared(t, october)
}

// verified wants exactly what happened in the ledger, and nothing else.
func (a *almanac) verified(t *testing.T) {
	t.Helper()
	report, err := a.parts.Ledger.Verify(t.Context(), evidence.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// 363 nights, 6 of the quarter's plan, 1 of the year's; 1 refusal judged
	// anew; 6 decisions of people and 1 of time; 13 reminders in April and 2 in
	// May; 1 environment that was kept.
	want := map[string]int64{
		drills.KindDeclared: 370, drills.KindJudged: 371, drills.KindDecided: 7, drills.KindReminded: 15, drills.KindTornDown: 1,
	}
	if !maps.Equal(report.Entries, want) || report.Size != 764 || report.Published != report.Size {
		t.Errorf("the ledger has %d entries: %v, want %v", report.Size, report.Entries, want)
	}
	if report.ClockBehind != 0 || !report.First.Equal(on(1, 1, 2)) || report.Last.Before(on(12, 31, 2)) {
		t.Errorf("from %v to %v, clocks behind by %v", report.First, report.Last, report.ClockBehind)
	}
}

func (a *almanac) covered(t *testing.T) {
	t.Helper()
	got, err := a.parts.Coverage(t.Context(), on(12, 31, 23))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []drill.PlanCoverage{
		{Plan: "nightly", Kind: drill.RestoreTest, Due: 366, Done: 363, Passed: 332, Failed: 31},
		{Plan: "quarterly", Kind: drill.Quarterly, Due: 4, Done: 6, Passed: 4, Failed: 2, Signed: 4},
		{Plan: "yearly", Kind: drill.AnnualFull, Due: 1, Done: 1, Passed: 1, Signed: 1},
	} {
		at := slices.IndexFunc(got.Plans, func(p drill.PlanCoverage) bool { return p.Plan == want.Plan })
		p := got.Plans[at]
		if want.Last, want.LastAt = p.Last, p.LastAt; p != want || p.Last == "" {
			t.Errorf("the coverage of %s is %+v, want %+v", want.Plan, p, want)
		}
	}
	restores := map[string]int{}
	for _, s := range got.Surfaces {
		restores[s.Surface] = s.Restores
	}
	if want := map[string]int{"main": 7, "redis": 332 + 7, "spare": 0}; !maps.Equal(restores, want) {
		t.Errorf("restored were %v, want %v", restores, want)
	}
	if !slices.Equal(got.NotRestored, []string{"spare"}) || !slices.Equal(got.MissingKinds, []string{drill.Tabletop}) {
		t.Errorf("not covered are %q and %q", got.NotRestored, got.MissingKinds)
	}
}

// looks are what may be promised on some days.
var looks = []struct {
	at          time.Time
	plan, state string
	overdue     bool
	reason      string
	open        int
}{
	{on(1, 1, 5), "quarterly", drill.Unproven, false, "never drilled", 0},
	{on(1, 1, 8), "quarterly", drill.Unproven, false, "waits for its sign-off", 0},
	{on(1, 1, 11), "quarterly", drill.Proven, false, "signed by ann on 2024-01-01", 0},
	{on(3, 9, 12), "nightly", drill.Unproven, false, "no target", 0},
	{on(3, 12, 12), "nightly", drill.Unproven, true, "no target", 0},
	{on(3, 13, 12), "nightly", drill.Unproven, false, "no target", 0},
	{on(3, 31, 12), "quarterly", drill.Proven, false, "", 0},
	{on(4, 1, 8), "quarterly", drill.Unproven, false, "a later drill", 1},
	{on(4, 20, 12), "quarterly", drill.Unproven, false, "signature older than 100d", 1},
	{on(5, 7, 12), "quarterly", drill.Unproven, false, "signature older than", 0},
	{on(5, 9, 12), "quarterly", drill.Proven, false, "2024-05-08", 0},
	{on(7, 1, 12), "quarterly", drill.Proven, false, "", 0},
	{on(7, 3, 12), "quarterly", drill.Proven, true, "", 0},
	{on(8, 16, 12), "quarterly", drill.Proven, true, "", 0},
	{on(8, 17, 12), "quarterly", drill.Unproven, true, "signature older than 100d", 0},
	{on(8, 20, 12), "nightly", drill.Unproven, false, "no target", 1},
	{on(9, 1, 12), "nightly", drill.Unproven, false, "no target", 0},
	{on(9, 2, 22), "quarterly", drill.Proven, false, "2024-09-02", 0},
	{on(10, 1, 8), "quarterly", drill.Proven, false, "2024-09-02", 0},
	{on(10, 1, 12), "quarterly", drill.Unproven, false, "ann refused", 1},
	{on(10, 15, 22), "quarterly", drill.Proven, false, "2024-10-15", 0},
	{on(11, 14, 12), "yearly", drill.Unproven, false, "never drilled", 0},
	{on(11, 15, 12), "yearly", drill.Proven, false, "no RPO target", 0},
}

func (a *almanac) promised(t *testing.T) {
	t.Helper()
	for _, want := range looks {
		c := a.seen[want.at][want.plan]
		if c.State != want.state || c.Overdue != want.overdue || !strings.Contains(c.Reason, want.reason) || len(c.OpenFindings) != want.open {
			t.Errorf("on %v %s is %+v, want %+v", want.at, want.plan, c, want)
		}
		if promised := c.RTOSeconds > 0; promised != (want.state == drill.Proven) || promised && c.RTOSeconds != c.RTOTarget {
			t.Errorf("on %v an RTO of %v s is promised of %s", want.at, c.RTOSeconds, want.plan)
		}
	}
}

// carried wants the finding of the bad month to be one, carried from drill to
// drill until the first good one closes it.
func (a *almanac) carried(t *testing.T) {
	t.Helper()
	all, err := a.parts.Drills.List(t.Context(), drills.Query{Plan: "nightly"})
	if err != nil {
		t.Fatal(err)
	}
	first := ""
	for _, d := range slices.Backward(all) {
		at := d.Declared
		if at.Before(on(8, 1, 0)) || at.After(on(9, 3, 0)) {
			continue
		}
		rec, _, err := a.parts.Drills.Record(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = d.ID
		}
		switch closed := at.Month() == time.September; {
		case closed && at.Day() > 1:
			if len(rec.Findings) != 0 {
				t.Errorf("%s has %+v", d.ID, rec.Findings)
			}
		case len(rec.Findings) != 1:
			t.Errorf("%s has %+v", d.ID, rec.Findings)
		default:
			f := rec.Findings[0]
			if f.ID != "nightly/restore-corrupt/redis" || f.Found != first || closed != (f.Status == drill.FindingClosed) || closed != (f.Retest == d.ID) {
				t.Errorf("%s has %+v", d.ID, f)
			}
			if overdue := strings.Contains(rec.Summary, "Overdue"); overdue != (!closed && at.Day() > 8) {
				t.Errorf("%s says %s", d.ID, rec.Summary)
			}
		}
	}
}

// compared wants the drill of a turn to be compared with those before it.
func (a *almanac) compared(t *testing.T, last turn) {
	t.Helper()
	all, err := a.parts.Drills.List(t.Context(), drills.Query{Plan: last.Plan, Limit: 1})
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	rec, _, err := a.parts.Drills.Record(t.Context(), all[0])
	if err != nil {
		t.Fatal(err)
	}
	// January, May, September and October: 11, 15, 19, 20 and 20 minutes.
	got := rec.Objectives.Trend
	if got == nil || got.Runs < 5 || got.RTO.Min != 660 || got.RTO.Max != 1200 || got.Change < 0.33 || got.Change > 0.34 {
		t.Errorf("the trend is %+v", got)
	}
	if !rec.NextDue.Equal(time.Date(2025, 1, 1, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("next due on %v", rec.NextDue)
	}
}
