package schedules

import (
	"time"

	"github.com/robfig/cron/v3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	// shortestWindow is the least that Temporal accepts as a catch-up window.
	shortestWindow = 10 * time.Second
	// Runs are looked at for two years, a leap year among them, but not for more
	// than a month of minutes.
	gapHorizon = 2 * 366 * 24 * time.Hour
	gapRuns    = 45_000
)

// LongestGap is the longest time between two runs of a schedule. It starts
// at a fixed day: what it returns must not depend on when it is asked.
func LongestGap(expression, zone string) (time.Duration, error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return 0, fault.New(fault.Invalid, "%q is not a time zone: name one such as Europe/Berlin", zone)
	}
	schedule, err := cron.ParseStandard(expression)
	if err != nil {
		return 0, fault.Wrap(fault.Invalid, err, "%q is not a schedule", expression)
	}
	start := time.Date(2023, 12, 31, 23, 59, 59, 0, location)
	last := schedule.Next(start)
	if last.IsZero() {
		return 0, fault.New(fault.Invalid, "the schedule %q never comes", expression)
	}
	longest := shortestWindow
	for range gapRuns {
		next := schedule.Next(last)
		if next.IsZero() {
			break
		}
		longest = max(longest, next.Sub(last))
		if next.Sub(start) > gapHorizon {
			break
		}
		last = next
	}
	return longest, nil
}
