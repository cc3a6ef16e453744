package drill

import "time"

// KeptUntil is when the environment of a drill goes that stays after its
// verdict; zero where none was made, or it went before.
func (r Record) KeptUntil() time.Time {
	if r.Plan.Keep <= 0 || r.Timeline.Judged.IsZero() || !r.Isolation.TornDown.IsZero() || r.Verdict == VerdictAborted {
		return time.Time{}
	}
	return r.Timeline.Judged.Add(r.Plan.Keep.Of())
}
