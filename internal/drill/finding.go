package drill

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The codes of findings. Those of a failed restore are restore- with the kind
// of the failure, those of another failed phase the phase's with -failed, those
// of a reconciliation whose other side could not be asked its kind's with
// -unreachable.
const (
	codeNotRestored     = "not-restored"
	codeNothingRestored = "nothing-restored"
	codeNotCompared     = "not-compared"
	codeNothingCompared = "nothing-compared"
	codeDiffers         = "data-differs"
	codeQuery           = "query-differs"
	codeObjects         = "objects-differ"
	codeChain           = "chain-diverged"
	codeReconcileWarned = "reconciliation-warned"
	codeReconcileNotRun = "reconciliation-not-run"
	codeSanitiseNotRun  = "sanitising-not-run"
	codeProgramFailed   = "program-failed"
	codeProgramNotRun   = "program-not-run"
	codeCheckFailed     = "check-failed"
	codeCheckWarned     = "check-warned"
	codeCheckNotRun     = "check-not-run"
	codeRTOMissed       = "rto-missed"
	codeRTONotMeasured  = "rto-not-measured"
	codeRPOMissed       = "rpo-missed"
	codeRPONotMeasured  = "rpo-not-measured"
	codeIsolation       = "isolation-breached"
	codeIsolationWarned = "isolation-warned"
	codeLiveTouched     = "live-touched"
	codeNotShown        = "untouched-not-shown"
	codeLeftBehind      = "left-behind"
	codePartialPoint    = "partial-point"
	codeUndocumented    = "step-undocumented"
	codeStepNotDone     = "step-not-done"
	codeNothingDone     = "nothing-walked-through"
	codeRefused         = "sign-off-refused"
)

var (
	digits     = regexp.MustCompile(`[0-9]+`)
	severities = []string{SeverityCritical, SeverityMajor, SeverityMinor}
	statuses   = []string{FindingOpen, FindingAccepted, FindingClosed}
)

// rank is the place of a name in its order; an unknown one comes last.
func rank(order []string, name string) int {
	if i := slices.Index(order, name); i >= 0 {
		return i
	}
	return len(order)
}

// dueAfter is how long a finding may stay open.
func dueAfter(severity string) time.Duration {
	switch severity {
	case SeverityCritical:
		return 7 * day
	case SeverityMajor:
		return 14 * day
	default:
		return 30 * day
	}
}

// findingID names a deficiency of a plan. A subject that is no plain name of at
// most 40 characters is shortened, with a digest of the whole: it tells two
// subjects apart and protects nothing.
func findingID(plan, code, subject string) string {
	switch code {
	case codeUndocumented, codeStepNotDone:
		// A step is the same however it was typed.
		subject = plain(subject)
	case codeIsolation, codeIsolationWarned:
		// An attempt is the same whatever the address and the port of this time.
		subject = digits.ReplaceAllString(subject, "n")
	}
	if subject == "" {
		return plan + "/" + code
	}
	var name strings.Builder
	for _, c := range strings.ToLower(subject) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '_':
			name.WriteRune(c)
		case !strings.HasSuffix(name.String(), "-"):
			name.WriteByte('-')
		}
	}
	short := strings.Trim(name.String(), "-")
	short = strings.TrimRight(short[:min(len(short), 40)], "-")
	if short != subject {
		h := fnv.New32a()
		h.Write([]byte(subject))
		short = strings.TrimLeft(fmt.Sprintf("%s-%08x", short, h.Sum32()), "-")
	}
	return plan + "/" + code + "/" + short
}

// oneLine is a text without line breaks and runs of spaces.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// list is "a, b and c" in order, without what is there twice.
func list(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// and joins what was found and its detail, where there is one.
func and(text, detail string) string {
	if detail == "" {
		return text
	}
	return text + ": " + detail
}
