// Package retention decides which recovery points stay. It is pure: it reads
// nothing and deletes nothing.
package retention

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Keep says which points stay: whatever any of its rules asks for. The zero
// Keep keeps everything; values below zero count as zero.
type Keep struct {
	// Days keeps points that are at most so many times 24 hours old.
	Days int
	// Last keeps the newest points.
	Last int
	// Hourly, Daily, Weekly, Monthly and Yearly keep the newest point of each
	// of the last so many hours, days, ISO weeks, months and years, in UTC,
	// that have a point at all.
	Hourly, Daily, Weekly, Monthly, Yearly int
}

// Point is what is known of a recovery point.
type Point struct {
	ID string
	// At is the moment whose state it holds.
	At time.Time
	// Verified and Proven say what was done with it.
	Verified, Proven bool
	// Parent is the ID of the base backup that this one builds on, empty for a full one.
	Parent string
	// LockedUntil is until when its store refuses to delete it; zero without a lock.
	LockedUntil time.Time
}

// Decision is what becomes of one point, and why, in a few words.
type Decision struct {
	ID     string `json:"id"`
	Keep   bool   `json:"keep"`
	Reason string `json:"reason"`
}

// Plan decides on every point, the newest first. Whatever the rules say, it
// keeps the newest point, the newest verified one and the newest proven one.
func Plan(points []Point, keep Keep, now time.Time) []Decision {
	points = slices.Clone(points)
	slices.SortFunc(points, func(a, b Point) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.ID, a.ID)) })
	rules := append(guards(now), keep.rules(now)...)
	plan := make([]Decision, len(points))
	for i, p := range points {
		plan[i] = Decision{ID: p.ID, Reason: "no rule keeps it"}
		// Every rule sees every point, for it counts what it keeps.
		for _, rule := range rules {
			if reason := rule(p); reason != "" && !plan[i].Keep {
				plan[i].Keep, plan[i].Reason = true, reason
			}
		}
	}
	return plan
}

// rule says why it keeps a point, or nothing. It is asked about the points in
// turn, the newest first.
type rule func(Point) string

func guards(now time.Time) []rule {
	return []rule{
		first(func(Point) bool { return true }, "the newest point is never deleted"),
		first(func(p Point) bool { return p.Verified }, "the newest verified point is never deleted"),
		first(func(p Point) bool { return p.Proven }, "the newest proven point is never deleted"),
		func(p Point) string {
			if p.LockedUntil.After(now) {
				return "locked until " + p.LockedUntil.UTC().Format(time.RFC3339)
			}
			return ""
		},
	}
}

func first(matches func(Point) bool, reason string) rule {
	found := false
	return func(p Point) string {
		if found || !matches(p) {
			return ""
		}
		found = true
		return reason
	}
}

func (k Keep) rules(now time.Time) []rule {
	var rules []rule
	if k.Days > 0 {
		rules = append(rules, within(k.Days, now))
	}
	if k.Last > 0 {
		rules = append(rules, last(k.Last))
	}
	for _, period := range []struct {
		n      int
		name   string
		bucket func(time.Time) string
	}{
		{k.Hourly, "hour", func(t time.Time) string { return t.Format("2006-01-02T15") }},
		{k.Daily, "day", func(t time.Time) string { return t.Format("2006-01-02") }},
		{k.Weekly, "week", isoWeek},
		{k.Monthly, "month", func(t time.Time) string { return t.Format("2006-01") }},
		{k.Yearly, "year", func(t time.Time) string { return t.Format("2006") }},
	} {
		if period.n > 0 {
			rules = append(rules, newestOf(period.n, period.name, period.bucket))
		}
	}
	if len(rules) == 0 {
		rules = append(rules, func(Point) string { return "no retention is set" })
	}
	return rules
}

func within(days int, now time.Time) rule {
	oldest := now.Add(-time.Duration(days) * 24 * time.Hour)
	return func(p Point) string {
		if p.At.Before(oldest) {
			return ""
		}
		return fmt.Sprintf("not older than %d days", days)
	}
}

func last(n int) rule {
	seen := 0
	return func(Point) string {
		if seen++; seen > n {
			return ""
		}
		return fmt.Sprintf("%d of the last %d", seen, n)
	}
}

func newestOf(n int, period string, bucket func(time.Time) string) rule {
	buckets, latest := 0, ""
	return func(p Point) string {
		b := bucket(p.At.UTC())
		if b == latest || buckets == n {
			return ""
		}
		buckets, latest = buckets+1, b
		return fmt.Sprintf("newest of %s %s, %d of %d", period, b, buckets, n)
	}
}

func isoWeek(t time.Time) string {
	year, week := t.ISOWeek()
	return fmt.Sprintf("%d-W%02d", year, week)
}
