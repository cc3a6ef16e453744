package chunks

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
)

func mustTake(t *testing.T, b *buffers, size int) []byte {
	t.Helper()
	got, err := b.take(t.Context(), size)
	if err != nil || len(got) != size {
		t.Fatalf("got %d bytes, want %d: %v", len(got), size, err)
	}
	return got
}

func TestBuffersAreUsedAgain(t *testing.T) {
	t.Parallel()
	b := newBuffers(100)
	mustTake(t, b, 10)
	first := mustTake(t, b, 30)
	b.give(first)
	if again := mustTake(t, b, 30); &again[0] != &first[0] {
		t.Error("a buffer that was given back was not used again")
	}
	other := mustTake(t, b, 40)
	b.give(other)
	// 40 in use, 40 free: one of 50 has room only in the place of the free one.
	mustTake(t, b, 50)
	if n := b.waiting(); n != 0 {
		t.Errorf("%d bytes wait beside 90 in use of 100", n)
	}
}

func TestIdleBuffersAreGivenUp(t *testing.T) {
	t.Parallel()
	b := newBuffers(100)
	one, two := mustTake(t, b, 30), mustTake(t, b, 30)
	b.give(one)
	if n := b.waiting(); n != 30 {
		t.Errorf("%d bytes wait, want 30", n)
	}
	b.forget(len(two))
	if n := b.waiting(); n != 0 {
		t.Errorf("%d bytes wait when none are in use", n)
	}
}

func TestBuffersWaitForRoom(t *testing.T) {
	t.Parallel()
	b := newBuffers(100)
	held := mustTake(t, b, 80)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.take(ctx, 30); !errors.Is(err, context.Canceled) {
		t.Errorf("30 bytes beside 80 of 100: %v, want to wait until cancelled", err)
	}
	got := make(chan []byte)
	go func() {
		buffer, _ := b.take(t.Context(), 30)
		got <- buffer
	}()
	b.give(held)
	if buffer := <-got; len(buffer) != 30 {
		t.Errorf("got %d bytes", len(buffer))
	}
}

// Many uploads of several sizes, some of which fail, share little memory: all
// of them end, and leave nothing in use.
func TestStreamsShareMemory(t *testing.T) {
	t.Parallel()
	const most = 200
	b := newBuffers(most)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			size := []int{8, 32, 96, most}[i%4]
			s := NewStream(io.LimitReader(zeros{}, int64(20*size+i)), Plan{Limit: 1 << 20, size: size})
			s.memory = b
			defer s.Close()
			first, err := s.Next(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			broken := errors.New("broken")
			total, err := s.Each(t.Context(), first, func(_ context.Context, c Chunk) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				if b.used+b.waiting() > most || b.used < len(c.Data) {
					t.Errorf("%d bytes in use and %d waiting, of %d", b.used, b.waiting(), most)
				}
				if i >= 12 && rng.IntN(10) == 0 {
					return broken
				}
				return nil
			})
			if err == nil && total.Bytes != int64(20*size+i) || err != nil && !errors.Is(err, broken) {
				t.Errorf("%d bytes in chunks of %d: %+v, %v", 20*size+i, size, total, err)
			}
		})
	}
	all.Wait()
	if b.used != 0 || b.waiting() != 0 || !b.room.TryAcquire(most) {
		t.Errorf("%d bytes in use and %d waiting at the end", b.used, b.waiting())
	}
}
