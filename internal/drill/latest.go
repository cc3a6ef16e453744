package drill

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// latest are the last revisions of the drills of a plan that were judged, the
// newest drill first. IDs of drills sort by time.
func latest(plan string, drills []Summary) []Summary {
	drills = slices.DeleteFunc(slices.Clone(drills), func(s Summary) bool { return s.Plan != plan || s.Verdict == "" })
	decided := func(s Summary) time.Time {
		if s.SignOff == nil {
			return time.Time{}
		}
		return s.SignOff.At
	}
	slices.SortFunc(drills, func(a, b Summary) int {
		return cmp.Or(strings.Compare(b.ID, a.ID), cmp.Compare(b.Revision, a.Revision), decided(b).Compare(decided(a)))
	})
	return slices.CompactFunc(drills, func(a, b Summary) bool { return a.ID == b.ID })
}

// signed reports whether a person signed this revision of the drill's record.
func (s Summary) signed() bool {
	return s.SignOff != nil && s.SignOff.Decision == DecisionSigned && !s.SignOff.At.IsZero() && s.SignOff.Revision == s.Revision
}

// proves reports whether a drill is a proof of its plan: it passed, was signed,
// and did what the plan says. See beside.
func (s Summary) proves() bool {
	return s.Verdict == VerdictPass && s.signed() && s.beside() == ""
}

// beside says in what a drill did something else than its plan: a request chose
// a point, or a store was read that the plan does not read.
func (s Summary) beside() string {
	if len(s.Overridden) > 0 {
		return "the recovery point of " + list(s.Overridden) + " was chosen by whoever started it"
	}
	for i, store := range s.Stores {
		if _, known := s.Parts["store:"+store]; store != "" && !known && len(s.Parts) > 0 && i < len(s.Surfaces) {
			return s.Surfaces[i] + " was read from the store " + store + ", from which the plan does not read it"
		}
	}
	return ""
}

// at is when the drill was judged, or else declared.
func (s Summary) at() time.Time {
	if s.Judged.IsZero() {
		return s.Declared
	}
	return s.Judged
}

// reason is the cause of the first finding of the drill, or its summary.
func (s Summary) reason() string {
	for _, f := range s.Findings {
		if f.Seen == s.ID {
			return clip(f.Cause)
		}
	}
	return clip(s.Text)
}
