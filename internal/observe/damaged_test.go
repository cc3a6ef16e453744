package observe

import (
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

func TestAPointThatWasFoundDamagedStaysSo(t *testing.T) {
	t.Parallel()
	run := func(point string, outcome Outcome, corrupt bool) Run {
		return Run{Operation: OperationVerify, Surface: "main", Point: point, Outcome: outcome, Corrupt: corrupt, Closed: noon, Failure: "part 3 differs"}
	}
	was := []status.Damage{{Point: "1", At: noon.Add(-time.Hour)}}
	there := []catalog.Point{{Surface: "main", ID: "1"}, {Surface: "main", ID: "2"}}
	later, sooner := noon.Add(time.Minute), noon.Add(-2*time.Hour)
	for name, c := range map[string]struct {
		before []status.Damage
		runs   []Run
		known  []catalog.Point
		whole  bool
		want   int
	}{
		"found":                {nil, []Run{run("2", Failed, true)}, there, true, 1},
		"found again":          {was, []Run{run("1", Failed, true)}, there, true, 1},
		"not readable for now": {nil, []Run{run("2", Failed, false)}, there, true, 0},
		"stays":                {was, []Run{run("2", Succeeded, false), run("1", Cancelled, false)}, there, true, 1},
		"read back":            {was, []Run{run("1", Succeeded, false)}, there, true, 0},
		"marked as read back":  {was, nil, []catalog.Point{{Surface: "main", ID: "1", VerifiedAt: &later}}, true, 0},
		"read back before":     {was, nil, []catalog.Point{{Surface: "main", ID: "1", VerifiedAt: &sooner}}, true, 1},
		"gone":                 {was, nil, there[1:], true, 0},
		"not listed":           {was, nil, nil, false, 1},
		"of another surface":   {nil, []Run{{Operation: OperationVerify, Surface: "other", Point: "1", Outcome: Failed, Corrupt: true}}, there, true, 0},
	} {
		if got := damagedNow("main", c.before, c.runs, c.known, c.whole); len(got) != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
