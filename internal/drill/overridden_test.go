package drill

import (
	"slices"
	"testing"
)

// A drill with a point that somebody chose closes what is about the other
// surfaces, and nothing else: that an older point is whole mends not the newest.
func TestAChosenPointClosesNothingOfItsSurface(t *testing.T) {
	t.Parallel()
	sound := func() Record {
		r := soundDrill()
		r.Plan.Checks[0].Surface = "redis"
		r.Plan.Reconcile[0].Surface, r.Plan.Reconcile[1].Surface = "main", "redis"
		return r
	}
	known := func(code, subject string) Finding {
		return Finding{
			ID: findingID("quarterly", code, subject), Code: code, Subject: subject, Severity: SeverityCritical, Status: FindingOpen,
			Found: "20260101T060000Z-a", Seen: "20260101T060000Z-a", FoundAt: judged.AddDate(0, -3, 0), Due: judged.AddDate(0, 1, 0),
		}
	}
	prior := []Finding{
		known("restore-corrupt", "main"), known("restore-corrupt", "redis"), known(codeDiffers, "main"), known(codeDiffers, "redis"),
		known(codeCheckFailed, "users"), known(codeCheckFailed, "page"), known(codeChain, "ledger"), known(codeObjects, "files"),
		known(codeProgramFailed, "api"), known(codeRPOMissed, ""), known(phaseCode(PhaseSelect), "main"), known(phaseCode(PhaseSelect), "redis"),
	}
	closedBy := func(overridden ...string) []string {
		r := sound()
		r.Identity.Overridden = overridden
		closed := []string{}
		for _, f := range Judge(r, prior, judged).Findings {
			if f.Status == FindingClosed {
				closed = append(closed, f.ID[len("quarterly/"):])
			}
		}
		slices.Sort(closed)
		return closed
	}
	if got := closedBy(); len(got) != len(prior) {
		t.Errorf("a drill of the plan as it is closes %q alone", got)
	}
	for chosen, want := range map[string][]string{
		"main":  {"check-failed/users", "data-differs/redis", "objects-differ/files", "restore-corrupt/redis", "select-points-failed/redis"},
		"redis": {"chain-diverged/ledger", "data-differs/main", "restore-corrupt/main", "select-points-failed/main"},
	} {
		if got := closedBy(chosen); !slices.Equal(got, want) {
			t.Errorf("with a point of %s that was chosen\n got %q\nwant %q", chosen, got, want)
		}
	}
}
