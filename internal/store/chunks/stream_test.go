package chunks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// small is a plan with chunks of eight bytes.
func small(limit int) Plan { return Plan{Limit: limit, size: 8} }

// collect sends a stream to nowhere and returns its chunks in order.
func collect(ctx context.Context, r io.Reader, plan Plan) ([]string, Total, error) {
	s := NewStream(r, plan)
	defer s.Close()
	first, err := s.Next(ctx)
	if err != nil {
		return nil, Total{}, err
	}
	var mu sync.Mutex
	var got []string
	total, err := s.Each(ctx, first, func(_ context.Context, c Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, "")
		for len(got) < c.Number {
			got = append(got, "")
		}
		got[c.Number-1] = string(c.Data)
		return nil
	})
	return slices.DeleteFunc(got, func(s string) bool { return s == "" }), total, err
}

func TestStreamIsCutAtBoundaries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"a", []string{"a"}},
		{"12345678", []string{"12345678"}},
		{"123456789", []string{"12345678", "9"}},
		{"1234567812345678", []string{"12345678", "12345678"}},
		{"12345678123456781", []string{"12345678", "12345678", "1"}},
	} {
		for name, r := range map[string]io.Reader{
			"whole": strings.NewReader(c.in), "by byte": iotest.OneByteReader(strings.NewReader(c.in)),
			"with the end": iotest.DataErrReader(strings.NewReader(c.in)),
		} {
			got, total, err := collect(t.Context(), r, small(4))
			if err != nil || !slices.Equal(got, c.want) || total.Bytes != int64(len(c.in)) || total.Chunks != len(c.want) {
				t.Errorf("%q read %s: got %q, %+v, %v", c.in, name, got, total, err)
			}
		}
	}
}

func TestShortStreamNeedsNoMemory(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, headSize - 1} {
		c, err := NewStream(bytes.NewReader(make([]byte, n)), NewPlan(0, 4)).Next(t.Context())
		if err != nil || !c.Last || len(c.Data) != n || c.Number != 1 || c.buffer != nil {
			t.Errorf("%d bytes: got chunk %d of %d bytes, last %v, %v", n, c.Number, len(c.Data), c.Last, err)
		}
	}
}

func TestStreamKeepsTheKindOfItsReader(t *testing.T) {
	t.Parallel()
	lost := fault.New(fault.Lost, "the view is gone")
	for _, n := range []int{0, 3, 8, 9, 20} {
		_, _, err := collect(t.Context(), io.MultiReader(strings.NewReader(strings.Repeat("x", n)), iotest.ErrReader(lost)), small(4))
		if !errors.Is(err, lost) || fault.KindOf(err) != fault.Lost {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func TestStreamHasALimit(t *testing.T) {
	t.Parallel()
	// The last quarter of the chunks, the fourth, is of the largest size.
	plan := Plan{Limit: 4, size: 8}
	_, _, err := collect(t.Context(), io.LimitReader(zeros{}, 3*8+MaxSize+1), plan)
	if fault.KindOf(err) != fault.Invalid {
		t.Errorf("one byte too many: %v", err)
	}
	if _, _, err := collect(t.Context(), io.LimitReader(zeros{}, 3*8+MaxSize), plan); err != nil {
		t.Errorf("within the limit: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestEachSendsTwoAtOnceFromThreeBuffers(t *testing.T) {
	t.Parallel()
	s := NewStream(io.LimitReader(zeros{}, 400), Plan{Limit: 1000, size: 8})
	defer s.Close()
	s.memory = newBuffers(100)
	// Another upload keeps the free buffers from being given up.
	mustTake(t, s.memory, 8)
	first, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var now, most atomic.Int32
	var mu sync.Mutex
	buffers := map[*byte]bool{}
	both := make(chan struct{})
	_, err = s.Each(t.Context(), first, func(_ context.Context, c Chunk) error {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		mu.Lock()
		buffers[&c.Data[0]] = true
		mu.Unlock()
		// The first two wait for each other: they run at once or the test hangs.
		switch c.Number {
		case 1:
			<-both
		case 2:
			both <- struct{}{}
		}
		now.Add(-1)
		return nil
	})
	if err != nil || most.Load() != 2 || len(buffers) > 3 {
		t.Errorf("%d at once, %d buffers, %v", most.Load(), len(buffers), err)
	}
}

func TestEachEndsWithTheFirstFailure(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	s := NewStream(zeros{}, Plan{Limit: 1 << 30, size: 8})
	defer s.Close()
	first, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Each(t.Context(), first, func(ctx context.Context, c Chunk) error {
		if c.Number == 5 {
			return broken
		}
		if c.Number > 5 {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestCancelledStreamIsNotWhole(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := NewStream(bytes.NewReader(make([]byte, 80)), small(100))
	defer s.Close()
	first, err := s.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Each(ctx, first, func(_ context.Context, c Chunk) error {
		if c.Number == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
