package drill

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// failedCheck is a judged drill of an earlier day whose check failed.
func failedCheck(now time.Time) Record {
	r := soundDrill()
	r.ID = "20260101T060000Z-a"
	r.Checks[0].Result, r.Checks[0].Observed = Fail, "2"
	return Judge(r, nil, now)
}

func only(t *testing.T, findings []Finding) Finding {
	t.Helper()
	if len(findings) != 1 {
		t.Fatalf("%d findings: %+v", len(findings), findings)
	}
	return findings[0]
}

func TestAFindingIsFoundAgain(t *testing.T) {
	t.Parallel()
	first := judged.AddDate(0, -3, 0)
	was := only(t, failedCheck(first).Findings)
	was.Owner = "ann@example.com"
	r := soundDrill()
	r.Checks[0].Result, r.Checks[0].Observed = Fail, "1"
	got := Judge(r, []Finding{was}, judged)
	want := was
	want.Seen, want.SeenAt, want.Cause = r.ID, judged, "the check users failed: expected 3, observed 1"
	if diff := cmp.Diff([]Finding{want}, got.Findings); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(got.Summary, "Overdue: quarterly/check-failed/users since 2026-01-15.") {
		t.Error(got.Summary)
	}
}

// A query that answers nothing does not show that what differed is equal now.
func TestAComparisonOfNothingClosesNoFinding(t *testing.T) {
	t.Parallel()
	r := soundDrill()
	r.ID = "20260101T060000Z-a"
	r.Reconciled[2] = Reconciliation{Name: "files", Kind: ReconcileQuery, Result: Fail, Detail: "1 of 2 rows differ"}
	was := only(t, Judge(r, nil, judged).Findings)
	r = soundDrill()
	r.Reconciled[2] = Reconciliation{Name: "files", Kind: ReconcileQuery, Result: Warn, Detail: "both sides answered no row"}
	for _, f := range Judge(r, []Finding{was}, judged).Findings {
		if f.ID == was.ID && f.Status != FindingOpen {
			t.Errorf("%+v", f)
		}
	}
}

func TestAFindingIsClosedByItsRetest(t *testing.T) {
	t.Parallel()
	was := only(t, failedCheck(judged.AddDate(0, -3, 0)).Findings)
	got := Judge(soundDrill(), []Finding{was}, judged)
	want := was
	want.Status, want.Retest = FindingClosed, got.ID
	if diff := cmp.Diff([]Finding{want}, got.Findings); diff != "" || got.Verdict != VerdictPass {
		t.Error(got.Verdict, diff)
	}
	if !strings.Contains(got.Summary, "It closes 1 finding of earlier drills: quarterly/check-failed/users.") {
		t.Error(got.Summary)
	}
	// A later revision that finds it again takes that back.
	got.Checks[0].Result = Fail
	got.Revision++
	if f := only(t, Judge(got, nil, judged).Findings); f.Status != FindingOpen || f.Retest != "" || f.Found != was.Found || f.Seen != got.ID {
		t.Errorf("%+v", f)
	}
	// And one that was closed before is found anew.
	closed := want
	closed.Retest = "20260201T060000Z-b"
	again := soundDrill()
	again.Checks[0].Result = Fail
	if f := only(t, Judge(again, []Finding{closed}, judged).Findings); f.Found != again.ID || !f.FoundAt.Equal(judged) {
		t.Errorf("%+v", f)
	}
	if got := Judge(soundDrill(), []Finding{was, closed}, judged); len(got.Findings) != 0 {
		t.Errorf("what was closed since is open again: %+v", got.Findings)
	}
}

// A drill that was under way when another found something shows nothing of it.
func TestADrillClosesNothingThatWasFoundBesideIt(t *testing.T) {
	t.Parallel()
	r := soundDrill()
	was := only(t, failedCheck(r.Timeline.Declared.Add(time.Second)).Findings)
	got := Judge(r, []Finding{was}, judged)
	if diff := cmp.Diff([]Finding{was}, got.Findings); diff != "" || got.Verdict != VerdictPass {
		t.Error(got.Verdict, diff)
	}
	// One that was found long ago, and seen again beside it, neither.
	was.FoundAt = judged.AddDate(-1, 0, 0)
	if f := only(t, Judge(r, []Finding{was}, judged).Findings); f.Status != FindingOpen {
		t.Errorf("%+v", f)
	}
}

func TestAFindingThatWasNotLookedForStaysOpen(t *testing.T) {
	t.Parallel()
	was := only(t, failedCheck(judged.AddDate(0, 0, -3)).Findings)
	r := soundDrill()
	r.Plan.Checks, r.Checks = r.Plan.Checks[1:], r.Checks[1:]
	got := Judge(r, []Finding{was}, judged)
	if diff := cmp.Diff([]Finding{was}, got.Findings); diff != "" || got.Verdict != VerdictPass {
		t.Error(got.Verdict, diff)
	}
	if !strings.Contains(got.Summary, "Not settled from earlier drills: quarterly/check-failed/users.") || strings.Contains(got.Summary, "Overdue") {
		t.Error(got.Summary)
	}
	// Nor does a cancelled drill close anything.
	r = soundDrill()
	r.Verdict = VerdictAborted
	if got := Judge(r, []Finding{was}, judged); only(t, got.Findings).Status != FindingOpen {
		t.Errorf("%+v", got.Findings)
	}
	// Those of other plans are theirs.
	was.ID = "quarterly-2/check-failed/users"
	if got := Judge(soundDrill(), []Finding{was}, judged); len(got.Findings) != 0 {
		t.Errorf("%+v", got.Findings)
	}
}

func TestAnAcceptedFinding(t *testing.T) {
	t.Parallel()
	was := only(t, failedCheck(judged.AddDate(0, -3, 0)).Findings)
	was.Accepted = &Acceptance{By: "ceo@example.com", Until: judged.Add(time.Hour), Reason: "replaced in May", At: judged.AddDate(0, -2, 0)}
	was.Status = FindingAccepted
	again := soundDrill()
	again.Checks[0].Result = Fail
	got := Judge(again, []Finding{was}, judged)
	if f := only(t, got.Findings); f.Status != FindingAccepted || got.Verdict != VerdictFail || strings.Contains(got.Summary, "Overdue") {
		t.Errorf("%s %+v %s", got.Verdict, f, got.Summary)
	}
	got = Judge(again, []Finding{was}, judged.Add(time.Hour))
	if f := only(t, got.Findings); f.Status != FindingOpen || f.Accepted == nil || !strings.Contains(got.Summary, "Overdue") {
		t.Errorf("%+v %s", f, got.Summary)
	}
	if f := only(t, Judge(soundDrill(), []Finding{was}, judged).Findings); f.Status != FindingClosed {
		t.Errorf("%+v", f)
	}
	// An acceptance that came between two revisions counts.
	bare := was
	bare.Accepted, bare.Status = nil, FindingOpen
	for _, prior := range [][]Finding{{bare, was}, {was, bare}} {
		if f := only(t, Judge(again, prior, judged).Findings); f.Status != FindingAccepted {
			t.Errorf("%+v", f)
		}
	}
}

// A step that was not in the runbook is settled by writing it down and by
// repeating the drill, and by neither alone.
func TestAnUndocumentedStep(t *testing.T) {
	t.Parallel()
	r := soundDrill()
	r.ID = "20260101T060000Z-a"
	r.ManualSteps = []ManualStep{{Text: "Edited pg_hba.conf by hand"}}
	was := only(t, Judge(r, nil, judged.AddDate(0, 0, -1)).Findings)
	accepted := was
	accepted.Accepted = &Acceptance{By: "bea", Until: judged.AddDate(0, 0, 9), Reason: "the file goes next week", At: judged}
	other := was
	other.ID, other.Subject = "quarterly/step-undocumented/x", "Called the bank"
	for name, c := range map[string]struct {
		change  func(*Record)
		prior   Finding
		want    string
		verdict string
	}{
		"repeated":                          {func(*Record) {}, was, FindingOpen, VerdictFail},
		"repeated, another is written down": {func(r *Record) { r.WrittenDown = []string{other.Subject} }, was, FindingOpen, VerdictFail},
		"repeated without a runbook":        {func(r *Record) { r.Plan.Runbook = nil }, was, FindingOpen, VerdictFail},
		"the risk is accepted":              {func(*Record) {}, accepted, FindingAccepted, VerdictPass},
		"cancelled":                         {func(r *Record) { r.Verdict = VerdictAborted }, was, FindingOpen, VerdictAborted},
		"written down and done again": {func(r *Record) {
			r.ManualSteps = []ManualStep{{Text: "edited `pg_hba.conf` by hand.", Documented: true}}
		}, was, FindingClosed, VerdictPass},
		"written down and not needed":    {func(r *Record) { r.WrittenDown = []string{was.Subject} }, was, FindingClosed, VerdictPass},
		"written down, the drill failed": {func(r *Record) { r.WrittenDown, r.Checks[0].Result = []string{was.Subject}, Fail }, was, FindingOpen, VerdictFail},
		"done again as before":           {func(r *Record) { r.ManualSteps = []ManualStep{{Text: "Edited pg_hba.conf  by hand"}} }, was, FindingOpen, VerdictFail},
	} {
		repeated := soundDrill()
		c.change(&repeated)
		got := Judge(repeated, []Finding{c.prior}, judged)
		at := slices.IndexFunc(got.Findings, func(f Finding) bool { return f.ID == c.prior.ID })
		if f := got.Findings[at]; f.Status != c.want || f.Found != was.Found || got.Verdict != c.verdict {
			t.Errorf("%s: %s and %s, want %s and %s: %+v", name, f.Status, got.Verdict, c.want, c.verdict, f)
		}
	}
}

func TestARevisionKeepsWhenItsFindingsWereFound(t *testing.T) {
	t.Parallel()
	r := soundDrill()
	r.Checks[0].Result = Fail
	first := Judge(r, nil, judged)
	first.Revision++
	first.ManualSteps = append(first.ManualSteps, ManualStep{Text: "Restarted the queue by hand"})
	second := Judge(first, nil, judged.AddDate(0, 0, 5))
	if len(second.Findings) != 2 {
		t.Fatalf("%+v", second.Findings)
	}
	for _, f := range second.Findings {
		if late := f.Code == codeUndocumented; late == f.FoundAt.Equal(judged) {
			t.Errorf("%+v", f)
		}
	}
	// What was left behind and is gone by the next revision is no finding any more.
	r = soundDrill()
	r.Isolation.Left = []string{"process 7"}
	r = Judge(r, nil, judged)
	r.Isolation.Left, r.Isolation.TornDown = nil, judged
	if got := Judge(r, nil, judged); len(got.Findings) != 0 || got.Verdict != VerdictPass {
		t.Errorf("%s %+v", got.Verdict, got.Findings)
	}
}

func TestTabletop(t *testing.T) {
	t.Parallel()
	table := func(ticked ...string) Record {
		r := Record{ID: "20260401T060000Z-t", PlanName: "people", Plan: Plan{
			Kind: Tabletop, Owner: "ops@example.com",
			Steps: []string{"Call the duty manager.", "Find the key of the off-site copy", "Call the bank"},
		}}
		for _, text := range ticked {
			r.ManualSteps = append(r.ManualSteps, ManualStep{Text: text})
		}
		return r
	}
	for name, c := range map[string]struct {
		r        Record
		verdict  string
		findings []string
		summary  string
	}{
		"all": {
			table("call the duty manager", "- Find the **key** of the off-site copy", "CALL THE BANK", "Call the bank"), VerdictPass, []string{},
			"The drill passed: all of its 3 steps were walked through.",
		},
		"one is missing": {
			table("Call the duty manager", "call the bank"), VerdictPartial,
			[]string{"minor people/step-not-done/find-the-key-of-the-off-site-copy-4e912128"},
			"step 2 of the checklist was not walked through: Find the key of the off-site copy",
		},
		"none":       {table(), VerdictFail, []string{"major people/nothing-walked-through"}, "no step of the checklist"},
		"other ones": {table("Had lunch together"), VerdictFail, []string{"major people/nothing-walked-through", "major people/step-undocumented/had-lunch-together-87f96988"}, "Had lunch together"},
	} {
		got := Judge(c.r, nil, judged)
		if diff := cmp.Diff(c.findings, open(got)); diff != "" || got.Verdict != c.verdict || !strings.Contains(got.Summary, c.summary) {
			t.Errorf("%s: %s: %s\n%s", name, got.Verdict, got.Summary, diff)
		}
		if got.Objectives.RTOMeasured || got.Objectives.RPOMeasured || strings.Contains(got.Summary, "RTO") {
			t.Errorf("%s: %+v", name, got.Objectives)
		}
	}
	// A tabletop that was cancelled, and one that the next settles.
	r := table("Call the duty manager")
	r.Verdict = VerdictAborted
	if got := Judge(r, nil, judged); got.Verdict != VerdictAborted || len(got.Findings) != 0 {
		t.Errorf("%s %+v", got.Verdict, got.Findings)
	}
	prior := Judge(table("Call the bank"), nil, judged.AddDate(0, 0, -1)).Findings
	next := table("Call the bank", "Call the duty manager")
	next.ID, next.Timeline.Declared = "20260501T060000Z-t", judged
	for _, f := range Judge(next, prior, judged).Findings {
		if closed := f.Retest == next.ID; closed != strings.Contains(f.Subject, "duty manager") {
			t.Errorf("%+v", f)
		}
	}
	// A checklist without steps shows nothing.
	r = table("Had a talk")
	r.Plan.Steps, r.ManualSteps[0].Documented = nil, true
	if got := Judge(r, nil, judged); got.Verdict != VerdictFail {
		t.Error(got.Verdict)
	}
}
