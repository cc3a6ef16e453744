package alert

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// signWithin is how long a drill may wait for its sign-off before somebody is reminded.
const signWithin = 7 * 24 * time.Hour

// drillRules are about what was shown, and what may be promised.
func drillRules() []Rule {
	plan := []string{"plan"}
	return []Rule{
		{
			Name: "LifeboatDrillFailed", Severity: status.Critical, Labels: plan,
			Expr:      `max by (plan) (lifeboat_drill_failing) == 1`,
			Condition: "the newest drill of a plan that was judged failed, or passed in part",
			Summary:   "The newest drill of plan {plan} did not pass",
			Description: "What the plan restores could not be shown to work. `lifeboat drill list` and `lifeboat drill show ID` " +
				"say what failed; mend it and repeat the drill with `lifeboat drill run {plan} --wait`.",
			holds: func(r status.Report, _ time.Time) []found {
				return plans(r, func(p status.Plan) (string, bool) {
					return "drill " + p.FailedDrill, p.FailedDrill != ""
				})
			},
		},
		{
			Name: "LifeboatDrillOverdue", Severity: status.Critical, Labels: plan,
			Expr:        `max by (plan) (lifeboat_drill_overdue) == 1`,
			Condition:   "a drill was due and was not done",
			Summary:     "A drill of plan {plan} was due and was not done",
			Description: "Run it: `lifeboat drill run {plan} --wait`. Then see why its schedule did not: a pause, or no worker.",
			holds: func(r status.Report, _ time.Time) []found {
				return plans(r, func(p status.Plan) (string, bool) { return "", p.Overdue })
			},
		},
		{
			Name: "LifeboatCommitmentLost", Severity: status.Warning, Labels: plan,
			Expr: `(max by (plan) (lifeboat_commitment_proven) == 0) ` +
				`and on (plan) max by (plan) (lifeboat_commitment_proven_timestamp_seconds) > 0`,
			Condition: "the targets of a plan were proven, and may no longer be promised",
			Summary:   "The targets of plan {plan} may no longer be promised",
			Description: "Tell whoever was promised them. A drill that passes as things are now, and is signed, proves them " +
				"again: `lifeboat drill run {plan} --wait`, then `lifeboat drill sign ID --statement S`.",
			holds: func(r status.Report, _ time.Time) []found {
				return plans(r, func(p status.Plan) (string, bool) { return p.Reason, p.State != drill.Proven && !p.ProvenAt.IsZero() })
			},
		},
		{
			Name: "LifeboatSignOffWaits", Severity: status.Warning, Labels: plan,
			Expr:        `time() - (max by (plan) (lifeboat_drill_awaits_sign_off_since_timestamp_seconds) > 0) > 604800`,
			Condition:   "a drill waits for its sign-off for more than seven days",
			Summary:     "A drill of plan {plan} waits for its sign-off for more than seven days",
			Description: "What nobody signs is not promised. Read it with `lifeboat drill show ID`, then `lifeboat drill sign ID --statement S` or refuse it.",
			holds:       signOffWaits,
		},
	}
}

func signOffWaits(r status.Report, now time.Time) []found {
	return plans(r, func(p status.Plan) (string, bool) {
		return "drill " + p.AwaitsSignature, !p.AwaitsSince.IsZero() && now.Sub(p.AwaitsSince) > signWithin
	})
}

// plans are those for which a condition holds.
func plans(r status.Report, holds func(status.Plan) (detail string, does bool)) []found {
	var out []found
	for _, p := range r.Plans {
		if detail, does := holds(p); does {
			out = append(out, found{labels: labelled("plan", p.Plan), detail: detail})
		}
	}
	return out
}
