package chunks

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Budget is how many bytes the chunks of all uploads of this process have
// together at most, whatever is uploaded. Uploads wait for each other beyond
// it; none of them waits for ever, as a chunk that has its bytes is sent.
const Budget = 48 << 20

// memory hands out buffers and takes them back, in this process for all uploads.
var memory = newBuffers(Budget)

// buffers are at most so many bytes, those in use and those that wait to be
// used again together.
type buffers struct {
	total int
	room  *semaphore.Weighted

	mu   sync.Mutex
	used int
	free [][]byte
}

func newBuffers(total int) *buffers {
	return &buffers{total: total, room: semaphore.NewWeighted(int64(total))}
}

// take waits until there is room for size bytes, which are at most the total.
// The error is the context's. What is in the buffer is left of earlier use.
func (b *buffers) take(ctx context.Context, size int) ([]byte, error) {
	if err := b.room.Acquire(ctx, int64(size)); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += size
	if i := slices.IndexFunc(b.free, func(f []byte) bool { return len(f) == size }); i >= 0 {
		found := b.free[i]
		b.free = slices.Delete(b.free, i, i+1)
		return found, nil
	}
	// Those of another size give way.
	for waiting := b.waiting(); b.used+waiting > b.total; waiting = b.waiting() {
		b.free = slices.Delete(b.free, 0, 1)
	}
	return make([]byte, size), nil
}

// waiting is how many bytes the free buffers have.
func (b *buffers) waiting() int {
	n := 0
	for _, f := range b.free {
		n += len(f)
	}
	return n
}

// give takes a buffer back. With the last one in use all go to the garbage
// collector: an idle process keeps none.
func (b *buffers) give(buffer []byte) { b.end(len(buffer), buffer) }

// forget is give for buffers that somebody may still read, and that are never used again.
func (b *buffers) forget(size int) { b.end(size) }

// end ends a use, and keeps what may be used again. A buffer is in use or waits,
// and never counts as both.
func (b *buffers) end(size int, again ...[]byte) {
	b.mu.Lock()
	b.used -= size
	b.free = append(b.free, again...)
	if b.used == 0 {
		b.free = nil
	}
	b.mu.Unlock()
	b.room.Release(int64(size))
}
