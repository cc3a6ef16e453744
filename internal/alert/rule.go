// Package alert says what is wrong with how everything stands. Each rule is
// written once, for Lifeboat itself and for Prometheus: a condition on a
// status.Report, and the same condition in PromQL on the metrics that the API
// server makes of that report. Tests hold them against each other.
package alert

import (
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// Runbooks is the base of the addresses of runbooks where the configuration names no other.
const Runbooks = "https://github.com/lifeboat-dr/lifeboat/blob/main/docs/runbooks/"

// Rule is what somebody wants to be told of.
type Rule struct {
	// Name is the alert's name, here as in Prometheus.
	Name string
	// Severity is status.Critical or status.Warning.
	Severity string
	// For is how long the condition must have held before the alert fires.
	For time.Duration
	// Labels are the names of the labels that its alerts have; one whose value is empty is left out.
	Labels []string
	// Expr is the condition in PromQL. Its result has Labels and no others.
	Expr string
	// Condition says the same in words, for the table of rules.
	Condition string
	// Summary says in one line what is wrong, Description what to do. {label}
	// stands for a label's value.
	Summary     string
	Description string

	// holds are the things for which the condition holds.
	holds func(r status.Report, now time.Time) []found
}

// found is something for which a condition holds.
type found struct {
	labels map[string]string
	// detail is what Prometheus can't know, such as an error's text; it may be empty.
	detail string
	// since is when the condition began to hold, where the report shows it.
	since time.Time
}

// Rules are all rules, those that say most about the worth of copies first. The
// slice is the caller's.
func Rules() []Rule {
	all := make([]Rule, 0, 20)
	return append(append(append(append(all, watchRules()...), backupRules()...), drillRules()...), vitalRules()...)
}

// Runbook is the address of a rule's page below a base.
func Runbook(base, rule string) string {
	if !strings.HasSuffix(base, "/") {
		base += "/"
	}
	return base + strings.ToLower(rule) + ".md"
}

// fill puts values in the place of {label}; a label without one reads as "".
func (r Rule) fill(text string, value func(label string) string) string {
	pairs := make([]string, 0, 2*len(r.Labels))
	for _, label := range r.Labels {
		pairs = append(pairs, "{"+label+"}", value(label))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// labelled pairs names with values and leaves out what is empty, as Prometheus does.
func labelled(pairs ...string) map[string]string {
	labels := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			labels[pairs[i]] = pairs[i+1]
		}
	}
	return labels
}
