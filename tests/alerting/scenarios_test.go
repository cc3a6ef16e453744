package alerting_test

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// scenarios are, for each rule, where it fires, where it does not, and both sides of its bounds.
func scenarios() []scenario {
	all := append(watching(), backups()...)
	all = append(append(all, wal()...), drills()...)
	return append(all, vitals()...)
}

// of are scenarios of one rule that hold at once.
func of(rule string, fires int, name string, fill func(r *status.Report, now time.Time)) scenario {
	return scenario{rule: rule, name: name, make: fill, fires: fires}
}

// lasting is a scenario that has held for a time.
func (s scenario) lasting(held time.Duration) scenario {
	s.held = held
	return s
}

func watching() []scenario {
	aged := func(age time.Duration) func(*status.Report, time.Time) {
		return func(r *status.Report, now time.Time) { r.At = now.Add(-age) }
	}
	away := func(r *status.Report, _ time.Time) {
		r.Stores = []status.Store{{Name: "primary", Kind: "s3"}, {Name: "offsite", Kind: "azure", Usable: true}}
	}
	blind := func(r *status.Report, _ time.Time) {
		r.Blind = []string{"store primary: refused", "surface main: refused", "surface main: gone, too"}
	}
	ledger := func(verifies bool, age time.Duration) func(*status.Report, time.Time) {
		return func(r *status.Report, now time.Time) {
			r.Ledger = status.Ledger{Kept: true, Verifies: verifies}
			if !verifies {
				r.Ledger.Problem = "entry 3 was altered"
			}
			if age > 0 {
				r.Ledger.VerifiedAt = now.Add(-age)
			}
		}
	}
	unread := func(since time.Duration) func(*status.Report, time.Time) {
		return func(r *status.Report, now time.Time) {
			r.Since, r.Ledger = now.Add(-since), status.Ledger{Kept: true}
		}
	}
	return []scenario{
		of("LifeboatLedgerNotVerifying", 0, "not read yet", unread(time.Hour)).lasting(time.Hour),
		of("LifeboatLedgerNotVerifying", 0, "not read for two days", unread(48*time.Hour)).lasting(5 * time.Minute),
		of("LifeboatLedgerNotVerifying", 1, "never read", unread(48*time.Hour+6*time.Minute)).lasting(5 * time.Minute),
		of("LifeboatNotWatching", 0, "a report of now", aged(0)).lasting(30 * time.Minute),
		of("LifeboatNotWatching", 0, "almost three minutes", aged(3*time.Minute-time.Second)).lasting(time.Minute),
		of("LifeboatNotWatching", 1, "more than three minutes", aged(3*time.Minute+time.Second)).lasting(time.Minute),
		of("LifeboatNotWatching", 1, "an hour", aged(time.Hour)).lasting(time.Minute),
		of("LifeboatStoreUnreachable", 1, "two minutes", away).lasting(2 * time.Minute),
		of("LifeboatStoreUnreachable", 0, "a minute", away).lasting(time.Minute),
		of("LifeboatStoreUnreachable", 0, "well", func(r *status.Report, _ time.Time) { r.Stores = []status.Store{{Name: "p", Usable: true}} }).lasting(time.Hour),
		of("LifeboatBlind", 2, "ten minutes", blind).lasting(10 * time.Minute),
		of("LifeboatBlind", 0, "nine minutes", blind).lasting(9 * time.Minute),
		of("LifeboatBlind", 0, "sees all", func(*status.Report, time.Time) {}).lasting(time.Hour),
		of("LifeboatLedgerNotVerifying", 1, "changed", ledger(false, time.Hour)).lasting(5 * time.Minute),
		of("LifeboatLedgerNotVerifying", 0, "changed a while ago", ledger(false, time.Hour)).lasting(4 * time.Minute),
		of("LifeboatLedgerNotVerifying", 0, "not yet verified", ledger(true, 0)).lasting(time.Hour),
		of("LifeboatLedgerNotVerifying", 0, "verified two days ago", ledger(true, 48*time.Hour)).lasting(5 * time.Minute),
		of("LifeboatLedgerNotVerifying", 1, "verified long ago", ledger(true, 48*time.Hour+6*time.Minute)).lasting(5 * time.Minute),
		of("LifeboatLedgerNotVerifying", 0, "there is none", func(*status.Report, time.Time) {}).lasting(time.Hour),
	}
}

// policy is one whose runs are ten minutes apart.
func policy(change func(p *status.Policy, now time.Time)) func(*status.Report, time.Time) {
	return func(r *status.Report, now time.Time) {
		p := status.Policy{Name: "main-daily", Surface: "main", Kind: "snapshot", IntervalSeconds: 600, LastSuccess: now.Add(-time.Minute)}
		change(&p, now)
		well := status.Policy{Name: "redis-hourly", Surface: "redis", Kind: "snapshot", IntervalSeconds: 600, LastSuccess: now}
		r.Policies = []status.Policy{p, well}
	}
}

func backups() []scenario {
	last := func(age time.Duration) func(*status.Report, time.Time) {
		return policy(func(p *status.Policy, now time.Time) { p.LastSuccess = now.Add(-age) })
	}
	unverified := func(age time.Duration) func(*status.Report, time.Time) {
		return policy(func(p *status.Policy, now time.Time) { p.UnverifiedSince = now.Add(-age) })
	}
	losing := func(target float64, rpo ...float64) func(*status.Report, time.Time) {
		return func(r *status.Report, _ time.Time) {
			s := status.Surface{Name: "main", RPOTarget: target}
			if len(rpo) > 0 {
				s.RPOSeconds = &rpo[0]
			}
			r.Surfaces = []status.Surface{s}
		}
	}
	awaited := func(until time.Duration) func(*status.Report, time.Time) {
		return func(r *status.Report, now time.Time) {
			r.Surfaces = []status.Surface{{Name: "main", RPOTarget: 60, FirstDue: now.Add(until)}}
		}
	}
	never := func(since time.Duration) func(*status.Report, time.Time) {
		return func(r *status.Report, now time.Time) {
			policy(func(p *status.Policy, _ time.Time) { p.LastSuccess, p.Since = time.Time{}, now.Add(-since) })(r, now)
		}
	}
	return []scenario{
		of("LifeboatBackupFailed", 1, "failed", policy(func(p *status.Policy, _ time.Time) { p.FailedLast, p.Failures = true, 1 })),
		of("LifeboatBackupFailed", 0, "failed before", policy(func(p *status.Policy, now time.Time) { p.LastFailure, p.Failures = now, 1 })),
		of("LifeboatNoNewPoint", 0, "1.5 intervals", last(15*time.Minute)),
		of("LifeboatNoNewPoint", 1, "more", last(15*time.Minute+time.Second)),
		of("LifeboatNoNewPoint", 0, "paused", policy(func(p *status.Policy, now time.Time) { p.LastSuccess, p.Paused = now.Add(-time.Hour), true })),
		of("LifeboatNoNewPoint", 0, "without a schedule", policy(func(p *status.Policy, now time.Time) { p.LastSuccess, p.IntervalSeconds = now.Add(-time.Hour), 0 })),
		of("LifeboatNoNewPoint", 0, "none yet", never(15*time.Minute)),
		of("LifeboatNoNewPoint", 1, "never", never(15*time.Minute+time.Second)),
		of("LifeboatNoNewPoint", 1, "old, and counted afresh", func(r *status.Report, now time.Time) {
			r.Since = now
			policy(func(p *status.Policy, now time.Time) { p.LastSuccess, p.Since = now.Add(-time.Hour), now })(r, now)
		}),
		of("LifeboatNoNewPoint", 0, "old, and resumed", policy(func(p *status.Policy, now time.Time) {
			p.LastSuccess, p.Turned = now.Add(-time.Hour), now.Add(-15*time.Minute)
		})),
		of("LifeboatNoNewPoint", 1, "resumed long ago", policy(func(p *status.Policy, now time.Time) {
			p.LastSuccess, p.Turned = now.Add(-time.Hour), now.Add(-15*time.Minute-time.Second)
		})),
		of("LifeboatVerificationOverdue", 0, "none", last(time.Minute)),
		of("LifeboatVerificationOverdue", 0, "a day", unverified(24*time.Hour)),
		of("LifeboatVerificationOverdue", 1, "more", unverified(24*time.Hour+time.Second)),
		of("LifeboatPointDamaged", 0, "all well", losing(60, 1)),
		of("LifeboatPointDamaged", 2, "two of a surface", func(r *status.Report, now time.Time) {
			r.Surfaces = []status.Surface{{Name: "main", Damaged: []status.Damage{{Point: "1", At: now}, {Point: "2", At: now}}}}
		}),
		of("LifeboatRPOMissed", 0, "at the target", losing(60, 60)).lasting(time.Minute),
		of("LifeboatRPOMissed", 1, "beyond it", losing(60, 60.5)).lasting(time.Minute),
		of("LifeboatRPOMissed", 0, "beyond it for a moment", losing(60, 61)),
		of("LifeboatRPOMissed", 1, "nothing there", losing(60)).lasting(time.Minute),
		of("LifeboatRPOMissed", 0, "the first copy is on its way", awaited(time.Second)).lasting(10 * time.Minute),
		of("LifeboatRPOMissed", 1, "the first copy did not come", awaited(-2*time.Minute)).lasting(10 * time.Minute),
		of("LifeboatRPOMissed", 0, "no target", losing(0, 1e6)).lasting(time.Hour),
	}
}

func wal() []scenario {
	ships := func(change func(w *status.WAL, now time.Time)) func(*status.Report, time.Time) {
		return func(r *status.Report, now time.Time) {
			w := status.WAL{Active: true, Latest: now.Add(-2 * time.Hour), HoldBackLimit: 1000, HeldBack: new(int64(0)), LagSeconds: new(0.0)}
			change(&w, now)
			r.Surfaces = []status.Surface{{Name: "main", WAL: &w}, {Name: "redis"}}
		}
	}
	lag := func(seconds float64) func(*status.Report, time.Time) {
		return ships(func(w *status.WAL, _ time.Time) { w.LagSeconds = &seconds })
	}
	held := func(bytes, limit int64) func(*status.Report, time.Time) {
		return ships(func(w *status.WAL, _ time.Time) { w.HeldBack, w.HoldBackLimit = &bytes, limit })
	}
	unknown := func(streams bool, age time.Duration) func(*status.Report, time.Time) {
		return ships(func(w *status.WAL, now time.Time) {
			w.LagSeconds, w.HeldBack, w.Active, w.Latest = nil, nil, streams, time.Time{}
			if age > 0 {
				w.Latest = now.Add(-age)
			}
		})
	}
	return []scenario{
		of("LifeboatWALStalled", 0, "a minute", lag(60)),
		of("LifeboatWALStalled", 1, "more", lag(60.5)),
		of("LifeboatWALStalled", 0, "nothing new for two hours", lag(0)),
		of("LifeboatWALStalled", 0, "not known, streaming", unknown(true, time.Hour)),
		of("LifeboatWALStalled", 0, "not known for a minute", unknown(false, time.Minute)),
		of("LifeboatWALStalled", 1, "not known for longer", unknown(false, time.Minute+time.Second)),
		of("LifeboatWALStalled", 1, "not known, and none there", unknown(false, 0)),
		of("LifeboatWALGap", 0, "none", lag(0)),
		of("LifeboatWALGap", 1, "two", ships(func(w *status.WAL, now time.Time) { w.Gaps = []status.Gap{{From: now, To: now}, {From: now}} })),
		of("LifeboatSlotHoldsBack", 0, "80%", held(800, 1000)),
		of("LifeboatSlotHoldsBack", 1, "more", held(801, 1000)),
		of("LifeboatSlotHoldsBack", 0, "no limit", held(801, 0)),
		of("LifeboatSlotHoldsBack", 0, "not known", unknown(true, time.Hour)),
	}
}

func drills() []scenario {
	plan := func(change func(p *status.Plan, now time.Time)) func(*status.Report, time.Time) {
		return func(r *status.Report, now time.Time) {
			p := status.Plan{Commitment: drill.Commitment{Plan: "quarterly", State: drill.Proven, ProvenAt: now.Add(-time.Hour)}, LastDrill: "d", LastVerdict: drill.VerdictPass}
			change(&p, now)
			r.Plans = []status.Plan{p, {Commitment: drill.Commitment{Plan: "new", State: drill.Unproven}}}
		}
	}
	verdict := func(v string) func(*status.Report, time.Time) {
		return plan(func(p *status.Plan, _ time.Time) { p.LastVerdict = v })
	}
	after := func(failed, v string) func(*status.Report, time.Time) {
		return plan(func(p *status.Plan, _ time.Time) { p.FailedDrill, p.LastVerdict = failed, v })
	}
	waits := func(age time.Duration) func(*status.Report, time.Time) {
		return plan(func(p *status.Plan, now time.Time) { p.AwaitsSignature, p.AwaitsSince = "d", now.Add(-age) })
	}
	return []scenario{
		of("LifeboatDrillFailed", 1, "failed", after("d", drill.VerdictFail)),
		of("LifeboatDrillFailed", 1, "failed, and repeated right now", after("c", "")),
		of("LifeboatDrillFailed", 1, "failed, and then cancelled", after("c", drill.VerdictAborted)),
		of("LifeboatDrillFailed", 0, "passed", verdict(drill.VerdictPass)),
		of("LifeboatDrillFailed", 0, "cancelled", verdict(drill.VerdictAborted)),
		of("LifeboatDrillFailed", 0, "runs", verdict("")),
		of("LifeboatDrillOverdue", 1, "overdue", plan(func(p *status.Plan, _ time.Time) { p.Overdue = true })),
		of("LifeboatDrillOverdue", 0, "in time", verdict(drill.VerdictPass)),
		of("LifeboatCommitmentLost", 1, "lost", plan(func(p *status.Plan, _ time.Time) { p.State = drill.Unproven })),
		of("LifeboatCommitmentLost", 0, "proven, and one that never was", verdict(drill.VerdictPass)),
		of("LifeboatSignOffWaits", 0, "seven days", waits(7*24*time.Hour)),
		of("LifeboatSignOffWaits", 1, "longer", waits(7*24*time.Hour+time.Second)),
		of("LifeboatSignOffWaits", 0, "signed", verdict(drill.VerdictPass)),
	}
}

func vitals() []scenario {
	pods := func(p status.Pods) func(*status.Report, time.Time) {
		p.Surface, p.Namespace, p.Workload = "cluster", "shop", "deployment/api"
		return func(r *status.Report, _ time.Time) { r.Vitals.Pods = []status.Pods{p} }
	}
	replica := func(seconds ...float64) func(*status.Report, time.Time) {
		return func(r *status.Report, _ time.Time) {
			for i := range seconds {
				r.Vitals.Replicas = append(r.Vitals.Replicas, status.Replica{Surface: "main", Name: "standby", LagSeconds: &seconds[i]})
			}
			r.Vitals.Replicas = append(r.Vitals.Replicas, status.Replica{Surface: "main", Name: "quiet", LagBytes: 1e9})
		}
	}
	certificate := func(left ...time.Duration) func(*status.Report, time.Time) {
		return func(r *status.Report, now time.Time) {
			for _, d := range left {
				r.Vitals.Certificates = append(r.Vitals.Certificates, status.Certificate{Where: "db:5432", Subject: "db", NotAfter: now.Add(d)})
			}
		}
	}
	disk := func(used, size int64) func(*status.Report, time.Time) {
		return func(r *status.Report, _ time.Time) {
			r.Vitals.Disks = []status.Disk{
				{Where: `host:/srv/"data"`, What: "data", Used: used, Size: size}, {Surface: "cluster", Where: "shop/db", What: "volume", Used: used, Size: size},
			}
		}
	}
	const fortnight = 14 * 24 * time.Hour
	return []scenario{
		of("LifeboatReplicationLag", 0, "60 s", replica(60)).lasting(time.Hour),
		of("LifeboatReplicationLag", 1, "more", replica(60.1)).lasting(time.Minute),
		of("LifeboatReplicationLag", 0, "more for a moment", replica(60.1)),
		of("LifeboatReplicationLag", 1, "the worse of two of a name", replica(90, 1)).lasting(time.Minute),
		of("LifeboatPodRestarts", 0, "five", pods(status.Pods{Restarts: 90, RestartsLastHour: 5})),
		of("LifeboatPodRestarts", 1, "six", pods(status.Pods{Restarts: 90, RestartsLastHour: 6})),
		of("LifeboatPodsUnavailable", 1, "five minutes", pods(status.Pods{Wanted: 3, Available: 2})).lasting(5 * time.Minute),
		of("LifeboatPodsUnavailable", 0, "four minutes", pods(status.Pods{Wanted: 3, Available: 2})).lasting(4 * time.Minute),
		of("LifeboatPodsUnavailable", 0, "all there", pods(status.Pods{Wanted: 3, Available: 3})).lasting(time.Hour),
		of("LifeboatCertificateExpires", 0, "14 days", certificate(fortnight)),
		of("LifeboatCertificateExpires", 1, "less", certificate(fortnight-time.Second)),
		of("LifeboatCertificateExpires", 1, "over, of two in one place", certificate(20*fortnight, -time.Hour)),
		of("LifeboatDiskFull", 0, "80%", disk(80, 100)),
		of("LifeboatDiskFull", 2, "more", disk(81, 100)),
		of("LifeboatDiskFull", 0, "of unknown size", disk(81, 0)),
	}
}
