package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// The example of the contract loads as it stands, with every default filled in.
func TestContractPlanLoads(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, usable+`drills:
  quarterly: {cron: "0 6 1 1,4,7,10 *", surfaces: [main, redis], targets: {rto: 30m, rpo: 1m},
              checks: [{kind: sql, surface: main, query: SELECT count(*) FROM orders, expect: "> 0"}],
              reconcile: [{kind: fingerprint, surface: main}], owner: ops@example.com}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := drill.Plan{
		Kind: drill.Quarterly, Cron: "0 6 1 1,4,7,10 *", TimeZone: "UTC", Surfaces: []string{"main", "redis"},
		Targets:   drill.Targets{RTO: drill.Duration(30 * time.Minute), RPO: drill.Duration(time.Minute)},
		Checks:    []drill.Check{{Name: "sql-1", Kind: "sql", Surface: "main", Query: "SELECT count(*) FROM orders", Expect: "> 0"}},
		Reconcile: []drill.Reconcile{{Name: "fingerprint-1", Kind: "fingerprint", Surface: "main"}},
		SignOff:   drill.SignOff{Within: drill.Duration(14 * day), Remind: drill.Duration(day), Validity: drill.Duration(100 * day)},
		Owner:     "ops@example.com",
	}
	if diff := cmp.Diff(want, c.Drills["quarterly"]); diff != "" {
		t.Error("the plan is not as the file says (-want +got):\n", diff)
	}
}
