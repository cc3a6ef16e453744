package drill

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

var (
	declared = time.Date(2026, 4, 1, 6, 0, 0, 0, time.UTC)
	judged   = declared.Add(20 * time.Minute)
)

// soundDrill is a drill in which all is well.
func soundDrill() Record {
	plan := Plan{
		Kind: Quarterly, Surfaces: []string{"main", "redis"}, Owner: "ops@example.com",
		Targets:   Targets{RTO: Duration(30 * time.Minute), RPO: Duration(time.Minute)},
		Sanitize:  []Sanitize{{Name: "mail", Surface: "main", SQL: "UPDATE users SET mail = NULL"}},
		Start:     []Program{{Name: "api", Command: []string{"api"}}},
		Checks:    []Check{{Name: "users", Kind: CheckSQL}, {Name: "page", Kind: CheckHTTP, Optional: true}},
		Reconcile: []Reconcile{{Name: "ledger", Kind: ReconcileChain}, {Name: "files", Kind: ReconcileObjects}},
		Runbook:   &Runbook{Repository: "/srv/runbooks", File: "recover.md"},
	}
	return Record{
		SchemaVersion: SchemaVersion, ID: "20260401T060000Z-d", Revision: 1, Kind: Quarterly, PlanName: "quarterly", Plan: plan,
		Identity: Identity{RunbookCommit: "c0ffee"},
		Surfaces: []Restored{
			{Surface: "main", Kind: "postgres", Selection: SelectLatest, Point: "P1", PointKind: "base", Store: "primary", Reached: declared.Add(-20 * time.Second), Result: Pass},
			{Surface: "redis", Kind: "redis", Selection: SelectLatest, Point: "P2", PointKind: "snapshot", Store: "offsite", Reached: declared.Add(-50 * time.Second), Compared: 7, Result: Pass},
		},
		Isolation: Isolation{Where: "local", Attempts: []Attempt{{What: "a login without a password", Expected: "refused", Observed: "refused", Result: Pass}}},
		Sanitised: []Sanitised{{Name: "mail", Surface: "main", Rows: 3}},
		Programs:  []Started{{Name: "api", Result: Pass}},
		Checks:    []CheckResult{{Name: "users", Kind: CheckSQL, Expected: "3", Observed: "3", Result: Pass}, {Name: "page", Kind: CheckHTTP, Result: Pass, Optional: true}},
		Reconciled: []Reconciliation{
			{Name: "recovery-main", Kind: ReconcileRecovery, Subject: "main", Result: Pass, Items: []Item{{Name: "amcheck", Result: Pass}}},
			{Name: "ledger", Kind: ReconcileChain, Subject: "main", Result: Pass}, {Name: "files", Kind: ReconcileObjects, Result: Pass},
		},
		Timeline: Timeline{
			Failed: declared, Declared: declared, Reconciled: declared.Add(12 * time.Minute),
			Phases: []Phase{{Name: PhaseSelect, Seconds: 1}, {Name: PhaseRestore, Seconds: 400}, {Name: PhaseCheck, Seconds: 20}},
		},
		ManualSteps: []ManualStep{{Text: "Switched the DNS to the standby", Documented: true}},
	}
}

// open are the findings of a judged record that are not closed, as severity and ID.
func open(r Record) []string {
	got := []string{}
	for _, f := range r.Findings {
		if f.Status != FindingClosed {
			got = append(got, f.Severity+" "+f.ID)
		}
	}
	return got
}

func TestASoundDrillPasses(t *testing.T) {
	t.Parallel()
	got := Judge(soundDrill(), nil, judged)
	if got.Verdict != VerdictPass || len(got.Findings) != 0 || got.Findings == nil {
		t.Fatalf("%s: %+v", got.Verdict, got.Findings)
	}
	yes := true
	want := Objectives{
		RTOTarget: 1800, RTOSeconds: 720, RTOMet: &yes, RTOMeasured: true,
		RPOTarget: 60, RPOSeconds: 50, RPOMet: &yes, RPOMeasured: true, RPOOf: "redis",
		RestoreSeconds: 400, Formula: formula,
	}
	if diff := cmp.Diff(want, got.Objectives); diff != "" {
		t.Error(diff)
	}
	const summary = "The drill passed: 2 surfaces restored, 2 health checks passed, 3 reconciliations in agreement. " +
		"RTO 12m0s of 30m0s allowed; RPO 50 s (redis) of 1m0s allowed."
	if got.Summary != summary {
		t.Error(got.Summary)
	}
}

// faulty are the ways in which a drill goes wrong, each with the verdict, the
// findings and a part of the first one's cause.
var faulty = map[string]struct {
	change   func(*Record)
	verdict  string
	findings []string
	cause    string
}{
	"corrupt part": {
		failRestore("main", fault.Corrupt, "part 000002 was altered or swapped: its digest is aa, the manifest says bb"),
		VerdictFail, []string{"critical quarterly/restore-corrupt/main"},
		"main could not be restored from P1 in the store primary (what is stored is not what was written): part 000002 was altered or swapped: its digest is aa",
	},
	"missing WAL": {
		failRestore("main", fault.Missing, "latest cannot be had: the WAL from 0/3000000 to 0/4000000 is missing"),
		VerdictFail, []string{"critical quarterly/restore-missing/main"}, "the WAL from 0/3000000 to 0/4000000 is missing",
	},
	"WAL lost on the way": {
		failRestore("main", fault.Lost, "the WAL was deleted while it was replayed"),
		VerdictFail, []string{"critical quarterly/restore-lost/main"}, "something that it needs is gone",
	},
	"wrong key": {
		failRestore("redis", fault.Denied, "no configured key opens this point: it was encrypted for age1x"),
		VerdictFail, []string{"critical quarterly/restore-denied/redis"}, "no configured key opens this point",
	},
	"a node that does not answer": {
		func(r *Record) {
			r.Reconciled[1].Result, r.Reconciled[1].Detail, r.Reconciled[1].Unreached = Fail, "ask the node: connection refused", true
		},
		VerdictFail, []string{"major quarterly/chain-unreachable/ledger"}, "the reconciliation ledger could not be made: ask the node: connection refused",
	},
	"a node that goes away after a block that differs": {
		func(r *Record) {
			r.Reconciled[1].Result, r.Reconciled[1].Detail, r.Reconciled[1].Unreached = Fail, "ask the node: connection refused", true
			r.Reconciled[1].Items = []Item{{Name: "hash", Expected: "aa", Observed: "bb", Result: Fail, Detail: "they differ"}}
		},
		VerdictFail, []string{"critical quarterly/chain-diverged/ledger"}, "the reconciliation ledger failed: ask the node: connection refused; hash: they differ",
	},
	"two amounts that differ": {
		func(r *Record) {
			r.Reconciled[1].Result, r.Reconciled[1].Detail = Fail, "indexed up to block 9"
			r.Reconciled[1].Items = []Item{
				{Name: "balance", Subject: "0xab", Result: Fail, Detail: "the chain has 1 and the database 2"}, {Name: "total-supply", Result: Fail}, {Name: "genesis", Result: Pass},
			}
		},
		VerdictFail, []string{"critical quarterly/chain-diverged/ledger"},
		"the reconciliation ledger failed: indexed up to block 9; balance 0xab: the chain has 1 and the database 2; and 1 more",
	},
	"row lost, as the restore saw": {
		failRestore("redis", fault.Mismatch, "compare with the fingerprint of P2: table orders: 9 rows, 10 expected"),
		VerdictFail, []string{"critical quarterly/data-differs/redis"}, "table orders: 9 rows, 10 expected",
	},
	"row lost, as a reconciliation saw": {
		func(r *Record) {
			r.Reconciled = append(r.Reconciled, Reconciliation{Name: "fingerprint-redis", Kind: ReconcileFingerprint, Subject: "redis", Result: Fail, Detail: "1 key is missing"})
		},
		VerdictFail, []string{"critical quarterly/data-differs/redis"}, "1 key is missing",
	},
	"a restore that failed and does not say why": {
		func(r *Record) { r.Surfaces[1].Result, r.Surfaces[1].Error = "broken", "it ended with status 3" },
		VerdictFail, []string{"critical quarterly/restore-failed/redis"}, "redis could not be restored from P2 in the store offsite: it ended with status 3",
	},
	"no point to restore": {
		func(r *Record) {
			r.Surfaces = r.Surfaces[:1]
			r.Failures = []Failure{{Phase: PhaseSelect, Surface: "redis", Kind: "missing", Error: "the store has no point of redis"}}
		},
		VerdictFail, []string{"major quarterly/select-points-failed/redis"}, "select points of redis failed (something that it needs is not there): the store has no point of redis",
	},
	"a runbook that can't be read": {
		func(r *Record) {
			r.Failures = []Failure{{Phase: PhaseDeclare, Kind: "missing", Error: "the runbook of plan quarterly: git can't read that"}}
		},
		VerdictFail, []string{"major quarterly/declare-failed"}, "declare failed (something that it needs is not there): the runbook of plan quarterly: git can't read that",
	},
	"no isolation": {
		func(r *Record) {
			*r = Record{ID: r.ID, PlanName: r.PlanName, Plan: r.Plan, Kind: r.Kind, Failures: []Failure{{Phase: PhaseIsolate, Kind: "exhausted", Error: "the disk is full"}}}
		},
		VerdictFail, []string{"major quarterly/isolate-failed"}, "isolate failed (room ran out): the disk is full",
	},
	"surface not restored": {
		func(r *Record) { r.Surfaces = r.Surfaces[:1] },
		VerdictFail, []string{"major quarterly/not-restored/redis"}, "redis is in the plan and was not restored",
	},
	"surface skipped without a reason": {
		func(r *Record) { r.Surfaces[1].Result = Skipped },
		VerdictFail, []string{"major quarterly/not-restored/redis"}, "nothing says why",
	},
	"snapshot not compared": {
		func(r *Record) { r.Surfaces[1].Compared = 0 },
		VerdictFail, []string{"major quarterly/not-compared/redis"}, "fingerprint",
	},
	"nothing restored": {
		func(r *Record) { r.Surfaces, r.Plan.Surfaces, r.Plan.Targets = nil, nil, Targets{} },
		VerdictFail, []string{"major quarterly/nothing-restored"}, "nothing was restored",
	},
	"nothing compared": {
		func(r *Record) {
			r.Surfaces, r.Plan.Surfaces = r.Surfaces[:1], []string{"main"}
			r.Reconciled, r.Plan.Reconcile, r.Checks, r.Plan.Checks = nil, nil, nil, nil
		},
		VerdictFail, []string{"major quarterly/nothing-compared"}, "give the plan a reconciliation",
	},
	"check failed": {
		func(r *Record) {
			r.Checks[0] = CheckResult{Name: "users", Kind: CheckSQL, Subject: "main", Expected: "3", Observed: "2", Result: Fail}
		},
		VerdictFail, []string{"major quarterly/check-failed/users"}, "the check users of main failed: expected 3, observed 2",
	},
	"check without a result": {
		func(r *Record) { r.Checks[0].Result = "" },
		VerdictFail, []string{"major quarterly/check-failed/users"}, "the check users failed",
	},
	"check skipped": {
		func(r *Record) { r.Checks[0].Result = Skipped },
		VerdictFail, []string{"major quarterly/check-not-run/users"}, "skipped",
	},
	"check not run": {
		func(r *Record) { r.Checks = r.Checks[1:] },
		VerdictFail, []string{"major quarterly/check-not-run/users"}, "in the plan and was not run",
	},
	"check failed, what comes after was skipped": {
		func(r *Record) {
			r.Checks[0].Result, r.Reconciled[1].Result, r.Reconciled[2].Result = Fail, Skipped, Skipped
			r.Timeline.Reconciled = time.Time{}
		},
		VerdictFail, []string{"major quarterly/check-failed/users"}, "the check users failed",
	},
	"optional check failed": {
		func(r *Record) { r.Checks[1].Result, r.Checks[1].Detail = Fail, "expected 200, observed 503" },
		VerdictPartial, []string{"minor quarterly/check-warned/page"}, "the check page warns: expected 200, observed 503",
	},
	"optional check not run": {
		func(r *Record) { r.Checks = r.Checks[:1] },
		VerdictPartial, []string{"minor quarterly/check-not-run/page"}, "not run",
	},
	"chain reorganised": {
		func(r *Record) {
			r.Reconciled[1] = Reconciliation{Name: "ledger", Kind: ReconcileChain, Result: Fail, Items: []Item{
				{Name: "genesis", Result: Pass},
				{Name: "hash", Subject: "block 90", Expected: "0xaa", Observed: "0xbb", Result: Fail, Detail: "the first divergent block is 88"},
			}}
		},
		VerdictFail, []string{"critical quarterly/chain-diverged/ledger"}, "hash block 90: the first divergent block is 88: expected 0xaa, observed 0xbb",
	},
	"chain ahead": {
		func(r *Record) { r.Reconciled[1].Result, r.Reconciled[1].Detail = Warn, "3 accounts would send twice" },
		VerdictPartial, []string{"minor quarterly/reconciliation-warned/ledger"}, "3 accounts would send twice",
	},
	"failed item of a reconciliation that says pass": {
		func(r *Record) { r.Reconciled[2].Items = []Item{{Name: "a.pdf", Result: Fail, Detail: "is gone"}} },
		VerdictFail, []string{"major quarterly/objects-differ/files"}, "a.pdf: is gone",
	},
	"failed item of a reconciliation that says something else": {
		func(r *Record) {
			r.Reconciled[1].Result, r.Reconciled[1].Detail = Warn, "indexed up to block 20"
			r.Reconciled[1].Items = []Item{{Name: "head", Result: Pass, Detail: "is 24"}, {Name: "nonce", Subject: "0xf3", Result: Warn, Detail: "double-send hazard"}}
		},
		VerdictPartial, []string{"minor quarterly/reconciliation-warned/ledger"}, "indexed up to block 20; nonce 0xf3: double-send hazard",
	},
	"rows that differ": {
		func(r *Record) {
			r.Reconciled[2].Result, r.Reconciled[2].Detail = Fail, "1 of 2 rows differ"
			r.Reconciled[2].Items = []Item{{Name: "row 1", Expected: "a@example.com", Observed: "b@example.com", Result: Fail}}
		},
		VerdictFail, []string{"major quarterly/objects-differ/files"}, "failed: 1 of 2 rows differ",
	},
	"skipped item": {
		func(r *Record) { r.Reconciled[2].Items = []Item{{Name: "a.pdf", Result: Skipped}} },
		VerdictFail, []string{"major quarterly/reconciliation-not-run/files"}, "skipped, wholly or in part",
	},
	"fingerprint of what was recovered from WAL": {
		func(r *Record) {
			r.Plan.Reconcile = append(r.Plan.Reconcile, Reconcile{Name: "rows", Kind: ReconcileFingerprint, Surface: "main"})
		},
		VerdictFail, []string{"major quarterly/reconciliation-not-run/rows"}, "main was recovered to a moment, of which no fingerprint was taken",
	},
	"recovery that could not look": {
		func(r *Record) {
			r.Reconciled[0].Items, r.Reconciled[0].Result, r.Reconciled[0].Detail = nil, Warn, "pg_amcheck is not installed"
		},
		VerdictPartial, []string{"minor quarterly/reconciliation-warned/recovery-main"}, "pg_amcheck is not installed",
	},
	"recovery without the database": {
		func(r *Record) {
			r.Reconciled[0].Items, r.Reconciled[0].Result, r.Reconciled[0].Detail = nil, Fail, "shop was not there"
		},
		VerdictFail, []string{"critical quarterly/data-differs/main"}, "shop was not there",
	},
	"nothing was expected of an answer": {
		func(r *Record) {
			r.Surfaces, r.Plan.Surfaces, r.Reconciled, r.Plan.Reconcile = r.Surfaces[:1], r.Plan.Surfaces[:1], nil, nil
			r.Plan.Checks[0].Expect, r.Plan.Checks[0].Rows = "", ""
		},
		VerdictFail, []string{"major quarterly/nothing-compared"}, "expects something of the answer",
	},
	"reconciliation not run": {
		func(r *Record) { r.Reconciled = r.Reconciled[:2] },
		VerdictFail, []string{"major quarterly/reconciliation-not-run/files"}, "not run",
	},
	"node not reached": {
		func(r *Record) {
			r.Reconciled = r.Reconciled[:1]
			r.Failures = []Failure{{Phase: PhaseReconcile, Kind: "unavailable", Error: "the node does not answer"}}
		},
		VerdictFail, []string{"major quarterly/reconcile-failed"}, "reconcile failed (a server or a store could not be reached): the node does not answer",
	},
	"RTO over target": {
		func(r *Record) { r.Timeline.Reconciled = declared.Add(31 * time.Minute) },
		VerdictFail, []string{"major quarterly/rto-missed"}, "the recovery took 31m0s, and the target is 30m0s; the longest part was restore with 6m40s",
	},
	"RTO not measured": {
		func(r *Record) { r.Timeline.Reconciled = time.Time{} },
		VerdictFail, []string{"major quarterly/rto-not-measured"}, "none was measured",
	},
	"RPO over target": {
		func(r *Record) { r.Surfaces[1].Reached = declared.Add(-2 * time.Hour) },
		VerdictFail, []string{"major quarterly/rpo-missed"}, "redis was restored to 2h0m before the failure, and the target is 1m0s",
	},
	"RPO of an old point by choice": {
		func(r *Record) {
			r.Surfaces[1].Reached, r.Surfaces[1].Selection = declared.Add(-50*time.Hour), SelectRandom+": one of 5 snapshots"
		},
		VerdictFail, []string{"major quarterly/rpo-missed"}, "2d2h before the failure, and the target is 1m0s; its point was chosen (random: one of 5 snapshots)",
	},
	"RPO not measured": {
		func(r *Record) { r.Surfaces[0].Reached = time.Time{} },
		VerdictFail, []string{"major quarterly/rpo-not-measured"}, "the data of main",
	},
	"not isolated": {
		func(r *Record) {
			r.Isolation.Attempts = append(r.Isolation.Attempts, Attempt{What: "a connection from outside", Expected: "refused", Observed: "accepted", Result: Fail})
		},
		VerdictFail, []string{"critical quarterly/isolation-breached/a-connection-from-outside-fab9b7bb"}, "not apart: a connection from outside: expected refused, observed accepted",
	},
	"isolation with a doubt": {
		func(r *Record) { r.Isolation.Attempts[0].Result = Warn },
		VerdictPartial, []string{"minor quarterly/isolation-warned/a-login-without-a-password-b9358023"}, "a login",
	},
	"left behind": {
		func(r *Record) { r.Isolation.Left = []string{"process 7", "folder x"} },
		VerdictFail, []string{"major quarterly/left-behind"}, "there was still folder x and process 7",
	},
	"a phase that ended with an error and no failure": {
		func(r *Record) { r.Timeline.Phases[0].Error = "the list of points broke off" },
		VerdictFail, []string{"major quarterly/select-points-failed"}, "select points failed: the list of points broke off",
	},
	"tear-down failed": {
		func(r *Record) {
			r.Failures = []Failure{{Phase: PhaseTearDown, Surface: "main", Kind: "internal", Error: "it does not stop"}}
		},
		VerdictFail, []string{"major quarterly/tear-down-failed/main"}, "tear down of main failed: it does not stop",
	},
	"step not in the runbook": {
		func(r *Record) {
			r.ManualSteps = append(r.ManualSteps, ManualStep{Text: "Edited  pg_hba.conf", Commit: "c0ffee"})
		},
		VerdictFail, []string{"major quarterly/step-undocumented/edited-pg_hba.conf-b0d24a41"},
		`done by hand: "Edited pg_hba.conf"; it is not in recover.md at c0ffee: write it down there, and repeat the drill`,
	},
	"step without a runbook": {
		func(r *Record) { r.Plan.Runbook, r.ManualSteps[0].Documented = nil, false },
		VerdictFail, []string{"major quarterly/step-undocumented/switched-the-dns-to-the-standby-10c7711f"}, "the plan names no runbook",
	},
	"sanitising failed": {
		func(r *Record) {
			r.Sanitised = nil
			r.Failures = []Failure{{Phase: PhaseSanitize, Surface: "main", Kind: "invalid", Error: "mail: no column mail"}}
		},
		VerdictFail, []string{"major quarterly/sanitise-failed/main"}, "mail: no column mail",
	},
	"sanitising not run": {
		func(r *Record) { r.Sanitised = nil },
		VerdictFail, []string{"major quarterly/sanitising-not-run/main"}, "0 of the 1 sanitising rule for main ran",
	},
	"program failed": {
		func(r *Record) {
			r.Programs[0] = Started{Name: "api", Result: Fail, Detail: "it ended with status 1"}
			r.Failures = []Failure{{Phase: PhaseStart, Kind: "mismatch", Error: "it ended with status 1"}}
		},
		VerdictFail, []string{"major quarterly/program-failed/api"}, "the program api did not run as it should: it ended with status 1",
	},
	"start failed beside a program": {
		func(r *Record) {
			r.Programs[0] = Started{Name: "api", Result: Fail, Detail: "it ended with status 1"}
			r.Failures = []Failure{{Phase: PhaseStart, Kind: "unavailable", Error: "the worker is gone"}}
		},
		VerdictFail, []string{"major quarterly/program-failed/api", "major quarterly/start-failed"}, "it ended with status 1",
	},
	"program not started": {
		func(r *Record) { r.Programs = nil },
		VerdictFail, []string{"major quarterly/program-not-run/api"}, "was not started",
	},
	"refused to sign": {
		func(r *Record) {
			r.Failures = []Failure{{Phase: PhaseSignOff, Kind: FailureRefused, Error: "Ann: the page was empty"}}
		},
		VerdictFail, []string{"major quarterly/sign-off-refused"}, "an approver refused to sign the drill: Ann: the page was empty",
	},
	"cancelled": {
		func(r *Record) {
			*r = Record{ID: r.ID, PlanName: r.PlanName, Plan: r.Plan, Kind: r.Kind, Failures: []Failure{{Phase: PhaseRestore, Surface: "main", Kind: FailureCancelled}}}
		},
		VerdictAborted, []string{}, "",
	},
	"aborted": {
		func(r *Record) { r.Verdict, r.Checks, r.Reconciled = VerdictAborted, nil, nil },
		VerdictAborted, []string{}, "",
	},
	"cancelled after something failed": {
		func(r *Record) { r.Verdict, r.Checks[0].Result, r.Reconciled = VerdictAborted, Fail, nil },
		VerdictFail, []string{"major quarterly/check-failed/users"}, "users",
	},
	"annual without a fence": {
		func(r *Record) { r.Kind = AnnualFull },
		VerdictFail, []string{"major quarterly/untouched-not-shown"}, "no store and no database was fenced",
	},
	"annual that used what was barred": {
		func(r *Record) {
			r.Kind = AnnualFull
			r.Untouched = &Untouched{Fenced: []string{"store:primary", "surface:main"}, Used: []string{"store:offsite", "store:primary"}}
		},
		VerdictFail, []string{"critical quarterly/live-touched/store-primary-3d8e85da"}, "store:primary is live and was barred, and the drill used it",
	},
	"stopped at a fence that nobody remembers": {
		func(r *Record) { r.Untouched = &Untouched{Refused: []string{"surface:main"}} },
		VerdictFail, []string{"critical quarterly/live-touched/surface-main-a753d8fb"}, "was stopped",
	},
	"annual that was stopped": {
		func(r *Record) {
			r.Kind = AnnualFull
			r.Untouched = &Untouched{Fenced: []string{"surface:main"}, Refused: []string{"surface:main"}}
		},
		VerdictFail, []string{"critical quarterly/live-touched/surface-main-a753d8fb"}, "was stopped",
	},
}

func failRestore(surface string, kind fault.Kind, text string) func(*Record) {
	return func(r *Record) {
		for i := range r.Surfaces {
			if r.Surfaces[i].Surface == surface {
				r.Surfaces[i].Result, r.Surfaces[i].Error = Fail, text
			}
		}
		r.Failures = append(r.Failures, Failure{Phase: PhaseRestore, Surface: surface, Kind: string(kind), Error: text})
		// What comes after a failed restore is not done.
		r.Checks, r.Reconciled, r.Programs, r.Sanitised, r.Timeline.Reconciled = nil, nil, nil, nil, time.Time{}
	}
}

func TestEveryFaultHasItsVerdictAndItsCause(t *testing.T) {
	t.Parallel()
	for name, c := range faulty {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := soundDrill()
			c.change(&r)
			got := Judge(r, nil, judged)
			if got.Verdict != c.verdict {
				t.Errorf("verdict %s, want %s", got.Verdict, c.verdict)
			}
			if diff := cmp.Diff(c.findings, open(got)); diff != "" {
				t.Error(diff)
			}
			for i, f := range got.Findings {
				if i == 0 && (!strings.Contains(f.Cause, c.cause) || !strings.Contains(got.Summary, clip(f.Cause))) {
					t.Errorf("cause %q, summary %q", f.Cause, got.Summary)
				}
				due := map[string]int{SeverityCritical: 7, SeverityMajor: 14, SeverityMinor: 30}[f.Severity]
				if f.Owner != "ops@example.com" || f.Found != r.ID || f.Seen != r.ID || !f.FoundAt.Equal(judged) ||
					!f.Due.Equal(judged.Add(time.Duration(due)*day)) || f.Status != FindingOpen {
					t.Errorf("%+v", f)
				}
			}
			if c.verdict == VerdictAborted && !strings.Contains(got.Summary, "cancelled") {
				t.Error(got.Summary)
			}
		})
	}
}

func TestAnnualDrillThatTouchedNothingLive(t *testing.T) {
	t.Parallel()
	r := soundDrill()
	r.Kind, r.Plan.Kind = "", AnnualFull
	r.Untouched = &Untouched{Fenced: []string{"store:primary", "surface:main"}, Used: []string{"store:offsite"}, Method: "fence"}
	if got := Judge(r, nil, judged); got.Verdict != VerdictPass {
		t.Errorf("%s %s", got.Verdict, got.Summary)
	}
}

// An attempt is the same one at another address.
func TestIDsOfAttempts(t *testing.T) {
	t.Parallel()
	one, other := findingID("p", codeIsolation, "a connection to 10.0.0.5:43121"), findingID("p", codeIsolation, "a connection to 10.1.0.17:80")
	if one != other || one == findingID("p", codeIsolation, "a login at 10.0.0.5:43121") {
		t.Error(one, other)
	}
	for subject, want := range map[string]string{
		"": "p/check-failed", "api": "p/check-failed/api", "api_2.x": "p/check-failed/api_2.x", "API": "p/check-failed/api-7aa6f0e7",
		"ü": "p/check-failed/119dd44a", strings.Repeat("a", 41): "p/check-failed/" + strings.Repeat("a", 40) + "-ec613944",
	} {
		if got := findingID("p", codeCheckFailed, subject); got != want {
			t.Errorf("%q is %s, want %s", subject, got, want)
		}
	}
}

// Every kind of fault has a code of its own, or that of a comparison.
func TestEveryKindOfFaultIsKnown(t *testing.T) {
	t.Parallel()
	codes := restoreCodes()
	for _, kind := range fault.Kinds {
		code := restoreCode(string(kind))
		if code == codeDiffers {
			continue
		}
		if !slices.Contains(codes, code) || (kind != fault.Internal) != (meaningOf(string(kind)) != "") {
			t.Errorf("%s is %s", kind, code)
		}
	}
}

func TestObjectives(t *testing.T) {
	t.Parallel()
	r := soundDrill()
	r.Plan.Targets = Targets{}
	r.Surfaces[0].Reached = declared.Add(time.Second)
	r.Surfaces = r.Surfaces[:1]
	r.Plan.Surfaces = r.Plan.Surfaces[:1]
	r.Surfaces[0].Steps = []Phase{{Seconds: 5}, {Seconds: 6}}
	r.Timeline.Phases = nil
	r.Objectives.Trend = &Trend{Runs: 3}
	got := Judge(r, nil, judged)
	want := Objectives{RTOSeconds: 720, RTOMeasured: true, RPOMeasured: true, RPOOf: "main", RestoreSeconds: 11, Formula: formula, Trend: &Trend{Runs: 3}}
	if diff := cmp.Diff(want, got.Objectives); diff != "" || got.Verdict != VerdictPass {
		t.Error(got.Verdict, diff)
	}
	if !strings.Contains(got.Summary, "RTO 12m0s without a target; RPO 0 s (main) without a target.") {
		t.Error(got.Summary)
	}
	// What failed has not recovered, and has no RTO.
	r.Checks[0].Result = Fail
	if o := Judge(r, nil, judged).Objectives; o.RTOMeasured || o.RTOSeconds != 0 || !o.RPOMeasured {
		t.Errorf("%+v", o)
	}
	// Neither has one that was reconciled before it was declared, nor an RPO without a surface of the plan.
	r = soundDrill()
	r.Timeline.Declared = r.Timeline.Reconciled.Add(time.Second)
	r.Plan.Surfaces = append(r.Plan.Surfaces, "other")
	if o := Judge(r, nil, judged).Objectives; o.RTOMeasured || o.RPOMeasured || o.RTOMet != nil || o.RPOMet != nil {
		t.Errorf("%+v", o)
	}
}

func TestInWords(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{
		0: "0 s", 0.44: "0.4 s", 12.34: "12.3 s", 59.94: "59.9 s", 59.96: "1m0s", 61.5: "1m2s",
		3599: "59m59s", 3600: "1h0m", 7300: "2h2m", 172800: "2d0h", 180000: "2d2h",
	} {
		if got := inWords(seconds); got != want {
			t.Errorf("%v is %q, want %q", seconds, got, want)
		}
	}
}

// shuffled is a record with everything in it in another order.
func shuffled(r Record, random *rand.Rand) Record {
	shuffle(random, &r.Surfaces)
	shuffle(random, &r.Checks)
	shuffle(random, &r.Reconciled)
	shuffle(random, &r.Programs)
	shuffle(random, &r.Sanitised)
	shuffle(random, &r.Failures)
	shuffle(random, &r.ManualSteps)
	shuffle(random, &r.Findings)
	shuffle(random, &r.Isolation.Attempts)
	shuffle(random, &r.Plan.Surfaces)
	shuffle(random, &r.Plan.Checks)
	shuffle(random, &r.Plan.Reconcile)
	return r
}

func shuffle[T any](random *rand.Rand, of *[]T) {
	*of = slices.Clone(*of)
	random.Shuffle(len(*of), func(a, b int) { (*of)[a], (*of)[b] = (*of)[b], (*of)[a] })
}

// TestJudgeHolds puts random faults together: the verdict is that of the worst,
// whatever the order, and a record judged again says the same.
func TestJudgeHolds(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range faulty {
			if !yield(name) {
				return
			}
		}
	})
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 4))
		r, prior := soundDrill(), []Finding{}
		var chosen []string
		for range random.IntN(4) {
			chosen = append(chosen, names[random.IntN(len(names))])
		}
		for _, name := range chosen {
			apply(&r, faulty[name].change)
		}
		for range random.IntN(4) {
			was := soundDrill()
			was.ID = "20260101"
			apply(&was, faulty[names[random.IntN(len(names))]].change)
			prior = append(prior, Judge(was, nil, judged.AddDate(0, -random.IntN(3), 0)).Findings...)
		}
		got := Judge(r, prior, judged)
		// Only one sort of earlier finding matters to this verdict.
		missing := slices.ContainsFunc(prior, func(f Finding) bool { return f.Code == codeUndocumented && !strings.Contains(f.Subject, "DNS") })
		if (got.Verdict == VerdictPass) != (len(chosen) == 0 && !missing) {
			t.Fatalf("seed %d: %v gives %s: %s", seed, chosen, got.Verdict, got.Summary)
		}
		for _, f := range got.Findings {
			if f.Seen == got.ID && f.Severity != SeverityMinor && got.Verdict != VerdictFail {
				t.Fatalf("seed %d: %s with %+v", seed, got.Verdict, f)
			}
		}
		shuffle(random, &prior)
		other := Judge(shuffled(r, random), prior, judged)
		if diff := cmp.Diff(got.Findings, other.Findings); diff != "" || got.Verdict != other.Verdict || got.Summary != other.Summary {
			t.Fatalf("seed %d: %v in another order: %s and %s\n%s", seed, chosen, got.Summary, other.Summary, diff)
		}
		// Judged again, with and without what was known before, it is the same.
		for _, before := range [][]Finding{prior, nil} {
			if diff := cmp.Diff(got, Judge(got, before, judged)); diff != "" {
				t.Fatalf("seed %d: %v judged again:\n%s", seed, chosen, diff)
			}
		}
		for _, f := range prior {
			if !slices.ContainsFunc(got.Findings, func(g Finding) bool { return g.ID == f.ID && g.Found == f.Found }) {
				t.Fatalf("seed %d: %s was forgotten", seed, f.ID)
			}
		}
	}
}

// apply makes a change, unless what it changes is not there for an earlier one.
func apply(r *Record, change func(*Record)) {
	defer func() { _ = recover() }()
	change(r)
}
