package apiserver

import (
	"context"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

const (
	// storeTimeout is how long a store may take to say that it can be used.
	storeTimeout = 5 * time.Second
	// readinessAge is how long what was found out about stores is believed.
	readinessAge = 30 * time.Second
	// temporalTimeout is how long Temporal may take to answer.
	temporalTimeout = 3 * time.Second
)

// readiness remembers for a while which stores can be used.
type readiness struct {
	stores map[string]store.Store
	now    func() time.Time

	mu      sync.Mutex
	checked time.Time
	found   map[string]bool
}

func newReadiness(stores map[string]store.Store) *readiness {
	return &readiness{stores: stores, now: time.Now}
}

// look reports for every store whether it can be used. Callers at the same time
// share one round of checks.
func (r *readiness) look(ctx context.Context) map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.found != nil && r.now().Sub(r.checked) < readinessAge {
		return r.found
	}
	// The result serves others too, so it doesn't depend on this caller staying.
	ctx = context.WithoutCancel(ctx)
	found := make(map[string]bool, len(r.stores))
	var mu sync.Mutex
	var group sync.WaitGroup
	for name, st := range r.stores {
		group.Go(func() {
			usable := checkStore(ctx, name, st) == nil
			mu.Lock()
			defer mu.Unlock()
			found[name] = usable
		})
	}
	group.Wait()
	r.checked, r.found = r.now(), found
	return found
}

// checkStore asks a store whether it can be used. Whatever is wrong, it is the
// store's and not the caller's fault, so the error is of kind Unavailable.
func checkStore(ctx context.Context, name string, st store.Store) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := st.Check(ctx)
	if err != nil && ctx.Err() != nil {
		return fault.New(fault.Unavailable, "the store %s did not answer within %s", name, storeTimeout)
	}
	return fault.Wrap(fault.Unavailable, err, "the store %s can't be used", name)
}
