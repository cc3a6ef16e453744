package drill

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// NotAttested says, in sentences, what a drill does not show. A reader who
// takes a report for more than it is has been misled by it.
func NotAttested(r Record) []string {
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	if r.Verdict == VerdictAborted || r.Verdict == "" {
		say("The drill was not carried through: nothing that it did shows that a recovery works.")
	}
	for _, out := range r.Plan.Exclusions {
		say("Left out by the plan: %s", sentence(out))
	}
	for _, taken := range r.Plan.Assumptions {
		say("Taken for granted: %s", sentence(taken))
	}
	if kindOf(r) == Tabletop {
		say("Nothing was restored, started or measured: a tabletop shows what people know, not what systems do.")
		return append(said, aboutPeople(r)...)
	}
	said = append(said, aboutPoints(r)...)
	said = append(said, aboutChecks(r)...)
	said = append(said, aboutPlace(r)...)
	return append(said, aboutPeople(r)...)
}

// aboutPoints is about what was restored, and from where.
func aboutPoints(r Record) []string {
	var said, names []string
	if chosen := r.Identity.Overridden; len(chosen) > 0 {
		said = append(said, "The plan's own choice of a recovery point was not followed for "+list(chosen)+": this is no proof of the plan.")
	}
	for _, s := range r.Surfaces {
		names = append(names, s.Surface)
		switch {
		case s.Result != Pass:
			said = append(said, s.Surface+" was not restored.")
			continue
		case older(s.Selection):
			said = append(said, fmt.Sprintf("%s was restored from a chosen point (%s): the figure of its RPO is how old that was, not what a failure would lose.", s.Surface, s.Selection))
		case s.PointKind == kindSnapshot:
			said = append(said, fmt.Sprintf("%s was restored from its newest snapshot; whether older points can be restored is not shown.", s.Surface))
		default:
			said = append(said, fmt.Sprintf("%s was restored from its newest state; whether older points can be restored is not shown.", s.Surface))
		}
		said = append(said, fmt.Sprintf("Of the copies of %s, only the one in the store %s was read.", s.Surface, cmp.Or(s.Store, "that is not named")))
		if len(s.Gaps) > 0 {
			said = append(said, fmt.Sprintf("The stored WAL of %s has %s that this recovery did not need: moments in them may be out of reach.", s.Surface, count(len(s.Gaps), "hole")))
		}
		if s.PointKind == kindSnapshot && !r.comparedWith(s) {
			said = append(said, fmt.Sprintf("%s was not compared with the fingerprint of its point.", s.Surface))
		}
	}
	for _, name := range r.Plan.Surfaces {
		if !slices.Contains(names, name) {
			said = append(said, name+" is in the plan and was not restored.")
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return append(said, "No surface was restored.")
	}
	return append(said, "Whatever is not a part of "+list(names)+" was no part of the drill.")
}

// aboutChecks is about how the restored system was looked at, and what was measured.
func aboutChecks(r Record) []string {
	var said []string
	say := func(when bool, sentence string) {
		if when {
			said = append(said, sentence)
		}
	}
	say(len(r.Programs) == 0, "No program of the application was started: only the databases came back.")
	say(!slices.ContainsFunc(r.Checks, func(c CheckResult) bool { return c.Result == Pass }), "No health check passed: that the restored system serves is not shown.")
	say(!slices.ContainsFunc(r.Reconciled, func(rec Reconciliation) bool { return !rec.ofSurface() && rec.state() == Pass }),
		"Nothing was reconciled between surfaces, with stored objects or with a chain.")
	for _, c := range r.Checks {
		say(state(c.Result, c.Optional) == Warn, "The optional check "+c.Name+" did not pass.")
		say(c.Result == Skipped, "The check "+c.Name+" was not made.")
	}
	o := r.Objectives
	say(!o.RTOMeasured, "No RTO was measured.")
	say(!o.RPOMeasured, "No RPO was measured.")
	say(o.RTOTarget == 0, "The plan has no RTO target that the time of the recovery could be held against.")
	say(o.RPOTarget == 0, "The plan has no RPO target that the loss of data could be held against.")
	say(true, "The restored system bore no load of real users: its capacity is not shown.")
	if r.Plan.RouteSwitch == "" {
		say(true, "Clients were not sent to the restored system, and the plan names no procedure for it.")
	} else {
		say(true, "The procedure that sends clients to the restored system is fingerprinted as written, and no client was sent: "+sentence(r.Plan.RouteSwitch))
	}
	return said
}

// aboutPlace is about where the drill ran.
func aboutPlace(r Record) []string {
	var said []string
	if len(r.Isolation.Attempts) == 0 {
		said = append(said, "Nothing was tried against the environment: that it is apart is not shown.")
	}
	for _, a := range r.Isolation.Attempts {
		if a.Result != Pass {
			said = append(said, "Of the isolation, this was not shown: "+sentence(a.What))
		}
	}
	for _, limit := range r.Isolation.Limits {
		said = append(said, "The isolation has a limit: "+sentence(limit))
	}
	if r.Untouched == nil {
		said = append(said, "That live stores and databases were left alone was not watched.")
	}
	if len(r.Plan.Sanitize) == 0 {
		said = append(said, "No rule sanitised the restored data: they were those of production.")
	}
	host := cmp.Or(r.Identity.Host, "that is not named")
	said = append(said, "All ran on one host, "+host+", and all times are of its clock: the failure of several hosts, of a site or of a network was not rehearsed.")
	switch at := r.Isolation.TornDown; {
	case len(r.Isolation.Left) > 0:
		said = append(said, "The environment was not wholly removed: "+sentence(list(r.Isolation.Left)+" was left"))
	case at.IsZero():
		said = append(said, "The environment still stood when this was recorded: its removal is not shown.")
	default:
		said = append(said, "The environment was gone at "+at.UTC().Format(time.RFC3339)+"; what had been copied out of it before would not be noticed.")
	}
	return said
}

// aboutPeople is about who took part.
func aboutPeople(r Record) []string {
	var said []string
	if r.Plan.AbsentKeyPerson == "" {
		said = append(said, "The absence of a key person was not rehearsed.")
	}
	if r.Plan.Reviewer == "" {
		said = append(said, "No independent reviewer is named.")
	}
	if r.Plan.Runbook == nil && kindOf(r) != Tabletop {
		said = append(said, "The plan names no runbook.")
	}
	if len(r.Plan.ThirdParties) > 0 {
		said = append(said, "That these third parties can do their part is not shown: "+sentence(list(r.Plan.ThirdParties)))
	}
	return append(said, "Steps done by hand that nobody told of are not known.")
}

// sentence is a text in one line that ends with a full stop.
func sentence(text string) string {
	text = oneLine(text)
	if n := len(text); n == 0 || text[n-1] == '.' || text[n-1] == '!' || text[n-1] == '?' {
		return text
	}
	return text + "."
}
