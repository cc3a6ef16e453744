package drill

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// carry joins what this drill found with what is known from before: the
// findings of this drill first, then the open ones, the accepted and the closed.
func (j *judgement) carry(prior []Finding, now time.Time) []Finding {
	known := j.known(prior, now)
	findings := make([]Finding, 0, len(known)+len(j.found))
	for id, f := range j.found {
		f.Status, f.Seen = FindingOpen, j.record.ID
		f.Found, f.FoundAt = j.record.ID, now
		f.Owner, f.Due = j.record.Plan.Owner, now.Add(dueAfter(f.Severity))
		if before, again := known[id]; again {
			f.Found, f.FoundAt, f.Due = before.Found, before.FoundAt, before.Due
			f.Owner = cmp.Or(before.Owner, f.Owner)
			f.Status, f.Accepted = before.Status, before.Accepted
		}
		findings = append(findings, f)
	}
	for id, f := range known {
		_, again := j.found[id]
		switch {
		case again || f.Found == j.record.ID:
			// An earlier revision of this drill found it, and this one does not.
			continue
		case j.fine[id] && !j.cancelled:
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

// known are the findings of the plan that were not closed before this drill, by
// ID: those handed over, and those that an earlier revision of the record had.
func (j *judgement) known(prior []Finding, now time.Time) map[string]Finding {
	newest := map[string]Finding{}
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
		if old, twice := newest[f.ID]; !twice || newer(f, old) {
			newest[f.ID] = f
		}
	}
	for id, f := range newest {
		if f.Status == FindingClosed {
			delete(newest, id)
		}
	}
	return newest
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
