package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const annualPlan = `  annual:
    kind: annual_full
    surfaces: [main, redis]
    store: offsite
    scenario: the whole cluster is lost, and its store with it
    targets: {rto: 30m, rpo: 1h}
    checks:
      - {name: orders, kind: sql, surface: main, query: "SELECT count(*) FROM orders", expect: "20"}
      - {name: greeting, kind: redis, surface: redis, command: [GET, greeting], expect: hello}
    reconcile:
      - {name: agree, kind: query, surface: main, query: "SELECT count(*) FROM orders", with: {surface: redis, query: GET orders}}`

// TestAnnualDrill restores everything from the copy off site: while all that is
// live runs, of which nothing is touched, and when all of it is gone.
func TestAnnualDrill(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 20)
	goods(t, live, rd, 20)
	main, toMain := behind(t, live)
	redis, toRedis := behind(t, rd.URL)
	s, _ := drillSite(t, main, redis, snapshotPolicies, annualPlan)
	s.start(t, "up")
	var made point
	for _, name := range []string{"redis", "main"} {
		s.ask(t, &made, "snapshot", "create", name, "--wait")
	}
	fenced := []string{"store:primary", "surface:main", "surface:redis"}

	t.Run("what is live runs", func(t *testing.T) {
		before := []int{toMain.Accepted(), toRedis.Accepted()}
		if slices.Contains(before, 0) {
			t.Fatal("the snapshots were not taken by way of the proxies")
		}
		d := s.drill(t, "annual")
		s.passes(t, d)
		if now := []int{toMain.Accepted(), toRedis.Accepted()}; !slices.Equal(now, before) {
			t.Errorf("what is live had %v connections before the drill, and %v after it", before, now)
		}
		u := d.Evidence.Untouched
		if u == nil || !slices.Equal(u.Fenced, fenced) || !slices.Equal(u.Used, []string{"store:offsite"}) || len(u.Refused) > 0 || u.Method == "" {
			t.Errorf("what was touched: %+v", u)
		}
	})
	t.Run("what is live is asked for", func(t *testing.T) {
		before := toMain.Accepted()
		d := s.drill(t, "annual", "--point", "main=primary:"+made.ID)
		if u := d.Evidence.Untouched; u == nil || !slices.Equal(u.Fenced, fenced) || !slices.Contains(u.Refused, "store:primary") || slices.Contains(u.Used, "store:primary") {
			t.Errorf("what was touched: %+v", u)
		}
		if d.Verdict != drill.VerdictFail || !slices.ContainsFunc(d.Findings, func(f drill.Finding) bool {
			return f.Code == "live-touched" && f.Severity == drill.SeverityCritical && strings.Contains(f.Cause, "store:primary")
		}) {
			t.Errorf("the verdict is %s: %+v", d.Verdict, d.Findings)
		}
		if now := toMain.Accepted(); now != before {
			t.Errorf("main had %d connections before the drill, and %d after it", before, now)
		}
		s.leftNothing(t, d)
	})
	t.Run("what is live is gone", func(t *testing.T) {
		crash(t, pg)
		rd.Kill()
		move(t, s.storeDir, s.storeDir+"-away")
		d := s.drill(t, "annual")
		s.passes(t, d)
		for _, r := range d.Evidence.Surfaces {
			if r.Store != "offsite" {
				t.Errorf("%s was restored from %s", r.Surface, r.Store)
			}
		}
		if closed := d.Findings; len(closed) == 0 {
			t.Error("the findings of the drill before were not closed")
		}
		var p point
		if s.ask(t, &p, "snapshot", "show", made.ID); p.State != "proven" {
			t.Errorf("the copy is %s", p.State)
		}
	})
}
