package chunks

import "testing"

func TestPlanSizes(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	for _, c := range []struct {
		estimate int64
		limit    int
		want     int
	}{
		{0, 10_000, Size},
		{100, 10_000, Size},
		{50 * gib, 10_000, Size},
		{60 * gib, 10_000, 2 * Size},
		{150 * gib, 10_000, 3 * Size},
		{400 * gib, 10_000, MaxSize},
		{1 << 50, 10_000, MaxSize},
		{1 << 62, 10_000, MaxSize},
		{250 * gib, 50_000, Size},
	} {
		if got := NewPlan(c.estimate, c.limit).Size(1); got != c.want {
			t.Errorf("%d bytes in %d chunks: chunks of %d, want %d", c.estimate, c.limit, got, c.want)
		}
	}
}

func TestPlanGrowsTowardsItsLimit(t *testing.T) {
	t.Parallel()
	plan := NewPlan(0, 10_000)
	if got := plan.Size(7500); got != Size {
		t.Errorf("chunk 7500 has %d bytes", got)
	}
	if got := plan.Size(7501); got != MaxSize {
		t.Errorf("chunk 7501 has %d bytes", got)
	}
}
