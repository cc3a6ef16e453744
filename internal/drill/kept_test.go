package drill

import (
	"testing"
	"time"
)

func TestKeptUntil(t *testing.T) {
	t.Parallel()
	judged := time.Date(2026, 4, 1, 6, 0, 0, 0, time.UTC)
	kept := func(change func(*Record)) Record {
		r := Record{Verdict: VerdictFail, Plan: Plan{Keep: Duration(time.Hour)}, Timeline: Timeline{Judged: judged}}
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		record Record
		want   time.Time
	}{
		"kept":          {kept(func(*Record) {}), judged.Add(time.Hour)},
		"not kept":      {kept(func(r *Record) { r.Plan.Keep = 0 }), time.Time{}},
		"not judged":    {kept(func(r *Record) { r.Timeline.Judged = time.Time{} }), time.Time{}},
		"gone before":   {kept(func(r *Record) { r.Isolation.TornDown = judged }), time.Time{}},
		"was cancelled": {kept(func(r *Record) { r.Verdict = VerdictAborted }), time.Time{}},
	} {
		if got := c.record.KeptUntil(); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestTicks(t *testing.T) {
	t.Parallel()
	plan := Plan{Kind: Tabletop, Steps: []string{"who calls whom"}}
	if !Ticks(plan, ManualStep{Text: " **Who** calls whom"}) || Ticks(plan, ManualStep{Text: "where the keys are"}) {
		t.Error("the checklist is not what decides")
	}
	plan.Kind = Quarterly
	if Ticks(plan, ManualStep{Text: "who calls whom"}) {
		t.Error("a drill that is no tabletop has a checklist")
	}
}
