package postgres

import "testing"

func TestIndexesShareTheProcessors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ processors, jobs, want int }{{1, 2, 0}, {2, 2, 0}, {2, 1, 1}, {4, 2, 1}, {16, 4, 3}} {
		if got := helpers(c.processors, c.jobs); got != c.want {
			t.Errorf("%d statements on %d processors may each use %d further processes, not %d", c.jobs, c.processors, got, c.want)
		}
	}
}
