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
func (r *Reader) storesNow(now time.Time, before []status.Store) []status.Store {
	out := make([]status.Store, 0, len(r.stores))
	for _, name := range slices.Sorted(maps.Keys(r.stores)) {
		s := status.Store{Name: name, Kind: r.s.Config.Stores[name].Kind}
		switch last, _ := r.stores[name].result(); {
		case last.at.IsZero():
			// The first answer is awaited; until then another worker's word holds.
			s.Usable = true
			if i := slices.IndexFunc(before, func(was status.Store) bool { return was.Name == name }); i >= 0 {
				s.Usable, s.Problem = before[i].Usable, before[i].Problem
			}
		case last.err != nil:
			s.Problem = fault.Line(last.err)
		case now.Sub(last.at) > stale:
			s.Problem = "it does not answer"
		default:
			s.Usable = true
		}
		out = append(out, s)
	}
	return out
}
