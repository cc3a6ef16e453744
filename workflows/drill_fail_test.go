package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Whatever step fails for good, there is one verdict, one record of it, and
// nothing is left.
func TestEveryStepFailsForGood(t *testing.T) {
	t.Parallel()
	for call, c := range map[string]struct {
		verdict string
		// findings are their IDs below the plan, not are calls that don't come any more.
		findings []string
		not      []string
	}{
		"isolate":      {drill.VerdictFail, []string{"isolate-failed"}, []string{"select main", "restore", "check ping"}},
		"select main":  {drill.VerdictFail, []string{"select-points-failed/main"}, []string{"sanitise", "check ping", "reconcile"}},
		"select redis": {drill.VerdictFail, []string{"select-points-failed/redis"}, []string{"sanitise", "start"}},
		"restore":      {drill.VerdictFail, []string{"restore-corrupt/main", "restore-corrupt/redis"}, []string{"sanitise", "start", "check ping"}},
		"sanitise":     {drill.VerdictFail, []string{"sanitise-failed"}, []string{"try", "start", "check ping", "reconcile"}},
		"try":          {drill.VerdictFail, []string{"sanitise-failed"}, []string{"start", "check ping", "reconcile"}},
		"start":        {drill.VerdictFail, []string{"program-failed/api"}, []string{"check ping", "reconcile"}},
		"check ping":   {drill.VerdictFail, []string{"check-failed/ping"}, nil},
		"check users":  {drill.VerdictFail, []string{"check-failed/users"}, nil},
		"reconcile":    {drill.VerdictFail, []string{"query-unreachable/orders"}, nil},
		"tear down":    {drill.VerdictFail, []string{"left-behind", "tear-down-failed"}, nil},
		"prove":        {drill.VerdictPass, nil, nil},
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			r := newRehearsal(t, quarterlyPlan())
			r.fail[call] = forGood(fault.Corrupt)
			r.at(day/2, func() { r.sign("ann", "seen") })
			got := r.run(t, "bob")
			if err := r.GetWorkflowError(); err != nil || got.Verdict != c.verdict || len(r.records) != 1 || r.records[0].Verdict != c.verdict {
				t.Errorf("ended with %v: %+v, %d records", err, got, len(r.records))
			}
			r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "ann", 1)
			var open []string
			for _, f := range got.Findings {
				open = append(open, strings.TrimPrefix(f.ID, "quarterly/"))
				if !strings.Contains(f.Cause, "it is corrupt") {
					t.Errorf("the cause of %s is %s", f.ID, f.Cause)
				}
			}
			slices.Sort(open)
			if !slices.Equal(open, c.findings) {
				t.Errorf("findings %q, want %q", open, c.findings)
			}
			for _, not := range c.not {
				if r.count(not) > 0 {
					t.Errorf("%s was done after %s had failed", not, call)
				}
			}
			// What could not be removed is tried again, and then told.
			if n := r.count("tear down"); n != 1 && (call != "tear down" || n != 6 || len(r.gone) != 5 || len(r.gone[4].Left) != 1 || r.gone[4].Try != 6) {
				t.Errorf("torn down %d times: %+v", n, r.gone)
			}
		})
	}
}

// A surface that can't be restored keeps no other from it.
func TestOneSurfaceFails(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"select main", "select redis"} {
		r := newRehearsal(t, quarterlyPlan())
		r.fail[call] = forGood(fault.Missing)
		got := r.run(t, "bob")
		if r.count("restore") != 1 || r.count("tear down") != 1 || got.Verdict != drill.VerdictFail || len(r.records) != 1 {
			t.Errorf("%s: %q, %+v", call, r.calls, got)
		}
		var restored []string
		for _, s := range r.records[0].Surfaces {
			if s.Result == drill.Pass {
				restored = append(restored, s.Surface)
			}
		}
		if len(restored) != 1 || strings.HasSuffix(call, restored[0]) {
			t.Errorf("%s: restored were %q", call, restored)
		}
	}
}

// Without a declaration there is no drill; without its record there is no verdict.
func TestNoLedgerNoVerdict(t *testing.T) {
	t.Parallel()
	for call, torn := range map[string]int{"declare": 0, "record": 1} {
		r := newRehearsal(t, quarterlyPlan())
		r.fail[call] = forGood(fault.Corrupt)
		got := r.run(t, "bob")
		if err := r.GetWorkflowError(); workflows.KindOf(err) != fault.Corrupt {
			t.Errorf("%s: ended with %v", call, err)
		}
		if got.Verdict != "" || got.Sequence != nil || len(r.records) != 0 || len(r.decisions) != 0 || r.count("tear down") != torn {
			t.Errorf("%s: %+v, %q", call, got, r.calls)
		}
	}
}

// What a declaration can't read stops no drill: it is done to its end, and fails.
func TestWhatADeclarationCantRead(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.unread = []drill.Failure{{Phase: drill.PhaseDeclare, Kind: string(fault.Missing), Error: "the runbook is away"}}
	r.at(day, func() { r.sign("ann", "seen") })
	got := r.run(t, "bob")
	if want := append(slices.Clone(passed), "decide"); !slices.Equal(sorted(r.calls), want) {
		t.Errorf("steps\n got %q\nwant %q", sorted(r.calls), want)
	}
	if f := got.Findings; got.Verdict != drill.VerdictFail || len(f) != 1 || f[0].Severity != drill.SeverityMajor || !strings.Contains(f[0].Cause, "the runbook is away") {
		t.Errorf("%s: %+v", got.Verdict, f)
	}
	if o := r.records[0].Objectives; !o.RTOMeasured || !o.RPOMeasured {
		t.Errorf("measured: %+v", o)
	}
}

// A decision that could not be filed was not made: somebody may sign again.
func TestDecisionThatWasNotFiled(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.fail["decide"] = forGood(fault.Denied)
	r.at(time.Hour, func() { r.sign("ann", "seen") })
	r.at(2*time.Hour, func() {
		r.mu.Lock()
		delete(r.fail, "decide")
		r.mu.Unlock()
		r.sign("eve", "seen, too")
	})
	got := r.run(t, "bob")
	r.answered(t, "ann", fault.Denied, "it is denied")
	r.answered(t, "eve", "")
	r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "eve", 1)
}

// A run that is cancelled, whatever it does, cleans up after itself and says in
// the ledger how it ended.
func TestCancelledInEveryStep(t *testing.T) {
	t.Parallel()
	for _, call := range []string{
		"declare", "isolate", "select main", "restore", "sanitise", "try", "start", "check ping", "reconcile", "tear down", "record", "prove",
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			r := newRehearsal(t, quarterlyPlan())
			r.meanwhile[call] = r.CancelWorkflow
			got := r.run(t, "bob")
			if err := r.GetWorkflowError(); !temporal.IsCanceledError(err) {
				t.Errorf("ended with %v", err)
			}
			if len(r.records) != 1 || r.count("tear down") != 1 || got.Revision != 1 || got.Verdict != r.records[0].Verdict {
				t.Fatalf("%d records, %+v, %q", len(r.records), got, r.calls)
			}
			if at, torn := slices.Index(r.calls, "record"), slices.Index(r.calls, "tear down"); torn > at {
				t.Errorf("recorded before the tear-down: %q", r.calls)
			}
			switch call {
			case "tear down", "record", "prove":
				// The machines had done their part.
				if got.Verdict != drill.VerdictPass {
					t.Errorf("the verdict is %s: %s", got.Verdict, got.Summary)
				}
				r.decided(t, got, drill.StateExpired, drill.DecisionExpired, "", 1)
			default:
				if got.Verdict != drill.VerdictAborted || got.State != drill.StateClosed || len(got.Findings) > 0 || len(r.decisions) > 0 {
					t.Errorf("%+v, %+v", got, r.decisions)
				}
			}
			// Children end before the environment is taken from under them.
			if call == "restore" {
				if n := r.count("clean up"); n == 0 || n != r.count("restore") || slices.Index(r.calls, "tear down") < slices.Index(r.calls, "clean up")+n-1 {
					t.Errorf("the restores were not waited for: %q", r.calls)
				}
			}
		})
	}
}

// An annual drill that is cancelled before it has a fence used nothing: that
// there is none is no failure of it.
func TestCancelledBeforeTheFence(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"declare", "isolate"} {
		plan := quarterlyPlan()
		plan.Kind = drill.AnnualFull
		r := newRehearsal(t, plan)
		r.meanwhile[call], r.fail["prove untouched"] = r.CancelWorkflow, forGood(fault.Missing)
		got := r.run(t, "bob")
		if got.Verdict != drill.VerdictAborted || got.State != drill.StateClosed || len(got.Findings) > 0 || len(r.decisions) > 0 {
			t.Errorf("%s: %+v, %+v", call, got, r.decisions)
		}
		if r.count("tear down") != 1 || r.count("lower") != 1 || len(r.records) != 1 {
			t.Errorf("%s: %q", call, r.calls)
		}
	}
}

// Cancelled in the middle of something that failed, a drill has failed.
func TestCancelledAfterAFailure(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.fail["check users"] = forGood(fault.Mismatch)
	r.meanwhile["reconcile"] = r.CancelWorkflow
	got := r.run(t, "bob")
	if got.Verdict != drill.VerdictFail || len(got.Findings) != 1 || r.count("tear down") != 1 || len(r.records) != 1 {
		t.Errorf("%+v, %q", got, r.calls)
	}
	r.decided(t, got, drill.StateExpired, drill.DecisionExpired, "", 1)
}

func TestCancelledWhileItAwaitsItsSignature(t *testing.T) {
	t.Parallel()
	plan := quarterlyPlan()
	plan.Keep = drill.Duration(2 * day)
	r := newRehearsal(t, plan)
	r.at(day, r.CancelWorkflow)
	got := r.run(t, "bob")
	r.decided(t, got, drill.StateExpired, drill.DecisionExpired, "", 1)
	if !strings.Contains(r.decisions[0].Statement, "cancelled") || r.count("tear down") != 1 || len(r.gone) != 1 || len(r.gone[0].Left) > 0 {
		t.Errorf("%+v, %+v, %q", r.decisions, r.gone, r.calls)
	}
	if err := r.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v", err)
	}
}

// A signature that is being filed is filed, also when the drill is cancelled.
func TestSignedAndCancelled(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.meanwhile["decide"] = r.CancelWorkflow
	r.at(day, func() { r.sign("ann", "fine") })
	got := r.run(t, "bob")
	r.answered(t, "ann", "")
	r.decided(t, got, drill.StateSigned, drill.DecisionSigned, "ann", 1)
}
