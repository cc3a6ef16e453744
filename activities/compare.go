package activities

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Compared says how a restored target relates to the fingerprint of its point.
type Compared struct {
	// Entries is how many were compared, Counts how many rows or keys they stand for, by kind.
	Entries int              `json:"entries"`
	Counts  map[string]int64 `json:"counts"`
}

// Compare takes the fingerprint of a restored target and compares it with the
// one taken at backup time. Any difference is a fault of kind Mismatch.
func (a *Activities) Compare(ctx context.Context, in RestoreStep) (Compared, error) {
	out := Compared{Counts: map[string]int64{}}
	p := startPulse(ctx, "compare", 0)
	defer p.end()
	err := a.step(ctx, in, archive.OpenPoint, func(s surface.Surface, t surface.Target, l loads) error {
		want := l.point.Fingerprint()
		if scoped, ok := s.(surface.Scoper); ok {
			want = scoped.Scope(want, t.Selection)
		}
		t.Expected = want
		got, err := s.Fingerprint(ctx, t)
		if err != nil {
			return err
		}
		if expirer, ok := s.(surface.Expirer); ok {
			now := time.Now()
			want, got = expirer.Unexpired(want, now), expirer.Unexpired(got, now)
		}
		for _, e := range want {
			out.Entries++
			out.Counts[e.Kind] += e.Count
		}
		return differences(want.Compare(got))
	})
	return out, fault.While(err, "compare with the fingerprint of %s", in.Point.ID)
}

// differences makes one line of what differs.
func differences(found []surface.Difference) error {
	switch len(found) {
	case 0:
		return nil
	case 1:
		return fault.New(fault.Mismatch, "%s", found[0])
	default:
		return fault.New(fault.Mismatch, "%s; and %d more differences", found[0], len(found)-1)
	}
}
