// Package chunks cuts a stream into buffers, so that each can be sent again when
// a connection breaks, and sends two of them at once while it reads a third.
package chunks

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// parallel is how many chunks are sent at once.
const parallel = 2

// headSize is how much is read of a stream before a buffer is taken for it:
// most objects are smaller, and are to wait for no memory.
const headSize = 64 << 10

// Chunk is one piece of a stream.
type Chunk struct {
	// Number counts from 1.
	Number int
	Data   []byte
	// Last is set when the stream ends with this chunk. It is empty only when the stream is.
	Last bool

	// buffer is nil for a short stream.
	buffer []byte
}

// Stream is a reader being cut into chunks. It belongs to one goroutine, but
// for Release.
type Stream struct {
	source io.Reader
	plan   Plan
	memory *buffers
	number int
	// begun is what has been read of the next chunk: the head of the stream,
	// or the byte that was read to see whether the stream goes on.
	begun []byte
	ahead [1]byte
	// held is how many bytes the buffers have that were not released.
	held atomic.Int64
}

// NewStream cuts a reader by a plan.
func NewStream(source io.Reader, plan Plan) *Stream {
	return &Stream{source: source, plan: plan, memory: memory}
}

// Next reads the next chunk, and waits for memory before it where other
// uploads have all of it. The error has the kind of the reader's, or
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
	size := s.plan.Size(s.number)
	if s.number == 1 {
		head := make([]byte, min(headSize, size))
		n, err := io.ReadFull(s.source, head)
		if s.begun = head[:n]; err != nil {
			return s.cut(Chunk{Number: 1, Data: s.begun}, err)
		}
	}
	buffer, err := s.memory.take(ctx, size)
	if err != nil {
		return Chunk{}, err
	}
	s.held.Add(int64(size))
	start := copy(buffer, s.begun)
	n, err := io.ReadFull(s.source, buffer[start:])
	if err == nil {
		s.begun = s.ahead[:]
		_, err = io.ReadFull(s.source, s.begun)
	}
	return s.cut(Chunk{Number: s.number, Data: buffer[:start+n], buffer: buffer}, err)
}

// cut completes a chunk by how reading it went.
func (s *Stream) cut(c Chunk, err error) (Chunk, error) {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		c.Last, err = true, nil
	}
	return c, fault.While(err, "read what is to be stored")
}

// Release gives a chunk's buffer back when nobody uses its Data any more. It is
// not to be called for a chunk that couldn't be sent: a transport may still
// read the body of a request that has failed.
func (s *Stream) Release(c Chunk) {
	if c.buffer != nil {
		s.held.Add(-int64(len(c.buffer)))
		s.memory.give(c.buffer)
	}
}

// Close ends the use of what was not released, when nothing is sent any more.
func (s *Stream) Close() {
	if held := s.held.Swap(0); held > 0 {
		s.memory.forget(int(held))
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
			// What is on its way arrives first: a service might keep what comes
			// when the upload has been given up.
			if sending := group.Wait(); broken && sending != nil {
				return total, sending
			}
			return total, err
		}
	}
}
