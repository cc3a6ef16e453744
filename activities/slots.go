package activities

import "context"

// Slots bound how many steps of this worker move bytes at once, whatever runs
// there are: a step's buffers are what a worker's memory goes to.
type Slots chan struct{}

// NewSlots makes n slots, at least two.
func NewSlots(n int) Slots { return make(Slots, max(2, n)) }

// take waits for a slot. The step heartbeats meanwhile, so it is not given up.
func (s Slots) take(ctx context.Context) (release func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
