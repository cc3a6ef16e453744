package alert

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// Evaluate says which rules hold for a report at a moment. Those that held
// before go on from when they began; one that has held for as long as its rule
// asks fires. Firing alerts come first, critical ones before warnings. Their
// runbooks are below Runbooks; see Linked for another base.
func Evaluate(r status.Report, before []status.Alert, now time.Time) []status.Alert {
	known := make(map[string]status.Alert, len(before))
	for _, a := range before {
		known[Key(a)] = a
	}
	alerts := []status.Alert{}
	seen := map[string]bool{}
	for _, rule := range Rules() {
		for _, f := range rule.holds(r, now) {
			a := rule.alert(f)
			key := Key(a)
			// Two that can't be told apart, as two replicas of one name can't, are one alert.
			if seen[key] {
				continue
			}
			seen[key] = true
			alerts = append(alerts, lasting(a, rule.For, cmp.Or(known[key].Since, f.since, now), now))
		}
	}
	slices.SortStableFunc(alerts, func(a, b status.Alert) int { return cmp.Compare(rank(a), rank(b)) })
	return alerts
}

// lasting says how long an alert has held, and whether that is long enough.
func lasting(a status.Alert, wait time.Duration, since, now time.Time) status.Alert {
	a.Since, a.State = since, status.Pending
	if fires := since.Add(wait); !now.Before(fires) {
		a.State, a.FiringSince = status.Firing, fires
	}
	return a
}

// alert is a rule for what it holds for.
func (r Rule) alert(f found) status.Alert {
	value := func(label string) string { return f.labels[label] }
	a := status.Alert{
		Rule: r.Name, Severity: r.Severity, Labels: f.labels, Runbook: Runbook(Runbooks, r.Name),
		Summary: r.fill(r.Summary, value), Description: r.fill(r.Description, value),
	}
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	if f.detail != "" {
		a.Summary += ": " + f.detail
	}
	return a
}

// rank orders what is worst first.
func rank(a status.Alert) int {
	rank := 0
	if a.State != status.Firing {
		rank += 2
	}
	if a.Severity != status.Critical {
		rank++
	}
	return rank
}

// Key tells alerts apart: the rule, and what it holds for. It is the same at
// every evaluation.
func Key(a status.Alert) string {
	var b strings.Builder
	b.WriteString(a.Rule)
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		b.WriteString("\x00" + name + "\x00" + a.Labels[name])
	}
	return b.String()
}

// Linked are the alerts with their runbooks below a base; an empty one changes nothing.
func Linked(alerts []status.Alert, base string) []status.Alert {
	if base == "" {
		return alerts
	}
	out := slices.Clone(alerts)
	for i := range out {
		out[i].Runbook = Runbook(base, out[i].Rule)
	}
	return out
}
