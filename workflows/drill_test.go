package workflows_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// passed are the calls of a drill that passes, those at once in order of their names.
var passed = []string{
	"declare", "isolate", "select main", "select redis", "restore", "restore", "sanitise", "try", "start", "check ping", "check users", "reconcile",
	"look again", "tear down", "record", "prove", "prove",
}

// sorted has what happens at once in order of names.
func sorted(calls []string) []string {
	calls = slices.Clone(calls)
	first := func(call string) string { word, _, _ := strings.Cut(call, " "); return word }
	for from := 0; from < len(calls); {
		to := from + 1
		for to < len(calls) && first(calls[to]) == first(calls[from]) {
			to++
		}
		slices.Sort(calls[from:to])
		from = to
	}
	return calls
}

func TestDrillOrder(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	r.at(day/2, func() { r.sign("ann", "fine") })
	got := r.run(t, "bob")
	if want := append(slices.Clone(passed), "decide"); !slices.Equal(sorted(r.calls), want) {
		t.Errorf("steps\n got %q\nwant %q", sorted(r.calls), want)
	}
	if err := r.GetWorkflowError(); err != nil || got.State != drill.StateSigned || got.Verdict != drill.VerdictPass || got.Revision != 1 || len(got.Servers) > 0 {
		t.Errorf("ended with %v: %+v", err, got)
	}
	rec := r.records[0]
	if server := drill.PartServer + "main"; rec.Identity.Tools[server] != "postgres 15.18" || rec.Identity.Parts[server] != "postgres 15.18" {
		t.Errorf("the versions are not in %+v", rec.Identity)
	}
	if o := rec.Objectives; !o.RTOMeasured || o.RTOSeconds < 60 || o.RestoreSeconds < 60 || !o.RPOMeasured || !got.RTOMeasured || !got.RPOMeasured {
		t.Errorf("measured: %+v, told: %+v", o, got)
	}
	if len(rec.Timeline.Phases) != 10 || rec.Timeline.DatabaseReady.IsZero() || rec.Timeline.Healthy.IsZero() {
		t.Errorf("the timeline: %+v", rec.Timeline)
	}
}
