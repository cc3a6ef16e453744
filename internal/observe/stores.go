package observe

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// checkWithin bounds one check of a store.
const checkWithin = 30 * time.Second

func (r *Reader) storeReadings() map[string]*reading[struct{}] {
	out := map[string]*reading[struct{}]{}
	for name, st := range r.s.Stores {
		out[name] = &reading[struct{}]{every: time.Minute, again: look, within: checkWithin, read: func(ctx context.Context) (struct{}, error) {
			return struct{}{}, st.Check(ctx)
		}}
	}
	return out
}

// storesNow say whether each store answers and may be written to.
func (r *Reader) storesNow(now time.Time) []status.Store {
	out := make([]status.Store, 0, len(r.stores))
	for _, name := range slices.Sorted(maps.Keys(r.stores)) {
		s := status.Store{Name: name, Kind: r.s.Config.Stores[name].Kind}
		last, since := r.stores[name].result()
		switch {
		case last.at.IsZero() && now.Sub(since) < stale:
			// The first answer is awaited: nothing is known against it.
			s.Usable = true
		case last.at.IsZero():
			s.Problem = "it does not answer"
		case last.err != nil:
			s.Problem = fault.Line(last.err)
		default:
			s.Usable = true
		}
		out = append(out, s)
	}
	return out
}
