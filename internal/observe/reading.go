package observe

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// reading is something that takes its time to read. It is read in the
// background, once at a time, and whoever asks gets what was read last: a store
// that hangs delays nothing but the word of it.
type reading[T any] struct {
	// every is after how long it is read again; again is that after it failed,
	// and every where it is 0. What takes long is read more seldom: see share.
	every, again time.Duration
	// within bounds one reading.
	within time.Duration
	read   func(ctx context.Context) (T, error)

	mu      sync.Mutex
	running chan struct{}
	began   time.Time
	took    time.Duration
	hurried bool
	last    result[T]
}

// result is what a reading found. Value may be partial beside an error.
type result[T any] struct {
	value T
	err   error
	// at is when the reading began that found it; zero before the first.
	at time.Time
}

// share is how many times as long as it takes nothing is read again: no source
// is kept busy by being looked at for more than a twentieth of the time.
const share = 20

// start begins to read unless that goes on or is not due, and returns what is
// closed when the reading under way ends; nil where none is.
func (r *reading[T]) start(ctx context.Context, now time.Time) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running != nil {
		return r.running
	}
	if !r.due(now) {
		return nil
	}
	r.running, r.began, r.hurried = make(chan struct{}), now, false
	go r.run(ctx, now, r.running)
	return r.running
}

func (r *reading[T]) due(now time.Time) bool {
	if r.last.at.IsZero() {
		return true
	}
	wait := r.every
	if r.last.err != nil && r.again > 0 {
		wait = r.again
	}
	if r.hurried {
		wait = 0
	}
	return now.Sub(r.last.at) >= max(wait, share*r.took)
}

func (r *reading[T]) run(ctx context.Context, began time.Time, done chan struct{}) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.within, fault.New(fault.Unavailable, "it did not answer within %v", r.within))
	defer cancel()
	start := time.Now()
	value, err := r.read(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last, r.took, r.running = result[T]{value, err, began}, time.Since(start), nil
	close(done)
}

// result is what was read last, and since when the reading under way lasts;
// zero where none is.
func (r *reading[T]) result() (last result[T], since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running != nil {
		since = r.began
	}
	return r.last, since
}

// hurry has it read again at the next look, because something has changed.
func (r *reading[T]) hurry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hurried = true
}

// stale is how old what was read may be, beyond the time after which it is read
// again, before it says nothing any more.
const stale = 3 * time.Minute

// limit is that, all in all.
func (r *reading[T]) limit() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.every, share*r.took) + stale
}

// fresh is what was read last if it still says something; otherwise line says
// why not, and where a reading failed it says that, too.
func fresh[T any](r *reading[T], what string, now time.Time) (value T, known bool, line string) {
	last, since := r.result()
	switch limit := r.limit(); {
	case last.at.IsZero() && since.IsZero():
		return value, false, ""
	case last.at.IsZero() && now.Sub(since) < stale:
		return value, false, what + ": still being read for the first time"
	case last.at.IsZero() || now.Sub(last.at) > limit:
		return value, false, what + ": does not answer since " + clock(since)
	}
	if last.err != nil && !errors.Is(last.err, errSome) {
		return last.value, true, what + ": " + fault.Line(last.err)
	}
	return last.value, true, ""
}

// begins reports whether the first reading of a worker that has just begun to
// look is not over. What another one has seen before holds until then.
func begins[T any](r *reading[T], now time.Time) bool {
	last, since := r.result()
	return last.at.IsZero() && (since.IsZero() || now.Sub(since) < stale)
}

func clock(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// await waits until all of them are closed, or ctx ends.
func await(ctx context.Context, pending ...<-chan struct{}) {
	for _, done := range pending {
		if done == nil {
			continue
		}
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}
