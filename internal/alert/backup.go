package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

const (
	// walPatience is how long WAL may wait to be stored.
	walPatience = time.Minute
	// heldBackShare is the share of its limit that a slot may hold back.
	heldBackShare = 0.8
	// verifyWithin is how long a point may wait to be read back.
	verifyWithin = 24 * time.Hour
	// rpoFor keeps what lasts for a moment, as the change of a worker does, from being told.
	rpoFor = time.Minute
)

// policyLabels are those of what is about a policy.
var policyLabels = []string{"policy", "surface", "kind"}

// backupRules are about the points and the WAL that are made.
func backupRules() []Rule {
	return append([]Rule{
		{
			Name: "LifeboatBackupFailed", Severity: status.Critical, Labels: policyLabels,
			Expr:      `max by (policy, surface, kind) (lifeboat_backup_last_run_failed) == 1`,
			Condition: "the last run of a policy failed",
			Summary:   "The last backup of {surface} by policy {policy} failed",
			Description: "There is no new recovery point, or what follows one failed: reading it back, its copies or retention " +
				"(`lifeboat snapshot list --surface {surface}` shows whether it stands). Mend what the error names, then repeat it: " +
				"`lifeboat schedule run {policy}`; what was asked for without a policy, by " +
				"`lifeboat snapshot create {surface} --kind {kind} --wait`.",
			holds: backupFailed,
		},
		{
			Name: "LifeboatNoNewPoint", Severity: status.Critical, Labels: policyLabels,
			Expr: `(time() - max by (policy, surface, kind) (lifeboat_backup_counts_from_timestamp_seconds) ` +
				`> 1.5 * (max by (policy, surface, kind) (lifeboat_backup_interval_seconds) > 0)) ` +
				`unless on (policy, surface, kind) max by (policy, surface, kind) (lifeboat_backup_paused) == 1`,
			Condition: "a policy that is not paused made no point in 1.5 of its intervals, since it was new or resumed",
			Summary:   "Policy {policy} has made no recovery point of {surface} for more than 1.5 of its intervals",
			Description: "Runs do not start, or do not end. See whether a worker runs, and what the newest run does " +
				"(`lifeboat snapshot list --surface {surface}`, Temporal's Web UI).",
			holds: noNewPoint,
		},
		{
			Name: "LifeboatVerificationOverdue", Severity: status.Warning, Labels: policyLabels,
			Expr:      `time() - (max by (policy, surface, kind) (lifeboat_backup_unverified_since_timestamp_seconds) > 0) > 86400`,
			Condition: "a point that is to be read back was not for a day",
			Summary:   "A recovery point of {surface} by policy {policy} was not read back for a day",
			Description: "Nobody knows whether it can be read. Find it with `lifeboat snapshot list --surface {surface}` (it is only " +
				"sealed) and run `lifeboat snapshot verify ID`.",
			holds: verificationOverdue,
		},
		{
			Name: "LifeboatPointDamaged", Severity: status.Critical, Labels: []string{"surface", "point"},
			Expr:      `max by (surface, point) (lifeboat_point_damaged) == 1`,
			Condition: "a recovery point was read back and found damaged",
			Summary:   "The recovery point {point} of {surface} is damaged",
			Description: "It can't be relied on, and others on its store may be damaged as well. Take a new one with " +
				"`lifeboat snapshot create {surface} --wait`, verify the others, and look at the store. It is over when " +
				"`lifeboat snapshot verify {point}` succeeds, or the point is gone.",
			holds: pointDamaged,
		},
		{
			Name: "LifeboatRPOMissed", Severity: status.Critical, For: rpoFor, Labels: []string{"surface"},
			Expr: `(max by (surface) (lifeboat_rpo_seconds) > (max by (surface) (lifeboat_rpo_target_seconds) > 0)) ` +
				`or ((max by (surface) (lifeboat_rpo_target_seconds) > 0) unless on (surface) max by (surface) (lifeboat_rpo_seconds) ` +
				`unless on (surface) max by (surface) (lifeboat_first_point_due_timestamp_seconds) > time())`,
			Condition: "a disaster now would lose more of a surface than the strictest plan allows, or everything",
			Summary:   "A disaster now would lose more of {surface} than its target allows",
			Description: "The newest copy is older than the RPO of a plan. See why none is newer: `lifeboat snapshot list --surface {surface}`, " +
				"and for WAL `lifeboat pitr status {surface}`.",
			holds: rpoMissed,
		},
	}, walRules()...)
}

func backupFailed(r status.Report, _ time.Time) []found {
	return policies(r, func(p status.Policy) (string, bool) {
		detail := p.Failure
		if !p.FailedFrom.IsZero() && p.LastSuccess.After(p.FailedFrom) {
			detail += "; the point of " + p.LastSuccess.UTC().Format(time.RFC3339) + " stands, and what follows it failed"
		}
		return strings.TrimPrefix(detail, "; "), p.FailedLast
	})
}

func noNewPoint(r status.Report, now time.Time) []found {
	return policies(r, func(p status.Policy) (string, bool) {
		last := "the last is of " + p.LastSuccess.UTC().Format(time.RFC3339)
		if p.LastSuccess.IsZero() {
			last = "it never made one"
		}
		return last, !p.Paused && p.IntervalSeconds > 0 && seconds(now)-seconds(p.CountsFrom()) > status.LateAfter*p.IntervalSeconds
	})
}

func verificationOverdue(r status.Report, now time.Time) []found {
	return policies(r, func(p status.Policy) (string, bool) {
		since := p.UnverifiedSince
		return "it waits since " + since.UTC().Format(time.RFC3339), !since.IsZero() && now.Sub(since) > verifyWithin
	})
}

func pointDamaged(r status.Report, _ time.Time) []found {
	var out []found
	for _, s := range r.Surfaces {
		for _, d := range s.Damaged {
			out = append(out, found{labels: labelled("surface", s.Name, "point", d.Point), detail: d.Problem})
		}
	}
	return out
}

func rpoMissed(r status.Report, now time.Time) []found {
	var out []found
	for _, s := range r.Surfaces {
		if s.RPOTarget <= 0 {
			continue
		}
		f := found{labels: labelled("surface", s.Name)}
		switch {
		case s.RPOSeconds == nil && s.FirstDue.After(now):
			// The first one is on its way.
			continue
		case s.RPOSeconds == nil:
			f.detail = "no copy of it is known at all"
		case *s.RPOSeconds > s.RPOTarget:
			f.detail = fmt.Sprintf("%s, and the target is %s", inWords(*s.RPOSeconds), inWords(s.RPOTarget))
		default:
			continue
		}
		out = append(out, f)
	}
	return out
}

// policies are those for which a condition holds, each with its detail.
func policies(r status.Report, holds func(status.Policy) (detail string, does bool)) []found {
	var out []found
	for _, p := range r.Policies {
		if detail, does := holds(p); does {
			out = append(out, found{labels: labelled("policy", p.Name, "surface", p.Surface, "kind", p.Kind), detail: detail})
		}
	}
	return out
}

// seconds is a moment as PromQL has it, with 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// inWords is a number of seconds as people say it.
func inWords(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}
