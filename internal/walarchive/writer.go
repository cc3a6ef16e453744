package walarchive

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

const (
	// DefaultInterval is how long WAL waits at most until a chunk is stored.
	DefaultInterval = 5 * time.Second
	// buffers is how many segments a Writer holds: the one that is filled, and
	// those on their way to the store.
	buffers = 3
)

// errClosed is what a Writer ended with when nothing was wrong.
var errClosed = errors.New("the writer was closed")

// WriterOptions say what a Writer is given.
type WriterOptions struct {
	Cluster  Cluster
	Timeline uint32
	// From is the position of the first byte, the start of a segment; see Resume.
	From wal.LSN
	// Interval is how often what came of the open segment is stored; 0 means DefaultInterval.
	Interval time.Duration
	// Host says who streams, in the marker of the stream's life.
	Host string
}

// Writer stores one timeline's WAL as it streams. WAL, Idle and Close are called
// by one goroutine; Flushed and Flush by any.
//
// It holds at most three segments' bytes, beside what compressing (about 2 MiB
// at level 1) and the store's uploads of up to three objects need: with segments
// of 16 MiB that is under 64 MiB. WAL waits when all three are in use.
//
// Segments appear on the store in their order, so that what is there is without
// a hole whenever a worker dies. The first failure, of the store or in what was
// given, ends the Writer: every call returns it, and a new Writer goes on from
// what the store has, as Resume says.
type Writer struct {
	archive *Archive
	o       WriterOptions
	key     writeKey
	index   *wal.Scanner

	ctx     context.Context
	fail    context.CancelCauseFunc
	running sync.WaitGroup
	// free has the buffers that aren't in use.
	free chan []byte
	// flushes asks for a flush and tells when it is done; stop for the last one.
	flushes  chan chan<- struct{}
	stop     chan struct{}
	stopping sync.Once
	// idle is told whenever a segment is durable.
	idle chan struct{}

	next    wal.LSN
	flushed atomic.Uint64

	mu   sync.Mutex
	open *segment
	// last is the last segment that was closed, and shipping how many closed
	// ones are not durable yet.
	last     *segment
	shipping int
	life     life
}

// Writer begins to store WAL. A cluster's first Writer makes the archive that
// cluster's; fault.Conflict when it is another one's. ctx ends the Writer.
func (a *Archive) Writer(ctx context.Context, o WriterOptions) (*Writer, error) {
	if o.Timeline == 0 || !wal.ValidSegmentSize(o.Cluster.SegmentSize) || uint64(o.From)%uint64(o.Cluster.SegmentSize) != 0 {
		return nil, fault.New(fault.Invalid, "WAL of timeline %d can't be stored from %v on: a segment of %d bytes doesn't begin there", o.Timeline, o.From, o.Cluster.SegmentSize)
	}
	if err := a.join(ctx, o.Cluster); err != nil {
		return nil, err
	}
	key, err := a.writingKey(ctx)
	if err != nil {
		return nil, err
	}
	life, err := a.newLife(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	w := &Writer{
		archive: a, o: o, key: key, index: wal.NewScanner(o.From, o.Cluster.SegmentSize),
		free: make(chan []byte, buffers), flushes: make(chan chan<- struct{}), stop: make(chan struct{}), idle: make(chan struct{}, 1),
		next: o.From, life: life,
	}
	w.flushed.Store(uint64(o.From))
	w.ctx, w.fail = context.WithCancelCause(ctx)
	if err := w.resumeIndex(); err != nil {
		w.fail(errClosed)
		return nil, err
	}
	for range buffers {
		w.free <- nil
	}
	w.running.Go(w.run)
	return w, nil
}

// resumeIndex lets the index know of a record that crosses the border to what
// is stored already. Without it that one record is in no index.
func (w *Writer) resumeIndex() error {
	if w.o.From == 0 {
		return nil
	}
	before, err := w.archive.storedIndex(w.ctx, wal.SegmentAt(w.o.Timeline, w.o.From-1, w.o.Cluster.SegmentSize))
	switch fault.KindOf(err) {
	case fault.Missing, fault.Corrupt, fault.Unsupported:
		return nil
	}
	if err == nil {
		w.index.Resume(before)
	}
	return err
}

// WAL takes the bytes at a position, which must be the one after those before:
// a hole is fault.Corrupt. It doesn't keep data.
func (w *Writer) WAL(at wal.LSN, data []byte) error {
	if err := context.Cause(w.ctx); err != nil {
		return err
	}
	if at != w.next {
		return w.end(fault.New(fault.Corrupt, "the stream of timeline %d goes on at %v, it should at %v", w.o.Timeline, at, w.next))
	}
	for len(data) > 0 {
		s, err := w.filling()
		if err != nil {
			return err
		}
		n := copy(s.data[s.filled:], data)
		// A scanner takes everything.
		_, _ = w.index.Write(data[:n])
		data = data[n:]
		w.next += wal.LSN(n)
		w.mu.Lock()
		s.filled += int64(n)
		w.mu.Unlock()
		if s.filled == w.o.Cluster.SegmentSize {
			w.closeSegment(s)
		}
	}
	return nil
}

// filling returns the open segment, or opens the next when there is a buffer for it.
func (w *Writer) filling() (*segment, error) {
	if w.open != nil {
		return w.open, nil
	}
	var data []byte
	select {
	case data = <-w.free:
	case <-w.ctx.Done():
		return nil, context.Cause(w.ctx)
	}
	size := w.o.Cluster.SegmentSize
	if data == nil {
		data = make([]byte, size)
	}
	s := &segment{Segment: wal.SegmentAt(w.o.Timeline, w.next, size), start: w.next, data: data, durable: make(chan struct{})}
	s.name = s.Name(size)
	s.known = w.last != nil
	w.mu.Lock()
	w.open = s
	w.mu.Unlock()
	return s, nil
}

// closeSegment sends a full segment on its way.
func (w *Writer) closeSegment(s *segment) {
	before := w.last
	w.mu.Lock()
	w.open, w.last = nil, s
	w.shipping++
	w.mu.Unlock()
	index := w.index.Cut()
	w.running.Go(func() { w.ship(s, before, index) })
}

// Idle tells how far the server's WAL has got, and when by its clock.
func (w *Writer) Idle(serverAt wal.LSN, serverTime time.Time) error {
	w.mu.Lock()
	w.life.saw(serverAt, serverTime)
	w.mu.Unlock()
	return context.Cause(w.ctx)
}

// Flushed is the position up to which everything since From is durable.
func (w *Writer) Flushed() wal.LSN { return wal.LSN(w.flushed.Load()) }

// advance moves Flushed on, never back.
func (w *Writer) advance(to wal.LSN) {
	for {
		at := w.flushed.Load()
		if uint64(to) <= at || w.flushed.CompareAndSwap(at, uint64(to)) {
			return
		}
	}
}

// Flush stores what has come without waiting for the interval, and returns when
// it is durable.
func (w *Writer) Flush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case w.flushes <- done:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}

// Close stores what has come, the open segment as a chunk, and ends the Writer.
// The error is that of the Writer, or of its context.
func (w *Writer) Close() error {
	w.stopping.Do(func() { close(w.stop) })
	w.running.Wait()
	return w.end(nil)
}

// end ends the Writer and returns what ended it first; nil if nothing was wrong.
func (w *Writer) end(err error) error {
	if err == nil {
		err = errClosed
	}
	w.fail(err)
	if err := context.Cause(w.ctx); !errors.Is(err, errClosed) {
		return err
	}
	return nil
}
