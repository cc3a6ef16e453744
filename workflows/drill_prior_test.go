package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// What other drills of the plan found meanwhile stands in each record, and is
// not closed by a drill that was under way.
func TestFindingsAreReadBeforeEveryJudgement(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	found := func(name string) drill.Finding {
		return drill.Finding{
			ID: "quarterly/" + name, Code: "check-failed", Severity: drill.SeverityMajor, Subject: "users", Status: drill.FindingOpen,
			Found: "beside", Seen: "beside", FoundAt: r.Now().Add(time.Second), SeenAt: r.Now().Add(time.Second),
		}
	}
	r.prior = []drill.Finding{found("check-failed/users")}
	r.at(time.Hour, func() {
		r.mu.Lock()
		r.prior = append(r.prior, found("another"))
		r.mu.Unlock()
		r.tell("oli", "switch DNS")
	})
	r.at(2*time.Hour, func() { r.sign("ann", "fine") })
	got := r.run(t, "bob")
	if len(r.records) != 2 || got.Verdict != drill.VerdictPass {
		t.Fatalf("%d records, %+v", len(r.records), got)
	}
	for i, rec := range r.records {
		if len(rec.Findings) != i+1 {
			t.Errorf("revision %d: %+v", rec.Revision, rec.Findings)
		}
		for _, f := range rec.Findings {
			if f.Status != drill.FindingOpen {
				t.Errorf("revision %d closes what was found beside it: %+v", rec.Revision, f)
			}
		}
	}
}

func TestTooManyManualSteps(t *testing.T) {
	t.Parallel()
	r := newRehearsal(t, quarterlyPlan())
	long := strings.Repeat("x", 3990)
	for i := range 40 {
		text := long + string(rune('A'+i))
		r.at(time.Hour+time.Duration(i)*time.Minute, func() { r.tell("oli", text) })
	}
	r.at(3*time.Hour, func() { r.refuse("ann", "too much by hand") })
	got := r.run(t, "bob")
	r.answered(t, long+"A", "")
	r.answered(t, long+string(rune('A'+39)), fault.Invalid, "takes at most")
	if n := len(r.records[len(r.records)-1].ManualSteps); n < 30 || n > 33 || got.State != drill.StateRefused {
		t.Errorf("%d steps, %s", n, got.State)
	}
}
