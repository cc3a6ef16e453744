package drill

import (
	"strings"
	"testing"
)

// A point is proven by what was looked at, and by nothing that was left out.
func TestWhichPointsADrillProves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Record)
		want   string
	}{
		"all is well":                       {func(*Record) {}, "main redis"},
		"a query between them failed":       {func(r *Record) { r.Reconciled[1].Result = Fail }, ""},
		"a query failed, with no subject":   {func(r *Record) { r.Reconciled[1] = Reconciliation{Name: "orders", Kind: ReconcileQuery, Result: Fail} }, ""},
		"a query failed that is optional":   {func(r *Record) { r.Reconciled[1].Result, r.Reconciled[1].Optional = Fail, true }, "main redis"},
		"a query warned":                    {func(r *Record) { r.Reconciled[1].Result = Warn }, "main redis"},
		"a row of it differs":               {func(r *Record) { r.Reconciled[1].Items = []Item{{Name: "row 1", Result: Fail}} }, ""},
		"a query was skipped":               {func(r *Record) { r.Reconciled[1].Result = Skipped }, ""},
		"nothing was reconciled":            {func(r *Record) { r.Reconciled = r.Reconciled[:1] }, ""},
		"one of one surface failed":         {func(r *Record) { r.Reconciled[2].Result = Fail }, "redis"},
		"a check of the data failed":        {func(r *Record) { r.Checks[0].Result = Fail }, "redis"},
		"a check of the data was skipped":   {func(r *Record) { r.Checks[0].Result = Skipped }, "redis"},
		"another check failed":              {func(r *Record) { r.Checks[1].Result, r.Checks[1].Optional = Fail, false }, "main redis"},
		"the database was not there":        {func(r *Record) { r.add("main", Fail) }, "redis"},
		"it could not be read in full":      {func(r *Record) { r.add("main", Warn) }, "main redis"},
		"not compared":                      {func(r *Record) { r.Surfaces[1].Compared = 0 }, "main"},
		"not restored":                      {func(r *Record) { r.Surfaces[1].Result = Fail }, "main"},
		"a fingerprint was asked of WAL":    {func(r *Record) { r.fingerprint("main") }, "redis"},
		"a fingerprint was asked, and made": {func(r *Record) { r.fingerprint("redis") }, "main redis"},
		"cancelled":                         {func(r *Record) { r.Verdict = VerdictAborted }, ""},
	} {
		r := soundDrill()
		r.Plan.Reconcile = []Reconcile{
			{Name: "orders", Kind: ReconcileQuery, Surface: "main", With: &Side{Surface: "redis"}}, {Name: "files", Kind: ReconcileObjects, Surface: "main"},
		}
		r.Plan.Checks[0].Surface = "main"
		r.Reconciled = []Reconciliation{
			r.Reconciled[0], {Name: "orders", Kind: ReconcileQuery, Subject: "main with redis", Result: Pass},
			{Name: "files", Kind: ReconcileObjects, Subject: "main with store docs", Result: Pass},
		}
		c.change(&r)
		var proven []string
		for _, s := range r.Surfaces {
			if r.Proves(s) {
				proven = append(proven, s.Surface)
			}
		}
		if got := strings.Join(proven, " "); got != c.want {
			t.Errorf("%s: it proves %q, want %q", name, got, c.want)
		}
	}
}

// add is one more thing that the recovery of a surface looked at.
func (r *Record) add(surface, result string) {
	r.Reconciled = append(r.Reconciled, Reconciliation{Name: "more of " + surface, Kind: ReconcileRecovery, Subject: surface, Result: result})
}

func (r *Record) fingerprint(surface string) {
	r.Plan.Reconcile = append(r.Plan.Reconcile, Reconcile{Name: "print", Kind: ReconcileFingerprint, Surface: surface})
}
