package activities

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	for _, kind := range fault.Kinds {
		if final(kind, 1) == kind.Retryable() {
			t.Errorf("%s: is the first attempt the last one? %v", kind, final(kind, 1))
		}
	}
	for _, c := range []struct {
		kind    fault.Kind
		attempt int32
		want    bool
	}{
		{fault.Internal, 4, false},
		{fault.Internal, 5, true},
		{fault.Exhausted, 13, false},
		{fault.Exhausted, 14, true},
		{fault.Exhausted, 15, true},
		{fault.Unavailable, 3000, false},
	} {
		if got := final(c.kind, c.attempt); got != c.want {
			t.Errorf("%s at attempt %d: final %v, want %v", c.kind, c.attempt, got, c.want)
		}
	}
}
