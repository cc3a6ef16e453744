package drill

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// supported are the controls that a record supports.
func supported(t *testing.T, r Record) []string {
	t.Helper()
	var ids []string
	for _, c := range Controls(r) {
		if c.Supports {
			ids = append(ids, c.ID)
		}
		if c.Supports != (c.Lacks == "") {
			t.Errorf("%s has to lack something, or to support", c.ID)
		}
	}
	return ids
}

func annualDrill() Record {
	r := soundDrill()
	r.Kind, r.Plan.Kind, r.Plan.Scenario = AnnualFull, AnnualFull, "the cluster is lost"
	r.Untouched = &Untouched{Fenced: []string{"store:primary"}}
	return Judge(r, nil, judged)
}

func TestControls(t *testing.T) {
	t.Parallel()
	all := make([]string, 0, len(controls))
	for _, c := range controls {
		all = append(all, c.id)
	}
	without := func(ids ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(ids, id) })
	}
	quarterly := soundDrill()
	quarterly.Plan.Scenario = "a lost database"
	limited := annualDrill()
	limited.Isolation.Limits = []string{"the network is the host's"}
	failed := annualDrill()
	failed.Reconciled[1].Result = Fail
	aborted := annualDrill()
	aborted.Verdict = VerdictAborted
	tabletop := Judge(Record{
		ID: "t", PlanName: "people", Plan: Plan{Kind: Tabletop, Scenario: "the admin is away", Steps: []string{"Call Ann now"}},
		ManualSteps: []ManualStep{{Text: "call Ann now"}},
	}, nil, judged)
	corrupt := soundDrill()
	corrupt.Plan.Scenario = "a lost database"
	failRestore("main", "corrupt", "part 2 was altered")(&corrupt)
	for name, c := range map[string]struct {
		r    Record
		want []string
	}{
		"annual":                      {annualDrill(), without("9.4.1.2")},
		"annual, not wholly apart":    {limited, without("9.4.1.2", "Art. 12(3)")},
		"quarterly":                   {Judge(quarterly, nil, judged), without("9.4.1.2", "CP-4(4)")},
		"annual, chain reorganised":   {Judge(failed, nil, judged), without("9.4.1.2", "CC7.5", "CP-4(4)", "Art. 12(6)", "Art. 12(7)")},
		"quarterly, part was corrupt": {Judge(corrupt, nil, judged), nil},
		"aborted":                     {aborted, nil},
		"not judged":                  {quarterly, nil},
		// A tabletop speaks to plans, never to a restore.
		"tabletop": {tabletop, []string{"A1.3 (plan)", "8.5", "3.5", "CP-4", "Art. 11(6)", "Art. 25", "12.10.2", "Art. 21(2)(c)"}},
	} {
		if got := supported(t, c.r); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q\nwant %q", name, got, c.want)
		}
	}
}

// The mapping says what a record supports, and never that a rule is complied with.
func TestControlsPromiseNothing(t *testing.T) {
	t.Parallel()
	bold := regexp.MustCompile(`(?i)\b(compl(y|ies|iant|iance)|certif|satisf(y|ies)|guarantee)`)
	for _, c := range Controls(annualDrill()) {
		if text := strings.Join([]string{c.Asks, c.Shows, c.Lacks}, " "); bold.MatchString(text) || c.Asks == "" || c.Shows == "" {
			t.Errorf("%s: %q", c.ID, text)
		}
	}
	var ids []string
	for _, c := range Controls(Record{}) {
		ids = append(ids, c.ID)
	}
	for _, want := range []string{"A1.2", "CC7.5", "8.5", "A.8.13", "3.5", "CP-4", "CP-4(4)", "Art. 12(7)", "Art. 40", "12.10.2", "Annex 4.2.6"} {
		if !slices.Contains(ids, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestNotAttested(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change       func(*Record)
		says, silent []string
	}{
		"sound": {
			func(*Record) {},
			[]string{
				"main was restored from its newest state; whether older points can be restored is not shown.",
				"Of the copies of redis, only the one in the store offsite was read.",
				"Whatever is not a part of main and redis was no part of the drill.",
				"no load of real users", "names no procedure for it", "the failure of several hosts, of a site or of a network was not rehearsed",
				"The environment still stood", "That live stores and databases were left alone was not watched.",
				"The absence of a key person was not rehearsed.", "No independent reviewer is named.", "Steps done by hand that nobody told of",
			},
			[]string{"No program", "No health check", "Nothing was reconciled", "No RTO", "No RPO", "no RTO target", "No rule sanitised", "no runbook", "Nothing was tried"},
		},
		"told in full": {
			func(r *Record) {
				r.Plan.AbsentKeyPerson, r.Plan.Reviewer, r.Plan.RouteSwitch = "Ann", "Bob", "move the\nDNS name"
				r.Untouched = &Untouched{Fenced: []string{"store:x"}}
				r.Isolation.TornDown = judged
				r.Identity.Host = "worker-1"
			},
			[]string{"no client was sent: move the DNS name.", "The environment was gone at 2026-04-01T06:20:00Z", "one host, worker-1,"},
			[]string{"key person", "reviewer", "was not watched", "still stood"},
		},
		"left out": {
			func(r *Record) {
				r.Plan.Exclusions, r.Plan.Assumptions = []string{"search index: rebuilt from main"}, []string{"the registry is up."}
				r.Plan.ThirdParties, r.Plan.Runbook = []string{"DNS Ltd", "Bank"}, nil
				r.Isolation.Limits, r.Isolation.Left = []string{"egress is not barred"}, []string{"process 7"}
				r.Isolation.Attempts[0].Result = Skipped
				r.Plan.Sanitize = nil
			},
			[]string{
				"Left out by the plan: search index: rebuilt from main.", "Taken for granted: the registry is up.", "can do their part is not shown: Bank and DNS Ltd.",
				"The isolation has a limit: egress is not barred.", "not wholly removed: process 7 was left.", "this was not shown: a login without a password.",
				"those of production", "The plan names no runbook.",
			},
			[]string{"still stood"},
		},
		"thin": {
			func(r *Record) {
				r.Programs, r.Checks, r.Timeline.Reconciled, r.Plan.Targets = nil, nil, time.Time{}, Targets{}
				r.Reconciled, r.Isolation.Attempts = r.Reconciled[:1], nil
				r.Surfaces[0].Gaps, r.Surfaces[0].Selection, r.Surfaces[0].Reached = []string{"a"}, SelectRandom+": one of 5 snapshots", time.Time{}
				r.Identity.Overridden = []string{"main"}
				r.Surfaces[1].Compared, r.Plan.Surfaces = 0, []string{"main", "redis", "other"}
			},
			[]string{
				"No program of the application", "No health check passed", "Nothing was reconciled", "No RTO was measured.", "No RPO was measured.",
				"has no RTO target", "has no RPO target", "Nothing was tried against the environment", "The stored WAL of main has 1 hole",
				"main was restored from a chosen point (random: one of 5 snapshots)", "redis was not compared with the fingerprint", "other is in the plan and was not restored.",
				"redis was restored from its newest snapshot", "was not followed for main: this is no proof of the plan.",
			},
			[]string{"main was restored from its newest state"},
		},
		"warned": {
			func(r *Record) { r.Checks[0].Result, r.Checks[1].Result, r.Surfaces[0].Result = Skipped, Fail, Fail },
			[]string{"The optional check page did not pass.", "The check users was not made.", "main was not restored."}, nil,
		},
		"aborted": {func(r *Record) { r.Verdict, r.Surfaces, r.Plan.Surfaces = VerdictAborted, nil, nil }, []string{"The drill was not carried through", "No surface was restored."}, nil},
		"tabletop": {
			func(r *Record) { r.Kind, r.Plan.Exclusions = Tabletop, []string{"the night shift"} },
			[]string{"what people know, not what systems do", "Left out by the plan: the night shift."}, []string{"load of real users", "one host"},
		},
	} {
		r := soundDrill()
		c.change(&r)
		said := strings.Join(NotAttested(Judge(r, nil, judged)), "\n")
		for _, want := range c.says {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q is not in\n%s", name, want, said)
			}
		}
		for _, not := range c.silent {
			if strings.Contains(said, not) {
				t.Errorf("%s: %q is in\n%s", name, not, said)
			}
		}
	}
}
