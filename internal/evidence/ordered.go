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
	type slot struct {
		result chan R
		err    error
	}
	return func(yield func(R, error) bool) {
		var running sync.WaitGroup
		defer running.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		// One more is being handed over, and one more looked at.
		slots := make(chan slot, readers-2)
		running.Go(func() {
			defer close(slots)
			for job, err := range jobs {
				s := slot{make(chan R, 1), err}
				select {
				case slots <- s:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
				running.Go(func() { s.result <- read(ctx, job) })
			}
		})
		var none R
		for s := range slots {
			if s.err != nil {
				yield(none, s.err)
				return
			}
			if !yield(<-s.result, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(none, err)
		}
	}
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
