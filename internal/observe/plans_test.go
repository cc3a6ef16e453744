package observe

import (
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
)

const day = 24 * time.Hour

// What failed goes on having failed while it is repeated, and after a repetition
// was cancelled; the drill that waits the longest for its sign-off is the one.
func TestHowThePlansDrillsWent(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	went := func(id, verdict, state string, ago time.Duration) drills.Drill {
		return drills.Drill{Summary: drill.Summary{ID: id, Plan: "quarterly", Verdict: verdict, Judged: noon.Add(-ago)}, State: state}
	}
	other := drills.Drill{Summary: drill.Summary{ID: "other", Plan: "yearly", Verdict: drill.VerdictFail}}
	for name, c := range map[string]struct {
		done            []drills.Drill
		failed, awaits  string
		awaitsFor       time.Duration
		last, lastFound string
	}{
		"none":             {done: []drills.Drill{other}},
		"passed":           {done: []drills.Drill{went("b", drill.VerdictPass, drill.StateAwaiting, time.Hour), went("a", drill.VerdictFail, "", day)}, awaits: "b", awaitsFor: time.Hour, last: "b", lastFound: drill.VerdictPass},
		"failed":           {done: []drills.Drill{other, went("a", drill.VerdictFail, "", day)}, failed: "a", last: "a", lastFound: drill.VerdictFail},
		"in part":          {done: []drills.Drill{went("a", drill.VerdictPartial, "", day)}, failed: "a", last: "a", lastFound: drill.VerdictPartial},
		"repeated now":     {done: []drills.Drill{went("b", "", "", 0), went("a", drill.VerdictFail, "", day)}, failed: "a", last: "b"},
		"then cancelled":   {done: []drills.Drill{went("b", drill.VerdictAborted, "", 0), went("a", drill.VerdictFail, "", day)}, failed: "a", last: "b", lastFound: drill.VerdictAborted},
		"two wait for him": {done: []drills.Drill{went("b", drill.VerdictPass, drill.StateAwaiting, 0), went("a", drill.VerdictPass, drill.StateAwaiting, day)}, awaits: "a", awaitsFor: day, last: "b", lastFound: drill.VerdictPass},
	} {
		p := planOf(drill.Commitment{Plan: "quarterly"}, c.done)
		since := time.Time{}
		if c.awaits != "" {
			since = noon.Add(-c.awaitsFor)
		}
		if p.FailedDrill != c.failed || p.AwaitsSignature != c.awaits || !p.AwaitsSince.Equal(since) || p.LastDrill != c.last || p.LastVerdict != c.lastFound {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
