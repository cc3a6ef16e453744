package workflows_test

import (
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// at does something so long after the drill began.
func (r *rehearsal) at(after time.Duration, what func()) { r.RegisterDelayedCallback(what, after) }

// update sends an update whose outcome is kept by its name.
func (r *rehearsal) update(name, kind string, in any) {
	ended := func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.updates[name] = err
	}
	r.UpdateWorkflow(kind, name, &testsuite.TestUpdateCallback{
		OnAccept: func() {}, OnReject: ended, OnComplete: func(_ any, err error) { ended(err) },
	}, in)
}

func (r *rehearsal) sign(who, statement string) {
	r.update(who, workflows.SignOffUpdate, workflows.SignOffInput{Signer: who, Role: "approver", Statement: statement})
}

func (r *rehearsal) refuse(who, statement string) {
	r.update(who, workflows.SignOffUpdate, workflows.SignOffInput{Signer: who, Role: "approver", Statement: statement, Refuse: true})
}

func (r *rehearsal) tell(who, text string) {
	r.update(text, workflows.ManualStepUpdate, workflows.ManualStepInput{By: who, Text: text})
}

// answered wants an update to have ended with an error of a kind, or with none.
func (r *rehearsal) answered(t *testing.T, name string, kind fault.Kind, words ...string) {
	t.Helper()
	err, known := r.updates[name]
	switch {
	case !known:
		t.Errorf("the update %q was not answered", name)
	case err == nil && kind != "", err != nil && workflows.KindOf(err) != kind:
		t.Errorf("the update %q ended with %v, want %q", name, err, kind)
	}
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("the update %q does not say %q: %v", name, word, err)
		}
	}
}

// decided wants one decision, and the state that follows from it.
func (r *rehearsal) decided(t *testing.T, got workflows.DrillResult, state, decision, signer string, revision int) {
	t.Helper()
	if got.State != state || got.SignOff == nil || len(r.decisions) != 1 {
		t.Fatalf("ended as %+v with %+v", got, r.decisions)
	}
	d := r.decisions[0]
	if d != *got.SignOff || d.Decision != decision || d.Signer != signer || d.Revision != revision || d.Record != r.digest(revision) || d.At.IsZero() {
		t.Errorf("the decision is %+v", d)
	}
}

func (r *rehearsal) digest(revision int) string { return "sha-" + string(rune('0'+revision)) }

func TestWhoMaySign(t *testing.T) {
	t.Parallel()
	plan := quarterlyPlan()
	plan.SignOff.Approvers = []string{"ann", "bob", "oli", "eve"}
	r := newRehearsal(t, plan)
	r.meanwhile["restore"] = func() {
		r.at(0, func() {
			r.update("too early", workflows.SignOffUpdate, workflows.SignOffInput{Signer: "ann", Statement: "x"})
		})
	}
	r.at(time.Hour, func() { r.tell("eve", "switch DNS") })
	r.at(2*time.Hour, func() {
		r.sign("bob", "I started it")
		r.sign("oli", "I operate it")
		r.sign("eve", "I did a step")
		r.sign("zoe", "nobody named me")
		r.sign("", "nobody")
		r.update("silent", workflows.SignOffUpdate, workflows.SignOffInput{Signer: "ann", Statement: "  "})
		r.update("long", workflows.SignOffUpdate, workflows.SignOffInput{Signer: "ann", Statement: strings.Repeat("x", 4001)})
		r.update("empty step", workflows.ManualStepUpdate, workflows.ManualStepInput{By: "ann", Text: " "})
		r.update("nobody's step", workflows.ManualStepUpdate, workflows.ManualStepInput{Text: "switch DNS"})
		r.sign("ann", " looked at it ")
		r.update("second", workflows.SignOffUpdate, workflows.SignOffInput{Signer: "ann", Statement: "again"})
		r.tell("ann", "after the signature")
	})
	got := r.run(t, "bob")
	r.answered(t, "too early", fault.Conflict, "not judged yet")
	r.answered(t, "switch DNS", "")
	r.answered(t, "bob", fault.Denied, "started drill")
	r.answered(t, "oli", fault.Denied, "operator")
	r.answered(t, "eve", fault.Denied, "operator")
	r.answered(t, "zoe", fault.Denied, "ann, bob, oli, eve")
	r.answered(t, "", fault.Invalid)
	r.answered(t, "silent", fault.Invalid, "statement")
	r.answered(t, "long", fault.Invalid, "4000")
	r.answered(t, "empty step", fault.Invalid)
	r.answered(t, "nobody's step", fault.Invalid)
	r.answered(t, "ann", "")
	r.answered(t, "second", fault.Conflict, "nothing to sign")
	r.answered(t, "after the signature", fault.Conflict, "before it is signed")
	r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "ann", 2)
	if r.decisions[0].Statement != "looked at it" || r.decisions[0].Role != "approver" {
		t.Errorf("the decision is %+v", r.decisions[0])
	}
	if len(r.records) != 2 || r.records[1].Verdict != drill.VerdictPass || len(r.records[1].ManualSteps) != 1 {
		t.Errorf("%d records", len(r.records))
	}
}

// An account can't sign what was done from it, with no key and with none that its configuration has.
func TestWhoMaySignAtTheCommandLine(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	as := func(who, account string) {
		r.update(who+" at "+account, workflows.SignOffUpdate, workflows.SignOffInput{
			Signer: who, Role: "admin", Statement: "fine", CommandLine: drill.CommandLine{Account: account, Holds: "admin"},
		})
	}
	r.startedFrom.Account = "cli:root"
	r.at(time.Hour, func() {
		r.update("step", workflows.ManualStepUpdate, workflows.ManualStepInput{
			By: "cli:eve", Text: "switch DNS", CommandLine: drill.CommandLine{Account: "cli:eve"},
		})
	})
	r.at(2*time.Hour, func() {
		as("cli:root", "cli:root")
		as("bob", "cli:ann")
		as("cli:eve", "cli:eve")
		as("admin", "cli:eve")
		as("admin", "cli:root")
		as("ann", "cli:root")
	})
	got := r.run(t, "bob")
	r.answered(t, "cli:root at cli:root", fault.Denied, "started drill")
	r.answered(t, "bob at cli:ann", fault.Denied, "started drill")
	r.answered(t, "cli:eve at cli:eve", fault.Denied, "operator")
	r.answered(t, "admin at cli:eve", fault.Denied, "operator")
	r.answered(t, "admin at cli:root", fault.Denied, "started drill", "admin, used by cli:root")
	r.answered(t, "ann at cli:root", "")
	r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "ann", 2)
	last := r.records[len(r.records)-1]
	if got.SignOff.Account != "cli:root" || last.Identity.Account != "cli:root" || last.ManualSteps[0].Account != "cli:eve" {
		t.Errorf("the accounts are not recorded: %+v %+v %+v", got.SignOff, last.Identity, last.ManualSteps)
	}
}

func TestRefusalSendsTheDrillBack(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.at(time.Hour, func() { r.refuse("ann", "the page was empty") })
	got := r.run(t, "bob")
	r.answered(t, "ann", "")
	r.decided(t, got, drill.StateRefused, drill.DecisionRefused, "ann", 1)
	if len(r.records) != 2 || r.records[1].Revision != 2 || r.records[1].Verdict != drill.VerdictFail || got.Verdict != drill.VerdictFail || got.Revision != 2 {
		t.Fatalf("%d records, %+v", len(r.records), got)
	}
	if f := got.Findings; len(f) != 1 || f[0].Code != "sign-off-refused" || !strings.Contains(f[0].Cause, "the page was empty") || f[0].Owner != "ops" {
		t.Errorf("findings: %+v", f)
	}
}

// A drill of somebody who signs nothing is reminded of every day, and expires.
func TestRemindersAndExpiry(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.fail["remind"] = forGood(fault.Corrupt)
	got := r.run(t, "bob")
	r.decided(t, got, drill.StateExpired, drill.DecisionExpired, "", 1)
	judged := r.records[0].Timeline.Judged
	if at := r.decisions[0].At; at.Before(judged.Add(14*day)) || at.After(judged.Add(14*day+time.Hour)) {
		t.Errorf("expired at %v, judged at %v", at, judged)
	}
	if len(r.reminders) != 13 || got.Reminders != 13 || len(r.records) != 1 {
		t.Errorf("%d reminders, %d records", len(r.reminders), len(r.records))
	}
	for i, reminder := range r.reminders {
		if reminder.Number != i+1 || !reminder.Expires.Equal(judged.Add(14*day)) || reminder.Verdict != drill.VerdictPass {
			t.Errorf("reminder %+v", reminder)
		}
	}
	if err := r.GetWorkflowError(); err != nil {
		t.Error(err)
	}
}

// Without an interval nobody is reminded, whatever else happens.
func TestNoReminders(t *testing.T) {
	t.Parallel()
	plan := quarterlyPlan()
	plan.SignOff.Remind = 0
	r := newRehearsal(t, plan)
	r.at(day, func() { r.tell("oli", "switch DNS") })
	got := r.run(t, "bob")
	r.decided(t, got, drill.StateExpired, drill.DecisionExpired, "", 2)
	if len(r.reminders) != 0 || got.Reminders != 0 {
		t.Errorf("reminders: %+v", r.reminders)
	}
}

func TestManualSteps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, verdict string
		findings      int
	}{
		"in the runbook":     {"switch DNS", drill.VerdictPass, 0},
		"not in the runbook": {"edited pg_hba.conf", drill.VerdictFail, 1},
	} {
		t.Run(name+", before the verdict", func(t *testing.T) {
			t.Parallel()
			r := newRehearsal(t, quarterlyPlan())
			r.at(30*time.Second, func() { r.tell("oli", c.text) })
			r.at(time.Hour, func() { r.sign("ann", "fine") })
			got := r.run(t, "bob")
			r.answered(t, c.text, "")
			r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "ann", 1)
			if len(r.records) != 1 || got.Verdict != c.verdict || len(got.Findings) != c.findings {
				t.Errorf("%d records, %+v", len(r.records), got)
			}
		})
		t.Run(name+", after the verdict", func(t *testing.T) {
			t.Parallel()
			r := newRehearsal(t, quarterlyPlan())
			r.at(time.Hour, func() { r.tell("oli", c.text) })
			r.at(2*time.Hour, func() { r.sign("ann", "fine") })
			got := r.run(t, "bob")
			r.answered(t, c.text, "")
			r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "ann", 2)
			if len(r.records) != 2 || r.records[0].Verdict != drill.VerdictPass || got.Verdict != c.verdict || len(got.Findings) != c.findings {
				t.Errorf("%d records, %+v", len(r.records), got)
			}
			if !r.records[0].Timeline.Judged.Equal(r.records[1].Timeline.Judged) {
				t.Error("a later revision moved the moment of the verdict")
			}
		})
		t.Run(name+", while the record is filed", func(t *testing.T) {
			t.Parallel()
			r := newRehearsal(t, quarterlyPlan())
			r.meanwhile["record"] = func() { r.tell("oli", c.text) }
			r.meanwhile["look up"] = func() { r.at(0, func() { r.sign("too soon", "fine") }) }
			r.at(2*time.Hour, func() { r.sign("ann", "fine") })
			got := r.run(t, "bob")
			r.answered(t, c.text, "")
			r.answered(t, "too soon", fault.Conflict)
			// The signature is on the record that has the step.
			last := r.records[len(r.records)-1]
			r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "ann", last.Revision)
			if len(last.ManualSteps) != 1 || got.Verdict != c.verdict {
				t.Errorf("%d records, %+v", len(r.records), got)
			}
		})
	}
}
