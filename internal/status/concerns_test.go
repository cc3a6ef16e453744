package status_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// fires is an alert that fires, for one label.
func fires(rule, severity, label, value string) status.Alert {
	return status.Alert{Rule: rule, Severity: severity, State: status.Firing, Labels: map[string]string{label: value}}
}

func TestConcerning(t *testing.T) {
	t.Parallel()
	near := fires("near", status.Critical, "surface", "main")
	near.State = status.Pending
	r := status.Report{
		Plans: []status.Plan{
			{Commitment: drill.Commitment{Plan: "both", Surfaces: []string{"cache", "main"}}},
			{Commitment: drill.Commitment{Plan: "main", Surfaces: []string{"cache"}}},
		},
		Policies: []status.Policy{{Surface: "main", Store: "primary"}, {Surface: "cache", Store: "offsite"}},
		Alerts: []status.Alert{
			fires("a", status.Critical, "plan", "both"), fires("b", status.Critical, "plan", "main"), fires("c", status.Critical, "store", "primary"),
			fires("d", status.Critical, "store", "offsite"), near, fires("e", status.Warning, "surface", "main"), fires("f", status.Critical, "x", ""),
		},
	}
	for surface, want := range map[string]string{"main": "a c e", "cache": "a b d", "none": "", "": ""} {
		var rules []string
		for _, a := range r.Concerning(surface) {
			rules = append(rules, a.Rule)
		}
		if got := strings.Join(rules, " "); got != want {
			t.Errorf("%q: %s, want %s", surface, got, want)
		}
	}
}

func TestWorse(t *testing.T) {
	t.Parallel()
	critical, warning := status.Alert{Severity: status.Critical}, status.Alert{Severity: status.Warning}
	want := [][]status.Alert{{critical, critical}, {critical, warning}, {critical}, {warning, warning, warning}, {warning}, nil}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, status.Worse)
	if !slices.EqualFunc(got, want, func(a, b []status.Alert) bool { return slices.EqualFunc(a, b, sameSeverity) }) {
		t.Errorf("the order is %v", got)
	}
}

func sameSeverity(a, b status.Alert) bool { return a.Severity == b.Severity }

func TestStale(t *testing.T) {
	t.Parallel()
	late := fires(status.RuleNotWatching, status.Critical, "", "")
	if (status.Report{At: time.Now()}).Stale() || (status.Report{Alerts: []status.Alert{late}}).Stale() {
		t.Error("a report is old that is new, or that there is none of")
	}
	if !(status.Report{At: time.Now(), Alerts: []status.Alert{late}}).Stale() {
		t.Error("an old report is not known to be old")
	}
}
