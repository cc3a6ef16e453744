package drill

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// carry joins what this drill found with what is known from before: the
// findings of this drill first, then the open ones, the accepted and the closed.
func (j *judgement) carry(now time.Time) []Finding {
	known := j.known
	findings := make([]Finding, 0, len(known)+len(j.found))
	for _, f := range j.found {
		f.Status, f.Seen, f.SeenAt = FindingOpen, j.record.ID, now
		f.Found, f.FoundAt = j.record.ID, now
		f.Owner, f.Due = j.record.Plan.Owner, now.Add(dueAfter(f.Severity))
		if at := slices.IndexFunc(known, func(k Finding) bool { return k.ID == f.ID }); at >= 0 {
			before := known[at]
			f.Found, f.FoundAt, f.Due = before.Found, before.FoundAt, before.Due
			f.Owner = cmp.Or(before.Owner, f.Owner)
			f.Status, f.Accepted = before.Status, before.Accepted
			if before.Seen == f.Seen {
				f.SeenAt = before.LastSeen()
			}
		}
		findings = append(findings, f)
	}
	for _, f := range known {
		switch {
		case has(j.found, f.ID) || f.Found == j.record.ID:
			// An earlier revision of this drill found it, and this one does not.
			continue
		case j.fine[f.ID] && !j.cancelled && j.retested(f) && j.record.asPlanned(f):
			f.Status, f.Retest = FindingClosed, j.record.ID
		}
		findings = append(findings, f)
	}
	slices.SortFunc(findings, func(a, b Finding) int {
		ours := func(f Finding) int {
			if f.Seen == j.record.ID {
				return 0
			}
			return 1
		}
		return cmp.Or(
			cmp.Compare(ours(a), ours(b)),
			cmp.Compare(rank(statuses, a.Status), rank(statuses, b.Status)),
			cmp.Compare(rank(severities, a.Severity), rank(severities, b.Severity)),
			cmp.Compare(a.ID, b.ID),
		)
	})
	return findings
}

// retested reports whether a drill began after a finding was last seen: only
// then can it show that it was mended. A drill beside it shows nothing of it.
func (j *judgement) retested(f Finding) bool {
	return f.Seen == j.record.ID || !f.LastSeen().After(j.record.Timeline.Declared)
}

// has reports whether one of the findings has the ID.
func has(findings []Finding, id string) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.ID == id })
}

// unsettled are the findings of the plan that were not closed before this drill,
// each once: those handed over, and those that an earlier revision of the
// record had.
func (j *judgement) unsettled(prior []Finding, now time.Time) []Finding {
	var newest []Finding
	at := map[string]int{}
	for _, f := range slices.Concat(prior, j.record.Findings) {
		if !strings.HasPrefix(f.ID, j.record.PlanName+"/") {
			continue
		}
		if f.Retest == j.record.ID {
			// Closed by an earlier revision: whether that still holds is asked anew.
			f.Status, f.Retest = FindingOpen, ""
		}
		if f.Status != FindingClosed {
			f.Status = FindingOpen
			if f.Accepted != nil && f.Accepted.Until.After(now) {
				f.Status = FindingAccepted
			}
		}
		i, twice := at[f.ID]
		switch {
		case !twice:
			at[f.ID] = len(newest)
			newest = append(newest, f)
		case newer(f, newest[i]):
			newest[i] = f
		}
	}
	return slices.DeleteFunc(newest, func(f Finding) bool { return f.Status == FindingClosed })
}

// newer reports whether of two states of one finding a is the later one. IDs of
// drills sort by time.
func newer(a, b Finding) bool {
	last := func(f Finding) string { return max(f.Found, f.Seen, f.Retest) }
	accepted := func(f Finding) time.Time {
		if f.Accepted == nil {
			return time.Time{}
		}
		return f.Accepted.At
	}
	return cmp.Or(
		cmp.Compare(last(a), last(b)),
		accepted(a).Compare(accepted(b)),
		cmp.Compare(rank(statuses, a.Status), rank(statuses, b.Status)),
		b.FoundAt.Compare(a.FoundAt),
		a.Due.Compare(b.Due),
		cmp.Compare(a.Cause, b.Cause),
	) > 0
}

// overdue reports whether a finding is open after it was due.
func (f Finding) overdue(now time.Time) bool {
	return f.Status == FindingOpen && !f.Due.IsZero() && f.Due.Before(now)
}
