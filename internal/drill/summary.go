package drill

import (
	"fmt"
	"strings"
	"time"
)

// maxReason bounds a cause in a summary, in characters, and maxReasons how many there are.
const (
	maxReason  = 240
	maxReasons = 3
)

// summarise says the verdict and its reasons in a few sentences.
func summarise(r Record, now time.Time) string {
	var major, minor, closed, carried, overdue []string
	for _, f := range r.Findings {
		switch {
		case f.Seen == r.ID && f.Severity != SeverityMinor:
			major = append(major, clip(f.Cause))
		case f.Seen == r.ID:
			minor = append(minor, clip(f.Cause))
		case f.Status == FindingClosed:
			closed = append(closed, f.ID)
		default:
			carried = append(carried, f.ID)
		}
		if f.overdue(now) {
			overdue = append(overdue, f.ID+" since "+f.Due.UTC().Format(time.DateOnly))
		}
	}
	said := []string{verdictSentence(r, major, minor)}
	if kindOf(r) != Tabletop {
		said = append(said, objectiveSentence(r.Objectives))
	}
	if n := len(closed); n > 0 {
		said = append(said, fmt.Sprintf("It closes %s of earlier drills: %s.", count(n, "finding"), list(closed)))
	}
	if n := len(carried); n > 0 {
		said = append(said, fmt.Sprintf("Not settled from earlier drills: %s.", list(carried)))
	}
	if n := len(overdue); n > 0 {
		said = append(said, fmt.Sprintf("Overdue: %s.", list(overdue)))
	}
	return strings.Join(said, " ")
}

func verdictSentence(r Record, major, minor []string) string {
	switch r.Verdict {
	case VerdictFail:
		return "The drill failed: " + reasons(major) + "."
	case VerdictAborted:
		return "The drill was cancelled before it could be judged; it shows nothing."
	case VerdictPartial:
		return "The drill passed in part: " + reasons(minor) + "."
	default:
		return "The drill passed: " + done(r) + "."
	}
}

// reasons joins causes, the first few of them.
func reasons(causes []string) string {
	more := ""
	if n := len(causes) - maxReasons; n > 0 {
		causes, more = causes[:maxReasons], fmt.Sprintf("; and %d more", n)
	}
	return strings.Join(causes, "; ") + more
}

// clip shortens a cause to what a summary has room for.
func clip(cause string) string {
	cause = strings.TrimRight(cause, ". ")
	if runes := []rune(cause); len(runes) > maxReason {
		return string(runes[:maxReason]) + "…"
	}
	return cause
}

// done says what a drill that passed did.
func done(r Record) string {
	if kindOf(r) == Tabletop {
		return "all of its " + count(len(r.Plan.Steps), "step") + " were walked through"
	}
	said := count(len(r.Surfaces), "surface") + " restored"
	if n := len(r.Checks); n > 0 {
		said += ", " + count(n, "health check") + " passed"
	}
	if n := len(r.Reconciled); n > 0 {
		said += ", " + count(n, "reconciliation") + " in agreement"
	}
	return said
}

func objectiveSentence(o Objectives) string {
	rto, rpo := "no RTO was measured", "no RPO was measured"
	if o.RTOMeasured {
		rto = "RTO " + inWords(o.RTOSeconds) + against(o.RTOTarget)
	}
	if o.RPOMeasured {
		rpo = "RPO " + inWords(o.RPOSeconds) + " (" + o.RPOOf + ")" + against(o.RPOTarget)
	}
	sentence := rto + "; " + rpo + "."
	return strings.ToUpper(sentence[:1]) + sentence[1:]
}

func against(target float64) string {
	if target == 0 {
		return " without a target"
	}
	return " of " + inWords(target) + " allowed"
}
