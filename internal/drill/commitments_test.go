package drill

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var inForce = map[string]string{"store:offsite": "s1", "surface:main": "m1", "keys": "k1", "plan": "p1", "route-switch": "r1", "version": "v1"}

// drilled is a summary of the plan quarterly that passed.
func drilled(id, verdict string, signed time.Time) Summary {
	s := Summary{
		ID: id, Plan: "quarterly", Kind: Quarterly, Revision: 1, Verdict: verdict, Parts: inForce, NeedsSignOff: true,
		Surfaces: []string{"main"}, Stores: []string{"offsite"}, Selections: []string{SelectLatest},
		Objectives: Objectives{RTOTarget: 1800, RTOSeconds: 700, RTOMeasured: true, RPOTarget: 60, RPOSeconds: 20, RPOMeasured: true},
	}
	if !signed.IsZero() {
		s.SignOff = &SignedOff{DrillID: id, Revision: 1, Decision: DecisionSigned, Signer: "ann", At: signed}
	}
	return s
}

func stateOf(drills ...Summary) PlanState {
	return PlanState{
		Plan: Plan{
			Kind: Quarterly, Surfaces: []string{"main"}, SignOff: SignOff{Validity: Duration(100 * day)},
			Targets: Targets{RTO: Duration(30 * time.Minute), RPO: Duration(time.Minute)},
		},
		Parts: maps.Clone(inForce), Last: drills, NextDue: judged.AddDate(0, 1, 0),
	}
}

// A drill whose points a request chose, or that read another store than the plan
// does, proves nothing of the plan, and takes no older proof back.
func TestADrillBesideThePlanProvesNothing(t *testing.T) {
	t.Parallel()
	signed := judged.Add(-time.Hour)
	for reason, change := range map[string]func(*Summary){
		"the recovery point of main was chosen by whoever started it":                func(s *Summary) { s.Overridden = []string{"main"} },
		"main was read from the store primary, from which the plan does not read it": func(s *Summary) { s.Stores = []string{"primary"} },
	} {
		beside := drilled("3", VerdictPass, signed)
		change(&beside)
		alone := Commit(map[string]PlanState{"quarterly": stateOf(beside)}, judged)[0]
		if alone.State != Unproven || alone.Reason != "the last drill, 3, proves nothing of the plan: "+reason {
			t.Errorf("%+v", alone)
		}
		both := Commit(map[string]PlanState{"quarterly": stateOf(beside, drilled("2", VerdictPass, signed))}, judged)[0]
		if both.State != Proven || both.Drill != "2" {
			t.Errorf("%+v", both)
		}
	}
	// What a service recovers is in no store.
	managed := drilled("3", VerdictPass, signed)
	managed.Stores = []string{""}
	if c := Commit(map[string]PlanState{"quarterly": stateOf(managed)}, judged)[0]; c.State != Proven {
		t.Errorf("%+v", c)
	}
}

// Drills of a plan may overlap: what became of one that began earlier counts
// from when it was known.
func TestADrillBesideAProofTakesItBack(t *testing.T) {
	t.Parallel()
	at := func(hours int) time.Time { return judged.Add(time.Duration(hours-24) * time.Hour) }
	timed := func(s Summary, declared, judged int) Summary {
		s.Declared, s.Judged = at(declared), at(judged)
		return s
	}
	proof := timed(drilled("2", VerdictPass, at(8)), 3, 5)
	told := timed(drilled("1", VerdictFail, time.Time{}), 1, 2)
	told.FailedAt = at(6)
	refusal := func(hours int) Summary {
		s := decided(timed(drilled("1", VerdictPass, at(hours)), 1, 2), DecisionRefused, 1)
		s.SignOff.At = at(hours)
		return s
	}
	for name, c := range map[string]struct {
		other  Summary
		reason string
	}{
		"failed before":                  {timed(drilled("1", VerdictFail, time.Time{}), 1, 2), "drill 2 passed and was signed"},
		"failed beside it":               {timed(drilled("1", VerdictFail, time.Time{}), 1, 4), "drill 1 failed since 2 began"},
		"failed by a step told later":    {told, "drill 1 failed since 2 began"},
		"refused before it was signed":   {refusal(7), "drill 2 passed and was signed"},
		"refused after it was signed":    {refusal(9), "drill 1 was not signed: ann refused"},
		"still waits for its signature":  {timed(drilled("1", VerdictPass, time.Time{}), 1, 2), "drill 2 passed and was signed"},
		"cancelled while the proof went": {timed(drilled("1", VerdictAborted, time.Time{}), 1, 4), "drill 2 passed and was signed"},
	} {
		c2 := Commit(map[string]PlanState{"quarterly": stateOf(c.other, proof)}, judged)[0]
		if !strings.HasPrefix(c2.Reason, c.reason) || (c2.State == Proven) != strings.Contains(c.reason, "passed and") {
			t.Errorf("%s: %s: %s", name, c2.State, c2.Reason)
		}
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	now := judged
	recently, longAgo := now.AddDate(0, 0, -10), now.AddDate(0, 0, -101)
	failed := drilled("3", VerdictFail, time.Time{})
	failed.Findings = []Finding{{Cause: "an old one"}, {Seen: "3", Cause: "main could not be restored: part 7 is gone"}}
	for name, c := range map[string]struct {
		state  PlanState
		proven bool
		reason string
		drill  string
	}{
		"never drilled":  {stateOf(), false, "never drilled", ""},
		"only cancelled": {stateOf(drilled("1", VerdictAborted, time.Time{})), false, "never drilled to the end: the last drill, 1, was cancelled", "1"},
		"running":        {stateOf(drilled("1", "", time.Time{})), false, "never drilled", ""},
		"signed pass":    {stateOf(drilled("1", VerdictPass, recently)), true, "drill 1 passed and was signed by ann on 2026-03-22", "1"},
		"failed":         {stateOf(failed), false, "the last drill, 3, failed: main could not be restored: part 7 is gone", "3"},
		"passed in part": {stateOf(drilled("1", VerdictPartial, recently)), false, "the last drill, 1, passed in part", "1"},
		"not signed yet": {stateOf(drilled("1", VerdictPass, time.Time{})), false, "passed but not signed: drill 1 waits for its sign-off", "1"},
		"refused": {stateOf(decided(drilled("1", VerdictPass, recently), DecisionRefused, 1)), false,
			"drill 1 was not signed: ann refused: the page was empty", "1"},
		"expired":                  {stateOf(decided(drilled("1", VerdictPass, recently), DecisionExpired, 1)), false, "passed but not signed: nobody signed drill 1 in time", "1"},
		"an older revision signed": {stateOf(decided(drilled("1", VerdictPass, recently), DecisionSigned, 0)), false, "passed but not signed", "1"},
		"no sign-off asked for": {change(stateOf(drilled("1", VerdictPass, time.Time{})), func(s *PlanState) { s.Plan.SignOff.Required = new(bool) }), false,
			"passed but not signed: the plan asks for no sign-off", "1"},
		"too old":          {stateOf(drilled("1", VerdictPass, longAgo)), false, "signature older than 100d: drill 1 was signed on 2025-12-21", "1"},
		"the newest":       {stateOf(drilled("1", VerdictPass, longAgo), drilled("2", VerdictPass, recently)), true, "drill 2 passed", "2"},
		"failed before":    {stateOf(drilled("4", VerdictPass, recently), failed), true, "drill 4 passed", "4"},
		"failed later":     {stateOf(failed, drilled("1", VerdictPass, recently)), false, "a later drill, 3, failed: main could not be restored", "1"},
		"refused later":    {stateOf(decided(drilled("2", VerdictPass, recently), DecisionRefused, 1), drilled("1", VerdictPass, recently)), false, "drill 2 was not signed: ann refused", "1"},
		"unsigned later":   {stateOf(drilled("2", VerdictPass, time.Time{}), drilled("1", VerdictPass, recently)), true, "drill 1 passed", "1"},
		"cancelled later":  {stateOf(drilled("2", VerdictAborted, time.Time{}), drilled("1", VerdictPass, recently)), true, "drill 1 passed", "1"},
		"a revision later": {stateOf(change2(drilled("1", VerdictFail, time.Time{}), func(s *Summary) { s.Revision = 2 }), drilled("1", VerdictPass, recently)), false, "the last drill, 1, failed", "1"},
		"changed": {change(stateOf(drilled("1", VerdictPass, recently)), func(s *PlanState) { s.Parts["store:offsite"], s.Parts["keys"] = "s2", "k2" }), false,
			"changed since drill 1: keys, store offsite", "1"},
		"a part more":  {change(stateOf(drilled("1", VerdictPass, recently)), func(s *PlanState) { s.Parts["store:primary"] = "x" }), false, "changed since drill 1: store primary", "1"},
		"a part less":  {change(stateOf(drilled("1", VerdictPass, recently)), func(s *PlanState) { delete(s.Parts, "version") }), false, "changed since drill 1: version", "1"},
		"no parts":     {stateOf(change2(drilled("1", VerdictPass, recently), func(s *Summary) { s.Parts = nil })), false, "it kept no fingerprints", "1"},
		"both empty":   {change(stateOf(change2(drilled("1", VerdictPass, recently), func(s *Summary) { s.Parts = nil })), func(s *PlanState) { s.Parts = nil }), false, "it kept no fingerprints", "1"},
		"other target": {change(stateOf(drilled("1", VerdictPass, recently)), func(s *PlanState) { s.Plan.Targets.RTO = Duration(time.Minute) }), false, "changed since drill 1: targets; drill 1 measured an RTO of 11m40s, and the target is 1m0s", "1"},
		"not measured": {stateOf(change2(drilled("1", VerdictPass, recently), func(s *Summary) { s.Objectives.RPOMeasured = false })), false, "drill 1 measured no RPO", "1"},
		"no target": {change(stateOf(change2(drilled("1", VerdictPass, recently), noTargets)), func(s *PlanState) { s.Plan.Targets = Targets{} }), false,
			"no target is set, so nothing is promised", "1"},
		"another plan's": {stateOf(change2(drilled("1", VerdictPass, recently), func(s *Summary) { s.Plan = "nightly" })), false, "never drilled", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Commit(map[string]PlanState{"quarterly": c.state}, now)
			if len(got) != 1 {
				t.Fatalf("%+v", got)
			}
			one := got[0]
			if (one.State == Proven) != c.proven || !strings.Contains(one.Reason, c.reason) || one.Drill != c.drill {
				t.Errorf("%s by %q: %s", one.State, one.Drill, one.Reason)
			}
			if (one.RTOSeconds == 1800) != c.proven || (one.RPOSeconds == 60) != c.proven || !c.proven && one.RTOSeconds+one.RPOSeconds > 0 {
				t.Errorf("promised: %v and %v", one.RTOSeconds, one.RPOSeconds)
			}
		})
	}
}

func change(s PlanState, f func(*PlanState)) PlanState {
	f(&s)
	return s
}

func change2(s Summary, f func(*Summary)) Summary {
	f(&s)
	return s
}

func decided(s Summary, decision string, revision int) Summary {
	d := *s.SignOff
	d.Decision, d.Revision, d.Statement = decision, revision, "the page was empty"
	s.SignOff = &d
	return s
}

func noTargets(s *Summary) { s.Objectives.RTOTarget, s.Objectives.RPOTarget = 0, 0 }

func TestCommitmentInFull(t *testing.T) {
	t.Parallel()
	signedAt := judged.AddDate(0, 0, -10)
	s := change(stateOf(drilled("1", VerdictPass, signedAt)), func(s *PlanState) {
		s.Overdue = true
		s.Open = []Finding{{ID: "quarterly/b"}, {ID: "quarterly/c", Status: FindingClosed}, {ID: "quarterly/a", Status: FindingAccepted}}
		s.Plan.Targets.RPO = 0
		s.Last[0].Objectives.RPOTarget = 0
	})
	rto, rpo := 700., 20.
	want := []Commitment{{
		Plan: "quarterly", Kind: Quarterly, Surfaces: []string{"main"}, State: Proven,
		Reason:     "drill 1 passed and was signed by ann on 2026-03-22; no RPO target is set, so none is promised",
		RTOSeconds: 1800, RTOTarget: 1800, MeasuredRTO: &rto, MeasuredRPO: &rpo, Drill: "1", SignedBy: "ann",
		ProvenAt: signedAt, ValidUntil: signedAt.AddDate(0, 0, 100), NextDue: judged.AddDate(0, 1, 0), Overdue: true,
		Changed: []string{}, OpenFindings: []string{"quarterly/a", "quarterly/b"},
	}}
	if diff := cmp.Diff(want, Commit(map[string]PlanState{"quarterly": s}, judged)); diff != "" {
		t.Error(diff)
	}
	if got := Commit(nil, judged); got == nil || len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// A tabletop promises nothing, also when it passed and was signed. That one is
// overdue, and what it has found, is told of it as of any other plan.
func TestCommitmentOfATabletop(t *testing.T) {
	t.Parallel()
	s := change(stateOf(drilled("1", VerdictPass, judged.AddDate(0, 0, -10))), func(s *PlanState) {
		s.Plan = Plan{Kind: Tabletop}
		s.Overdue = true
		s.Open = []Finding{{ID: "people/a"}}
	})
	want := []Commitment{{
		Plan: "quarterly", Kind: Tabletop, Surfaces: []string{}, State: Unproven, Reason: "a tabletop promises nothing",
		Drill: "1", NextDue: judged.AddDate(0, 1, 0), Overdue: true, OpenFindings: []string{"people/a"},
	}}
	if diff := cmp.Diff(want, Commit(map[string]PlanState{"quarterly": s}, judged)); diff != "" {
		t.Error(diff)
	}
}

func TestValidFor(t *testing.T) {
	t.Parallel()
	for kind, days := range map[string]int{"": 100, Quarterly: 100, AnnualFull: 400, RestoreTest: 8} {
		if got := (Plan{Kind: kind}).ValidFor(); got != time.Duration(days)*day {
			t.Errorf("%s: %v", kind, got)
		}
	}
	if got := (Plan{SignOff: SignOff{Validity: Duration(day)}}).ValidFor(); got != day {
		t.Error(got)
	}
}

// TestCommitHolds makes random histories: nothing is proven without a signed
// pass that is young enough and of the very parts in force, and the order in
// which the drills are handed over does not matter.
func TestCommitHolds(t *testing.T) {
	t.Parallel()
	verdicts := []string{VerdictPass, VerdictPass, VerdictFail, VerdictPartial, VerdictAborted, ""}
	proven := 0
	for seed := range uint64(1000) {
		random := rand.New(rand.NewPCG(seed, 9))
		var drills []Summary
		for range random.IntN(5) {
			at := time.Time{}
			if random.IntN(2) == 0 {
				at = judged.AddDate(0, 0, -random.IntN(150))
			}
			d := drilled(string(rune('a'+random.IntN(5))), verdicts[random.IntN(len(verdicts))], at)
			d.Revision = 1 + random.IntN(2)
			if random.IntN(4) == 0 {
				d.Parts = map[string]string{"keys": "other"}
			}
			if !slices.ContainsFunc(drills, func(o Summary) bool { return o.ID == d.ID && o.Revision == d.Revision }) {
				drills = append(drills, d)
			}
		}
		got := Commit(map[string]PlanState{"quarterly": stateOf(drills...)}, judged)[0]
		shuffle(random, &drills)
		if diff := cmp.Diff(got, Commit(map[string]PlanState{"quarterly": stateOf(drills...)}, judged)[0]); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		if got.Reason == "" {
			t.Fatalf("seed %d: no reason", seed)
		}
		if got.State != Proven {
			continue
		}
		proven++
		for _, d := range latest("quarterly", drills) {
			if d.ID > got.Drill && d.Verdict == VerdictFail {
				t.Fatalf("seed %d: %s failed after %s", seed, d.ID, got.Drill)
			}
			if d.ID == got.Drill && (d.Verdict != VerdictPass || !d.signed() || judged.Sub(d.SignOff.At) >= 100*day || !maps.Equal(d.Parts, inForce)) {
				t.Fatalf("seed %d: proven by %+v", seed, d)
			}
		}
	}
	if proven < 20 {
		t.Errorf("only %d histories proved anything", proven)
	}
}
