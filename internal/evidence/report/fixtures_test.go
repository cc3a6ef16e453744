package report

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

var declared = time.Date(2026, 4, 1, 6, 0, 0, 0, time.UTC)

// at is so many seconds after the declaration.
func at(seconds float64) time.Time {
	return declared.Add(time.Duration(seconds * float64(time.Second)))
}

func length(d time.Duration) drill.Duration { return drill.Duration(d) }

const (
	digestA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	digestB = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
	commit  = "4f2d9c1e6b7a8305d1c2e3f4a5b6c7d8e9f00112"
)

// quarterlyPlan is a plan that names everything that one can.
func quarterlyPlan() drill.Plan {
	return drill.Plan{
		Kind: drill.Quarterly, Cron: "0 6 1 1,4,7,10 *", TimeZone: "Europe/Vienna", Surfaces: []string{"main", "cache"}, Store: "offsite",
		Points:   map[string]drill.Selection{"cache": {Select: drill.SelectLatest}},
		Targets:  drill.Targets{RTO: length(15 * time.Minute), RPO: length(5 * time.Minute)},
		Sanitize: []drill.Sanitize{{Name: "mail", Surface: "main", SQL: "UPDATE users SET mail = NULL"}},
		Start:    []drill.Program{{Name: "migrate", Command: []string{"shop", "migrate"}, Once: true}, {Name: "api", Command: []string{"shop", "serve"}}},
		Checks:   []drill.Check{{Name: "orders", Kind: drill.CheckSQL, Surface: "main"}, {Name: "front page", Kind: drill.CheckHTTP}, {Name: "sessions", Kind: drill.CheckRedis, Optional: true}},
		Reconcile: []drill.Reconcile{
			{Name: "stock", Kind: drill.ReconcileQuery, Surface: "main"}, {Name: "invoices", Kind: drill.ReconcileObjects, Surface: "main"},
			{Name: "token ledger", Kind: drill.ReconcileChain, Surface: "main"},
		},
		Runbook:  &drill.Runbook{Repository: "/srv/runbooks", File: "shop/recover.md"},
		Scenario: "The region of the primary store is lost, and with it the cluster.", Services: []string{"shop", "payment"}, Criticality: "critical",
		Assumptions:  []string{"The off-site store can be reached"},
		ThirdParties: []string{"the payment provider"}, Exclusions: []string{"search index: it is rebuilt from main"},
		Criteria: []string{"Every order that was confirmed is there", "The front page answers"},
		Owner:    "Anna Gruber", Operator: "Jonas Weiss", Observers: []string{"internal audit"}, Participants: []string{"Jonas Weiss", "Mira Novak"},
		AbsentKeyPerson: "the database administrator", Reviewer: "Lena Hofer", RouteSwitch: "runbook, section 7: change the record of shop.example.com",
	}
}

// passing is a quarterly drill in which all is well.
func passing() drill.Record {
	prior := []drill.Finding{{
		ID: "shop-quarterly/rto-missed", Code: "rto-missed", Severity: drill.SeverityMajor, Cause: "the recovery took 19 min, and the target is 15 min",
		Owner: "Anna Gruber", Due: at(-60 * 86400), Status: drill.FindingOpen, Found: "20260101T060000.000Z-abcdef", FoundAt: at(-90 * 86400), Seen: "20260101T060000.000Z-abcdef",
	}, {
		ID: "shop-quarterly/check-warned/legacy", Code: "check-warned", Severity: drill.SeverityMinor, Subject: "legacy", Cause: "the check legacy warns: the certificate ends soon",
		Owner: "Mira Novak", Due: at(20 * 86400), Status: drill.FindingOpen, Found: "20260101T060000.000Z-abcdef", FoundAt: at(-90 * 86400), Seen: "20260101T060000.000Z-abcdef",
		Accepted: &drill.Acceptance{By: "Anna Gruber", Until: at(30 * 86400), Reason: "it is switched off in May", At: at(-80 * 86400)},
	}}
	r := drill.Record{
		SchemaVersion: drill.SchemaVersion, ID: "20260401T060000.000Z-abcdef", Revision: 1, Kind: drill.Quarterly, PlanName: "shop-quarterly", Plan: quarterlyPlan(),
		Identity: drill.Identity{
			WorkflowID: "drill/shop-quarterly", RunID: "0195f0a2-7c11-7e53-9d2c-5a8f1b3c4d5e", Trigger: "schedule", StartedBy: "schedule",
			Config: digestA, PlanDigest: digestB, RunbookCommit: commit, Host: "drill-1.example.com",
			Parts: map[string]string{"store:offsite": digestA, "surface:main": digestB, "surface:cache": digestA, "keys": digestB, "plan": digestB, "route-switch": digestA, "version": "0.9.0"},
			Tools: map[string]string{"lifeboat": "0.9.0", "main": "PostgreSQL 17.5", "cache": "Redis 8.2.1"},
		},
		Surfaces: []drill.Restored{{
			Surface: "main", Kind: "postgres", Selection: drill.SelectLatest, Point: "20260401T000000.000Z-mnopab", PointKind: "base",
			URI: "main/base/20260401T000000.000Z-mnopab", Store: "offsite", Manifest: digestA, CreatedAt: at(-6 * 3600), Bytes: 41_876_553_122, PlainBytes: 98_112_004_331,
			LockedUntil: at(29 * 86400), Recipients: []string{"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"},
			Reached: at(-42), ReachedBy: "the last transaction that is there", StartLSN: "2A/28000028", EndLSN: "2A/9F3C1A48", Timeline: 3,
			Gaps: []string{"00000003000000290000000F to 000000030000002900000011"}, RestoreID: "drill-main-1", Address: "127.0.0.1:54871", Result: drill.Pass,
			Steps: []drill.Phase{{Name: "fetch", Seconds: 148.2}, {Name: "decrypt and unpack", Seconds: 61.4}, {Name: "replay WAL", Seconds: 83.9}, {Name: "check", Seconds: 12.1}},
		}, {
			Surface: "cache", Kind: "redis", Selection: drill.SelectLatest, Point: "20260401T055500.000Z-ghijkl", PointKind: "snapshot",
			URI: "cache/snapshots/20260401T055500.000Z-ghijkl", Store: "offsite", Manifest: digestB, CreatedAt: at(-300 + 118), Bytes: 731_990_211, PlainBytes: 1_204_773_888,
			LockedUntil: at(29 * 86400), Recipients: []string{"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"},
			Reached: at(-300 + 118), ReachedBy: "the snapshot's own moment", RestoreID: "drill-cache-1", Address: "127.0.0.1:54872",
			Compared: 18, Counts: map[string]int64{"keys": 1_284_113, "databases": 2}, Result: drill.Pass,
			Steps: []drill.Phase{{Name: "fetch", Seconds: 6.3}, {Name: "load", Seconds: 9.8}, {Name: "compare", Seconds: 4.2}},
		}},
		Isolation: drill.Isolation{
			Where: "processes of the host drill-1.example.com, on loopback only",
			Attempts: []drill.Attempt{
				{What: "a connection to main from another address of the host", Expected: "refused", Observed: "connection refused", Result: drill.Pass},
				{What: "a login to main without a password", Expected: "refused", Observed: "password authentication failed", Result: drill.Pass},
				{What: "a login to cache with the password of production", Expected: "refused", Observed: "WRONGPASS", Result: drill.Pass},
			},
			Limits: []string{"programs of the application can reach the network of the host"}, TornDown: at(452),
		},
		Sanitised: []drill.Sanitised{{Name: "mail", Surface: "main", Digest: digestB, Rows: 88_204}},
		Programs: []drill.Started{
			{Name: "migrate", Result: drill.Pass, Seconds: 4.1, LogDigest: digestA},
			{Name: "api", Result: drill.Pass, Seconds: 2.7, LogDigest: digestB},
		},
		Checks: []drill.CheckResult{
			{Name: "orders", Kind: drill.CheckSQL, Subject: "main", Expected: "> 1000000", Observed: "1402991", Result: drill.Pass, Attempts: 1, Seconds: 0.21},
			{Name: "front page", Kind: drill.CheckHTTP, Subject: "http://127.0.0.1:8080/", Expected: "status 200, body *= Welcome", Observed: "200, <!doctype html><title>Welcome</title>", Result: drill.Pass, Attempts: 3, Seconds: 4.6, LogDigest: digestA},
			{Name: "sessions", Kind: drill.CheckRedis, Subject: "cache", Expected: "PONG", Observed: "PONG", Result: drill.Pass, Attempts: 1, Seconds: 0.02, Optional: true},
		},
		Reconciled: []drill.Reconciliation{
			{Name: "fingerprint of cache", Kind: drill.ReconcileFingerprint, Subject: "cache", Result: drill.Pass, Detail: "18 entries are equal"},
			{Name: "amcheck of main", Kind: drill.ReconcileRecovery, Subject: "main", Result: drill.Pass, Detail: "214 indexes are sound"},
			{Name: "stock", Kind: drill.ReconcileQuery, Subject: "main, cache", Result: drill.Pass, Seconds: 1.3, Items: []drill.Item{{Name: "articles", Expected: "48211", Observed: "48211", Result: drill.Pass}}},
			{Name: "invoices", Kind: drill.ReconcileObjects, Subject: "main, the store invoices", Result: drill.Pass, Detail: "312004 objects at their versions", Seconds: 61.9},
			{Name: "token ledger", Kind: drill.ReconcileChain, Subject: "main", Result: drill.Pass, Detail: "17 blocks behind the final height", Seconds: 12.4, Items: []drill.Item{
				{Name: "chain ID", Expected: "1", Observed: "1", Result: drill.Pass},
				{Name: "hash at the indexed height", Subject: "block 22171904", Expected: "0x4e3a3754410177e6937ef1f84bba68ea139e8d1a2258c5f85db9f1cd715a1bdd", Observed: "0x4e3a3754410177e6937ef1f84bba68ea139e8d1a2258c5f85db9f1cd715a1bdd", Result: drill.Pass},
			}},
		},
		Timeline: drill.Timeline{
			Failed: declared, Declared: declared, DatabaseReady: at(310.4), Healthy: at(330.9), Reconciled: at(407.2), Judged: at(452.5),
			Phases: []drill.Phase{
				{Name: drill.PhaseDeclare, Start: declared, Seconds: 0.4}, {Name: drill.PhaseSelect, Start: at(0.4), Seconds: 1.9}, {Name: drill.PhaseIsolate, Start: at(2.3), Seconds: 0.8},
				{Name: drill.PhaseRestore, Start: at(3.1), Seconds: 307.3}, {Name: drill.PhaseSanitize, Start: at(310.4), Seconds: 3.2}, {Name: drill.PhaseStart, Start: at(313.6), Seconds: 7.1},
				{Name: drill.PhaseCheck, Start: at(320.7), Seconds: 10.2}, {Name: drill.PhaseReconcile, Start: at(330.9), Seconds: 76.3}, {Name: drill.PhaseTearDown, Start: at(407.2), Seconds: 44.8},
				{Name: drill.PhaseJudge, Start: at(452.5), Seconds: 0.1},
			},
		},
		ManualSteps: []drill.ManualStep{{At: at(315), By: "Jonas Weiss", Text: "Entered the passphrase of the payment keystore", Documented: true, Commit: commit}},
		NextDue:     time.Date(2026, 7, 1, 4, 0, 0, 0, time.UTC),
	}
	r = drill.Judge(r, prior, r.Timeline.Judged)
	r.Objectives.Trend = drill.TrendOf(r, []drill.Summary{earlier("20260101T060000.000Z-abcdef", drill.VerdictFail, 1140, 55), earlier("20251001T060000.000Z-abcdef", drill.VerdictPass, 388.5, 61), earlier("20250701T060000.000Z-abcdef", drill.VerdictPass, 431, 12.4)})
	return r
}

// earlier is a drill that was judged before.
func earlier(id, verdict string, rto, rpo float64) drill.Summary {
	return drill.Summary{ID: id, Plan: "shop-quarterly", Kind: drill.Quarterly, Revision: 1, Verdict: verdict, Objectives: drill.Objectives{RTOMeasured: true, RTOSeconds: rto, RPOMeasured: true, RPOSeconds: rpo}}
}

// failing is an annual full test in which nearly everything is wrong.
func failing() drill.Record {
	r := passing()
	r.ID, r.Revision, r.Kind, r.Plan.Kind, r.PlanName = "20260402T060000.000Z-ponmlk", 2, drill.AnnualFull, drill.AnnualFull, "shop-annual"
	r.Objectives, r.Findings, r.Verdict, r.Summary = drill.Objectives{}, nil, "", ""
	r.Plan.Runbook.Ref, r.Plan.Targets.RTO = "release", length(5*time.Minute)
	r.Identity.Trigger, r.Identity.StartedBy = "request", "Jonas Weiss"
	r.Surfaces[0].Result, r.Surfaces[0].Error = drill.Fail, "part 7 of main/base/20260401T000000.000Z-mnopab is not what was written: its digest differs"
	r.Surfaces[0].Reached, r.Surfaces[0].ReachedBy, r.Surfaces[0].EndLSN, r.Surfaces[0].Address = time.Time{}, "", "", ""
	r.Surfaces[0].Steps = []drill.Phase{{Name: "fetch", Seconds: 148.2, Error: "part 7 is not what was written"}}
	r.Surfaces[1].Selection, r.Surfaces[1].Asked, r.Surfaces[1].Compared, r.Surfaces[1].Counts = drill.SelectRandom, "any snapshot that is kept", 0, nil
	r.Isolation.Attempts[1] = drill.Attempt{What: "a login to main without a password", Expected: "refused", Observed: "logged in as postgres", Result: drill.Fail}
	r.Isolation.Attempts[2].Result, r.Isolation.Attempts[2].Observed = drill.Warn, "not tried: the host has one address"
	r.Isolation.TornDown, r.Isolation.Left = time.Time{}, []string{"/var/lib/lifeboat/drills/20260402T060000.000Z-ponmlk/main", "process 4711"}
	r.Sanitised = nil
	r.Programs = []drill.Started{{Name: "migrate", Result: drill.Fail, Detail: "it ended with status 1: relation \"orders\" does not exist", Seconds: 0.4, LogDigest: digestA}, {Name: "api", Result: drill.Skipped}}
	r.Checks[0].Result, r.Checks[0].Observed, r.Checks[0].Attempts = drill.Skipped, "", 0
	r.Checks[1].Result, r.Checks[1].Observed, r.Checks[1].Detail, r.Checks[1].Attempts = drill.Fail, "connection refused", "nothing listens on 127.0.0.1:8080", 6
	r.Checks[2].Result, r.Checks[2].Observed, r.Checks[2].Detail = drill.Warn, "LOADING", "the answer is another one"
	r.Reconciled[0].Result, r.Reconciled[0].Detail = drill.Fail, "1 of 18 entries differs"
	r.Reconciled[0].Items = []drill.Item{{Name: "database 0", Subject: "keys", Expected: "1284113", Observed: "1284112", Result: drill.Fail, Detail: "one key is missing"}}
	r.Reconciled[4].Result, r.Reconciled[4].Detail = drill.Fail, "the chain diverges from block 22171880 on, which is final"
	r.Reconciled[4].Items[1].Observed, r.Reconciled[4].Items[1].Result = "0x0000000000000000000000000000000000000000000000000000000000000000", drill.Fail
	r.Timeline.Healthy, r.Timeline.Reconciled = time.Time{}, time.Time{}
	r.Timeline.Phases[3].Error = "part 7 is not what was written"
	r.Timeline.Phases[8].Error = "process 4711 does not end"
	r.Failures = []drill.Failure{
		{Phase: drill.PhaseRestore, Surface: "main", Kind: "corrupt", Error: r.Surfaces[0].Error},
		{Phase: drill.PhaseTearDown, Kind: "conflict", Error: "process 4711 does not end"},
	}
	r.ManualSteps = append(r.ManualSteps, drill.ManualStep{At: at(318), By: "Mira Novak", Text: "Copied /etc/shop/license by hand", Commit: commit})
	r.WrittenDown = []string{"Restart the proxy after the switch"}
	r.Untouched = &drill.Untouched{
		Fenced: []string{"store:primary", "surface:main", "surface:cache"}, Used: []string{"store:offsite", "store:primary"},
		Refused: []string{"surface:main"}, Method: "every step asks the fence of the worker before it opens a store or a database",
	}
	prior := []drill.Finding{{
		ID: "shop-annual/restore-corrupt/main", Code: "restore-corrupt", Severity: drill.SeverityCritical, Subject: "main", Cause: "main could not be restored",
		Owner: "Mira Novak", Due: at(-300 * 86400), Status: drill.FindingOpen, Found: "20250401T060000.000Z-abcdef", FoundAt: at(-365 * 86400), Seen: "20250401T060000.000Z-abcdef",
	}}
	r = drill.Judge(r, prior, r.Timeline.Judged)
	r.Objectives.Trend = drill.TrendOf(r, nil)
	return r
}

// aborted is a drill that was cancelled before anything was done.
func aborted() drill.Record {
	return drill.Judge(drill.Record{
		SchemaVersion: drill.SchemaVersion, ID: "20260403T060000.000Z-aaaaaa", Revision: 1, PlanName: "shop-quarterly",
		Timeline: drill.Timeline{Failed: declared, Declared: declared},
		Failures: []drill.Failure{{Phase: drill.PhaseSelect, Kind: drill.FailureCancelled, Error: "the drill was cancelled"}},
	}, nil, at(3))
}

// tabletop is a drill of people, of whom one told of a step in other words.
func tabletop() drill.Record {
	return drill.Judge(drill.Record{
		SchemaVersion: drill.SchemaVersion, ID: "20260404T080000.000Z-bbbbbb", Revision: 1, Kind: drill.Tabletop, PlanName: "ransomware",
		Plan: drill.Plan{
			Kind: drill.Tabletop, Scenario: "Somebody has encrypted every disk of the office, and the backups are all that is left.", Owner: "Anna Gruber",
			Steps:        []string{"Decide who declares the disaster", "Find the keys of the backups without the office network", "Call the insurer"},
			Participants: []string{"Anna Gruber", "Jonas Weiss", "Mira Novak"},
		},
		Identity: drill.Identity{Trigger: "request", StartedBy: "Anna Gruber", WorkflowID: "drill/ransomware", RunID: "0195f0a2-7c11-7e53-9d2c-000000000000"},
		Timeline: drill.Timeline{Failed: declared, Declared: declared, Judged: at(5400), Phases: []drill.Phase{{Name: drill.PhaseTabletop, Start: declared, Seconds: 5400}}},
		ManualSteps: []drill.ManualStep{
			{At: at(600), By: "Anna Gruber", Text: "decide who declares the disaster."}, {At: at(2400), By: "Jonas Weiss", Text: "Find the keys of the backups without the office network"},
		},
	}, nil, at(5400))
}

// yearly is the coverage of two plans.
func yearly() *drill.Coverage {
	c := drill.Cover(map[string]drill.PlanRuns{
		"shop-quarterly": {Plan: quarterlyPlan(), Due: func(_, _ time.Time) int { return 4 }, Drills: []drill.Summary{drill.SummaryOf(passing())}},
		"ransomware":     {Plan: tabletop().Plan, Drills: []drill.Summary{drill.SummaryOf(tabletop())}},
	}, []string{"main", "cache", "archive"}, at(86400))
	return &c
}

func signed(r drill.Record, digest string) *drill.SignedOff {
	return &drill.SignedOff{
		DrillID: r.ID, Revision: r.Revision, Record: digest, Decision: drill.DecisionSigned, Signer: "Anna Gruber", Role: "approver",
		Statement: "I compared the orders of the last hour with the confirmations that were sent. They are there.", At: at(26 * 3600),
	}
}
