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
