package schedules

import (
	"testing"
	"time"
)

func TestLongestGap(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for expression, want := range map[string]time.Duration{
		"@every 1s":            shortestWindow,
		"@every 90m":           90 * time.Minute,
		"* * * * *":            time.Minute,
		"0 * * * *":            time.Hour,
		"0 2 * * *":            day,
		"0 9-17 * * *":         16 * time.Hour,
		"0 2 * * 1-5":          3 * day,
		"0 2 * * SUN":          7 * day,
		"@monthly":             31 * day,
		"0 6 1 1,4,7,10 *":     92 * day,
		"@yearly":              366 * day,
		"*/5 9-17 * * MON-FRI": 2*day + 15*time.Hour + 5*time.Minute,
	} {
		got, err := LongestGap(expression, "UTC")
		if err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", expression, got, err, want)
		}
	}
}
