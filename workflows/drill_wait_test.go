package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// An environment that is kept outlives the verdict, and no longer than its time.
func TestKeptEnvironment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signed  time.Duration
		state   string
		between func(*rehearsal)
	}{
		"signed before it is torn down": {signed: day, state: drill.StateSigned},
		"signed after it is torn down":  {signed: 3 * day, state: drill.StateSigned},
		"never signed":                  {state: drill.StateExpired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := quarterlyPlan()
			plan.Keep = drill.Duration(2 * day)
			r := newRehearsal(t, plan)
			if c.signed > 0 {
				r.at(c.signed, func() { r.sign("ann", "fine") })
			}
			r.at(47*time.Hour, func() {
				if r.count("tear down") > 0 {
					t.Error("it was torn down before its time")
				}
			})
			got := r.run(t, "bob")
			if got.State != c.state || r.count("tear down") != 1 || len(r.gone) != 1 || len(r.records) != 1 || got.Verdict != drill.VerdictPass {
				t.Fatalf("%+v, %+v, %q", got, r.gone, r.calls)
			}
			judged := r.records[0].Timeline.Judged
			if at := r.gone[0].At; at.Before(judged.Add(2*day)) || at.After(judged.Add(2*day+time.Hour)) || len(got.Servers) > 0 {
				t.Errorf("torn down at %v, judged at %v; %+v", at, judged, got.Servers)
			}
		})
	}
}

// A restore test is signed by nobody, and ends by itself.
func TestRestoreTestClosesByItself(t *testing.T) {
	t.Parallel()
	plan := quarterlyPlan()
	plan.Kind, plan.Runbook = drill.RestoreTest, nil
	plan.Sanitize, plan.Start, plan.Checks, plan.Reconcile = nil, nil, nil, nil
	r := newRehearsal(t, plan)
	got := r.run(t, "")
	want := []string{"declare", "isolate", "select main", "select redis", "restore", "restore", "try", "tear down", "record", "prove", "prove"}
	if !slices.Equal(sorted(r.calls), want) || got.State != drill.StateClosed || got.Verdict != drill.VerdictPass || len(r.reminders) > 0 {
		t.Errorf("%q, %+v", sorted(r.calls), got)
	}
}

// What an operator tells while a drill that nobody signs is filed is not lost.
func TestStepToldAtTheLastMoment(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"record", "prove"} {
		plan := quarterlyPlan()
		no := false
		plan.SignOff.Required = &no
		r := newRehearsal(t, plan)
		r.meanwhile[call] = func() { r.tell("oli", "edited pg_hba.conf") }
		got := r.run(t, "bob")
		last := r.records[len(r.records)-1]
		switch err := r.updates["edited pg_hba.conf"]; {
		case err == nil && (len(last.ManualSteps) != 1 || got.Verdict != drill.VerdictFail):
			t.Errorf("told in %q: the step was taken and is in no record: %+v", call, got)
		case err != nil && (len(last.ManualSteps) != 0 || got.Verdict != drill.VerdictPass):
			t.Errorf("told in %q: the step was not taken and is in a record: %v, %+v", call, err, got)
		}
		if got.State != drill.StateClosed || got.Revision != len(r.records) {
			t.Errorf("told in %q: %+v", call, got)
		}
	}
}

func TestAnnualDrillProvesWhatItUsed(t *testing.T) {
	t.Parallel()
	plan := quarterlyPlan()
	plan.Kind = drill.AnnualFull
	r := newRehearsal(t, plan)
	r.at(day, func() { r.sign("ann", "fine") })
	got := r.run(t, "bob")
	if u := r.records[0].Untouched; u == nil || len(u.Fenced) != 1 || got.Verdict != drill.VerdictPass || r.count("prove untouched") != 1 {
		t.Errorf("%+v, %+v", u, got)
	}
	// What the proof is read from is there until the record is filed.
	if at := slices.Index(r.calls, "lower"); at < slices.Index(r.calls, "record") || r.count("lower") != 1 {
		t.Errorf("steps: %q", r.calls)
	}
	r = newRehearsal(t, plan)
	r.fail["prove untouched"] = forGood(fault.Missing)
	if got := r.run(t, "bob"); got.Verdict != drill.VerdictFail || r.records[0].Untouched != nil {
		t.Errorf("%+v", got)
	}
}

func tabletopPlan() drill.Plan {
	return drill.Plan{
		Kind: drill.Tabletop, Steps: []string{"who calls whom", "where the keys are"}, Owner: "ops",
		SignOff: drill.SignOff{Within: drill.Duration(7 * day), Remind: drill.Duration(day)},
	}
}

func TestTabletop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ticked  []string
		verdict string
		codes   []string
	}{
		"all steps": {[]string{"Who calls whom", "where the keys  are"}, drill.VerdictPass, nil},
		"one step":  {[]string{"who calls whom"}, drill.VerdictFail, []string{"tabletop-failed", "step-not-done"}},
		"no step":   {nil, drill.VerdictFail, []string{"nothing-walked-through", "tabletop-failed"}},
		"a step that is none": {
			[]string{"who calls whom", "where the keys are", "drank coffee"}, drill.VerdictPass, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRehearsal(t, tabletopPlan())
			for i, text := range c.ticked {
				r.at(time.Duration(i+1)*time.Hour, func() { r.tell("oli", text) })
			}
			// Who took part may sign a tabletop: there is no operator.
			r.at(8*day, func() { r.sign("oli", "we talked it through") })
			if len(c.ticked) > 1 {
				r.at(4*time.Hour, func() { r.sign("oli", "we talked it through") })
			}
			got := r.run(t, "bob")
			if len(c.ticked) == 3 {
				// The third one came after the verdict, and is in no runbook.
				c.verdict, c.codes = drill.VerdictFail, []string{"step-undocumented"}
			}
			if got.State != drill.StateSigned || got.Verdict != c.verdict || r.count("tear down") > 0 || len(got.Findings) != len(c.codes) {
				t.Fatalf("%+v, %q", got, r.calls)
			}
			for i, f := range got.Findings {
				if f.Code != c.codes[i] {
					t.Errorf("finding %+v, want %s", f, c.codes[i])
				}
			}
			if !slices.Equal(r.calls[:1], []string{"declare"}) || r.count("isolate") > 0 {
				t.Errorf("steps %q", r.calls)
			}
		})
	}
}

// People and deadlines that meet: every drill gets one decision, and whoever
// was told that it was taken finds it in the ledger.
func TestUpdatesAtTheDeadline(t *testing.T) {
	t.Parallel()
	for _, early := range []time.Duration{-time.Minute, -time.Second, 0, time.Second, time.Minute} {
		for name, act := range map[string]func(*rehearsal){
			"sign":   func(r *rehearsal) { r.sign("ann", "fine") },
			"refuse": func(r *rehearsal) { r.refuse("ann", "not fine") },
			"tell":   func(r *rehearsal) { r.tell("oli", "switch DNS") },
			"tell, then sign": func(r *rehearsal) {
				r.tell("oli", "switch DNS")
				r.sign("ann", "fine")
			},
		} {
			t.Run(name+" at "+early.String(), func(t *testing.T) {
				t.Parallel()
				r := newRehearsal(t, quarterlyPlan())
				// The deadline counts from the verdict, which is a minute after the beginning.
				r.at(time.Minute+14*day+early, func() { act(r) })
				got := r.run(t, "bob")
				if len(r.decisions) != 1 || got.SignOff == nil || r.GetWorkflowError() != nil {
					t.Fatalf("%d decisions: %+v, %v", len(r.decisions), got, r.GetWorkflowError())
				}
				if err, told := r.updates["ann"]; told && (err == nil) != (got.SignOff.Signer == "ann") {
					t.Errorf("signing ended with %v, the drill is %+v", err, got.SignOff)
				}
				last := r.records[len(r.records)-1]
				if err, told := r.updates["switch DNS"]; told && (err == nil) != (len(last.ManualSteps) == 1) {
					t.Errorf("the step ended with %v, recorded are %+v", err, last.ManualSteps)
				}
				if got.State != drill.StateRefused && got.SignOff.Revision != last.Revision {
					t.Errorf("decided on revision %d of %d", got.SignOff.Revision, last.Revision)
				}
			})
		}
	}
}

// A signature whose filing takes until after a reminder, or after the deadline, counts.
func TestSignatureThatTakesLong(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Duration{day - 4*time.Minute, 14*day - 4*time.Minute} {
		r := newRehearsal(t, quarterlyPlan())
		r.deciding.After(9 * time.Minute)
		r.at(time.Minute+at, func() { r.sign("ann", "fine") })
		got := r.run(t, "bob")
		r.answered(t, "ann", "")
		r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "ann", 1)
		if want := int((at - 1) / day); got.Reminders != want {
			t.Errorf("%d reminders, want %d", got.Reminders, want)
		}
		if took := r.Now().Sub(r.decisions[0].At); took < 9*time.Minute {
			t.Errorf("filing the decision took %v", took)
		}
	}
}

// A step is taken once a record has it, and until then nobody signs the record
// that lacks it.
func TestSignatureWhileAStepIsRecorded(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.looking.After(time.Minute)
	r.recording.After(9 * time.Minute)
	r.at(time.Hour, func() { r.tell("oli", "edited pg_hba.conf") })
	r.at(time.Hour+30*time.Second, func() { r.update("while it is looked up", workflows.SignOffUpdate, signature) })
	r.at(time.Hour+5*time.Minute, func() {
		r.update("while it is recorded", workflows.SignOffUpdate, signature)
		if _, answered := r.updates["edited pg_hba.conf"]; answered {
			t.Error("the step was taken before it was recorded")
		}
	})
	r.at(2*time.Hour, func() { r.sign("ann", "fine") })
	got := r.run(t, "bob")
	r.answered(t, "edited pg_hba.conf", "")
	r.answered(t, "while it is looked up", fault.Conflict, "being recorded")
	r.answered(t, "while it is recorded", fault.Conflict, "being recorded")
	r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "ann", 2)
}

// A step that is being recorded is recorded, also when the drill is cancelled.
func TestStepRecordedAndCancelled(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.recording.After(9 * time.Minute)
	r.at(time.Hour, func() { r.tell("oli", "edited pg_hba.conf") })
	r.at(time.Hour+5*time.Minute, r.CancelWorkflow)
	got := r.run(t, "bob")
	r.answered(t, "edited pg_hba.conf", "")
	r.decided(t, got, drill.StateExpired, drill.DecisionExpired, "", 2)
	if len(r.records) != 2 || got.Verdict != drill.VerdictFail {
		t.Errorf("%d records, %+v", len(r.records), got)
	}
}

// Once the ledger has the record, the drill can be signed, also where the run
// has something to do still.
func TestSignedAtOnce(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.meanwhile["prove"] = func() { r.sign("ann", "fine") }
	got := r.run(t, "bob")
	r.answered(t, "ann", "")
	r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "ann", 1)
	if len(r.reminders) > 0 {
		t.Errorf("reminders: %+v", r.reminders)
	}
}

var signature = workflows.SignOffInput{Signer: "ann", Role: "approver", Statement: "fine"}

// A step that is looked up while the drill expires, or closes, comes too late.
func TestStepThatComesTooLate(t *testing.T) {
	t.Parallel()
	no := false
	for name, c := range map[string]struct {
		required *bool
		at       time.Duration
		state    string
	}{
		"expired": {nil, time.Minute + 14*day - 30*time.Second, drill.StateExpired},
		"closed":  {&no, 30 * time.Second, drill.StateClosed},
	} {
		plan := quarterlyPlan()
		plan.SignOff.Required = c.required
		r := newRehearsal(t, plan)
		r.looking.After(time.Minute)
		r.at(c.at, func() { r.tell("oli", "edited pg_hba.conf") })
		got := r.run(t, "bob")
		r.answered(t, "edited pg_hba.conf", fault.Conflict, c.state)
		if len(r.records) != 1 || len(r.records[0].ManualSteps) > 0 || got.State != c.state || got.Verdict != drill.VerdictPass {
			t.Errorf("%s: %d records, %+v", name, len(r.records), got)
		}
	}
}
