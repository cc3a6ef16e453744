package evidence

import (
	"context"
	"iter"
	"sync"
)

// readers is how many objects are read at once at most, and how many are held
// that are read and not yet looked at: that bounds memory, whatever the ledger's size.
const readers = 64

// ordered reads what jobs yields, many at once, and yields what was read in
// the order of the jobs. It ends with the first error of jobs, or of the context,
// and leaves nothing running.
func ordered[J, R any](ctx context.Context, jobs iter.Seq2[J, error], read func(context.Context, J) R) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var running sync.WaitGroup
		defer running.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		// One more is being handed over, and one more looked at.
		results := make(chan *pending[J, R], readers-2)
		running.Go(func() {
			defer close(results)
			hand := make(chan *pending[J, R])
			defer close(hand)
			workers := 0
			for job, err := range jobs {
				p := &pending[J, R]{job, err, make(chan R, 1)}
				select {
				case results <- p:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
				if workers == readers {
					select {
					case hand <- p:
					case <-ctx.Done():
						return
					}
					continue
				}
				select {
				case hand <- p:
					continue
				default:
				}
				workers++
				running.Go(func() {
					p.result <- read(ctx, p.job)
					for p := range hand {
						p.result <- read(ctx, p.job)
					}
				})
			}
		})
		var none R
		for p := range results {
			if p.err != nil {
				yield(none, p.err)
				return
			}
			select {
			case r := <-p.result:
				if !yield(r, nil) {
					return
				}
			case <-ctx.Done():
				yield(none, ctx.Err())
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(none, err)
		}
	}
}

// pending is a job, and where its result will be; or why there are no more.
type pending[J, R any] struct {
	job    J
	err    error
	result chan R
}

// sequence yields count numbers from first on, up or down.
func sequence(first, count, step int64) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for i := range count {
			if !yield(first+i*step, nil) {
				return
			}
		}
	}
}
