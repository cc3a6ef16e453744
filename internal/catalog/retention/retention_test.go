package retention

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)

// every makes n points, the newest at now, one each step before.
func every(step time.Duration, n int) []Point {
	points := make([]Point, n)
	for i := range points {
		at := now.Add(-time.Duration(i) * step)
		points[i] = Point{ID: at.Format("2006-01-02T15:04"), At: at}
	}
	return points
}

func kept(plan []Decision) []string {
	var ids []string
	for _, d := range plan {
		if d.Keep {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

func TestPlan(t *testing.T) {
	t.Parallel()
	const hour, day = time.Hour, 24 * time.Hour
	marked := every(day, 5)
	marked[2].Verified, marked[4].Verified = true, true
	marked[3].Proven = true
	cases := map[string]struct {
		points []Point
		keep   Keep
		want   []string
	}{
		"nothing":            {nil, Keep{Last: 1}, nil},
		"no rule":            {every(day, 3), Keep{}, []string{"2026-03-15T12:00", "2026-03-14T12:00", "2026-03-13T12:00"}},
		"negative is none":   {every(day, 2), Keep{Last: -1}, []string{"2026-03-15T12:00", "2026-03-14T12:00"}},
		"last":               {every(day, 9), Keep{Last: 2}, []string{"2026-03-15T12:00", "2026-03-14T12:00"}},
		"days, boundary in":  {every(day, 9), Keep{Days: 2}, []string{"2026-03-15T12:00", "2026-03-14T12:00", "2026-03-13T12:00"}},
		"all too old":        {every(400*day, 3)[1:], Keep{Days: 1}, []string{"2025-02-08T12:00"}},
		"hourly":             {every(20*time.Minute, 9), Keep{Hourly: 3}, []string{"2026-03-15T12:00", "2026-03-15T11:40", "2026-03-15T10:40"}},
		"daily":              {every(8*hour, 9), Keep{Daily: 3}, []string{"2026-03-15T12:00", "2026-03-14T20:00", "2026-03-13T20:00"}},
		"daily with gaps":    {every(50*hour, 9), Keep{Daily: 3}, []string{"2026-03-15T12:00", "2026-03-13T10:00", "2026-03-11T08:00"}},
		"weekly":             {every(3*day, 9), Keep{Weekly: 3}, []string{"2026-03-15T12:00", "2026-03-06T12:00", "2026-02-28T12:00"}},
		"monthly":            {every(10*day, 12), Keep{Monthly: 3}, []string{"2026-03-15T12:00", "2026-02-23T12:00", "2026-01-24T12:00"}},
		"yearly":             {every(100*day, 12), Keep{Yearly: 2}, []string{"2026-03-15T12:00", "2025-12-05T12:00"}},
		"week of two years":  {[]Point{{ID: "thu", At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}, {ID: "wed", At: time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC)}}, Keep{Weekly: 2}, []string{"thu"}},
		"buckets are in UTC": {[]Point{{ID: "late", At: time.Date(2026, 3, 15, 1, 0, 0, 0, time.FixedZone("", 7200))}, {ID: "early", At: time.Date(2026, 3, 14, 3, 0, 0, 0, time.UTC)}}, Keep{Daily: 2}, []string{"late"}},
		"rules add up":       {every(12*hour, 9), Keep{Last: 2, Daily: 3}, []string{"2026-03-15T12:00", "2026-03-15T00:00", "2026-03-14T12:00", "2026-03-13T12:00"}},
		"marks are kept":     {marked, Keep{Last: 1}, []string{"2026-03-15T12:00", "2026-03-13T12:00", "2026-03-12T12:00"}},
		"from the future":    {[]Point{{ID: "future", At: now.Add(hour)}, {ID: "now", At: now}}, Keep{Days: 1}, []string{"future", "now"}},
	}
	for name, c := range cases {
		if got := kept(Plan(c.points, c.keep, now)); !slices.Equal(got, c.want) {
			t.Errorf("%s: kept %v, want %v", name, got, c.want)
		}
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	points := every(12*time.Hour, 6)
	points[4].Proven = true
	var got []string
	for _, d := range Plan(points, Keep{Last: 2, Daily: 2}, now) {
		got = append(got, fmt.Sprintf("%t %s", d.Keep, d.Reason))
	}
	want := []string{
		"true the newest point is never deleted", "true 2 of the last 2", "true newest of day 2026-03-14, 2 of 2",
		"false no rule keeps it", "true the newest proven point is never deleted", "false no rule keeps it",
	}
	if !slices.Equal(got, want) {
		t.Errorf("reasons:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// random makes points and rules from a seed.
func random(seed uint64) ([]Point, Keep) {
	rng := rand.New(rand.NewPCG(seed, 7))
	points := make([]Point, rng.IntN(60))
	for i := range points {
		at := now.Add(-time.Duration(rng.Int64N(int64(1000*24*time.Hour))) >> rng.IntN(12)).Truncate(time.Minute)
		points[i] = Point{ID: fmt.Sprintf("%s-%d", at.Format(time.RFC3339), i), At: at, Verified: rng.IntN(4) == 0, Proven: rng.IntN(9) == 0}
	}
	some := func() int { return max(0, rng.IntN(12)-6) }
	return points, Keep{Days: some(), Last: some(), Hourly: some(), Daily: some(), Weekly: some(), Monthly: some(), Yearly: some()}
}

func TestPlanProperties(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		points, keep := random(seed)
		plan := Plan(points, keep, now)
		stays := make(map[string]bool)
		for _, d := range plan {
			if _, twice := stays[d.ID]; twice || d.Reason == "" {
				t.Fatalf("seed %d: %+v is decided twice or has no reason", seed, d)
			}
			stays[d.ID] = d.Keep
		}
		if len(stays) != len(points) {
			t.Fatalf("seed %d: %d decisions on %d points", seed, len(stays), len(points))
		}
		checkGuards(t, seed, points, stays)
		checkRules(t, seed, points, keep, stays)
		checkStable(t, seed, points, keep, plan, stays)
	}
}

func checkGuards(t *testing.T, seed uint64, points []Point, stays map[string]bool) {
	t.Helper()
	for name, matches := range map[string]func(Point) bool{
		"point": func(Point) bool { return true }, "verified": func(p Point) bool { return p.Verified }, "proven": func(p Point) bool { return p.Proven },
	} {
		var newest Point
		for _, p := range points {
			if matches(p) && (newest.ID == "" || p.At.After(newest.At) || p.At.Equal(newest.At) && p.ID > newest.ID) {
				newest = p
			}
		}
		if newest.ID != "" && !stays[newest.ID] {
			t.Fatalf("seed %d: the newest %s (%s) is deleted", seed, name, newest.ID)
		}
	}
}

// checkRules counts in another way than Plan does.
func checkRules(t *testing.T, seed uint64, points []Point, keep Keep, stays map[string]bool) {
	t.Helper()
	total := slices.Collect(maps.Values(stays))
	staying := 0
	for _, s := range total {
		if s {
			staying++
		}
	}
	if keep == (Keep{}) && staying != len(points) {
		t.Fatalf("seed %d: without rules %d of %d stay", seed, staying, len(points))
	}
	young, days := 0, make(map[string]bool)
	for _, p := range points {
		if keep.Days > 0 && now.Sub(p.At) <= time.Duration(keep.Days)*24*time.Hour {
			if young++; !stays[p.ID] {
				t.Fatalf("seed %d: %s is deleted, younger than %d days", seed, p.ID, keep.Days)
			}
		}
		if stays[p.ID] {
			days[p.At.Format("2006-01-02")] = true
		}
	}
	if want := min(keep.Last, len(points)); staying < want {
		t.Fatalf("seed %d: %d stay, want the last %d", seed, staying, want)
	}
	all := make(map[string]bool)
	for _, p := range points {
		all[p.At.Format("2006-01-02")] = true
	}
	if want := min(keep.Daily, len(all)); len(days) < want {
		t.Fatalf("seed %d: %d days have a point, want %d", seed, len(days), want)
	}
	// Three for the guards.
	if most := 3 + young + keep.Last + keep.Hourly + keep.Daily + keep.Weekly + keep.Monthly + keep.Yearly; keep != (Keep{}) && staying > most {
		t.Fatalf("seed %d: %d stay, at most %d should", seed, staying, most)
	}
}

// checkStable: the order of the input doesn't matter, and once the plan is
// carried out the same plan deletes nothing more.
func checkStable(t *testing.T, seed uint64, points []Point, keep Keep, plan []Decision, stays map[string]bool) {
	t.Helper()
	shuffled := slices.Clone(points)
	rand.New(rand.NewPCG(seed, 8)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if !slices.Equal(Plan(shuffled, keep, now), plan) {
		t.Fatalf("seed %d: the order of the points changes the plan", seed)
	}
	left := slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !stays[p.ID] })
	for _, d := range Plan(left, keep, now) {
		if !d.Keep {
			t.Fatalf("seed %d: a second run deletes %s too", seed, d.ID)
		}
	}
}
