// Package chunks cuts a stream into buffers, so that each can be sent again when
// a connection breaks, and sends two of them at once while it reads a third.
package chunks

import (
	"context"
	"errors"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// parallel is how many chunks are sent at once.
const parallel = 2

// pool keeps buffers of Size for the next upload.
var pool = sync.Pool{New: func() any { return new([Size]byte) }}

// Chunk is one piece of a stream.
type Chunk struct {
	// Number counts from 1.
	Number int
	Data   []byte
	// Last is set when the stream ends with this chunk. It is empty only when the stream is.
	Last bool

	buffer []byte
}

// Stream is a reader being cut into chunks. It belongs to one goroutine.
type Stream struct {
	source io.Reader
	plan   Plan
	number int
	// ahead is the byte that was read to see whether the stream goes on.
	ahead [1]byte
	free  chan []byte
}

// NewStream cuts a reader by a plan.
func NewStream(source io.Reader, plan Plan) *Stream {
	return &Stream{source: source, plan: plan, free: make(chan []byte, parallel+1)}
}

// Next reads the next chunk. The error has the kind of the reader's, or
// fault.Invalid when more bytes come than the plan's limit allows.
func (s *Stream) Next(ctx context.Context) (Chunk, error) {
	if err := ctx.Err(); err != nil {
		return Chunk{}, err
	}
	s.number++
	if s.number > s.plan.Limit {
		return Chunk{}, fault.New(fault.Invalid, "more bytes came than fit into the %d blocks that the store allows for one object: "+
			"give a larger estimate, or split what is stored", s.plan.Limit)
	}
	c := Chunk{Number: s.number, buffer: s.buffer(s.plan.Size(s.number))}
	start := 0
	if s.number > 1 {
		start = copy(c.buffer, s.ahead[:])
	}
	n, err := io.ReadFull(s.source, c.buffer[start:])
	c.Data = c.buffer[:start+n]
	if err == nil {
		_, err = io.ReadFull(s.source, s.ahead[:])
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		c.Last = true
		return c, nil
	}
	return c, fault.While(err, "read what is to be stored")
}

func (s *Stream) buffer(size int) []byte {
	select {
	case b := <-s.free:
		if len(b) == size {
			return b
		}
	default:
	}
	if size != Size {
		return make([]byte, size)
	}
	b, _ := pool.Get().(*[Size]byte)
	return b[:]
}

// Release gives a chunk's buffer back when nobody uses its Data any more. It is
// not to be called for a chunk that couldn't be sent: a transport may still
// read the body of a request that has failed.
func (s *Stream) Release(c Chunk) {
	select {
	case s.free <- c.buffer:
	default:
	}
}

// Close gives the free buffers to other streams.
func (s *Stream) Close() {
	for {
		select {
		case b := <-s.free:
			if len(b) == Size {
				pool.Put((*[Size]byte)(b))
			}
		default:
			return
		}
	}
}

// Total is what a stream came to.
type Total struct {
	Chunks int
	Bytes  int64
}

// Each hands a first chunk and all that follow to send, two at once, and waits.
// The first error ends it: that of send, or that of the reader. A reader that
// blocks keeps Each waiting, whatever becomes of the context.
func (s *Stream) Each(ctx context.Context, first Chunk, send func(context.Context, Chunk) error) (Total, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	var total Total
	for next := first; ; {
		c := next
		total.Chunks++
		total.Bytes += int64(len(c.Data))
		group.Go(func() error {
			if err := send(ctx, c); err != nil {
				return err
			}
			s.Release(c)
			return nil
		})
		if c.Last {
			return total, group.Wait()
		}
		var err error
		next, err = s.Next(ctx)
		if err != nil {
			broken := ctx.Err() != nil
			cancel()
			if sending := group.Wait(); broken && sending != nil {
				return total, sending
			}
			return total, err
		}
	}
}
