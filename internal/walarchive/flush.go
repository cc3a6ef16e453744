package walarchive

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// run stores chunks of the open segment at every interval, when asked, and at the end.
func (w *Writer) run() {
	ticker := time.NewTicker(w.o.Interval)
	defer ticker.Stop()
	for {
		var done chan<- struct{}
		last := false
		select {
		case <-ticker.C:
		case done = <-w.flushes:
		case <-w.stop:
			last = true
		case <-w.ctx.Done():
			return
		}
		if err := w.flush(last); err != nil {
			w.fail(fault.While(err, "storing the WAL of %s", w.archive.surface))
			return
		}
		if done != nil {
			close(done)
		}
		if last {
			return
		}
	}
}

// flush stores what came of the open segment, once all segments before it are durable.
func (w *Writer) flush(last bool) error {
	for w.inFlight() {
		select {
		case <-w.idle:
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
	}
	if err := w.flushOpen(); err != nil {
		return err
	}
	return w.live(last)
}

func (w *Writer) inFlight() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shipping > 0
}

func (w *Writer) flushOpen() error {
	w.mu.Lock()
	s := w.open
	if w.shipping > 0 || s == nil || s.filled == s.stored {
		// Nothing to do, or a segment was closed just now: it is on its way.
		w.mu.Unlock()
		return nil
	}
	c, joins := s.next()
	s.flushing.Add(1)
	w.mu.Unlock()
	defer s.flushing.Done()

	l := label{system: w.o.Cluster.SystemID, name: s.name, span: c.span}
	if err := w.archive.storeChunk(w.ctx, l, s.data[c.from:c.to], w.key); err != nil {
		return err
	}
	w.advance(s.start + wal.LSN(c.to))
	var superseded []string
	for _, j := range joins {
		superseded = append(superseded, w.archive.chunkKey(s.name, j.span, w.key.ending()))
	}
	w.mu.Lock()
	s.add(c, len(joins))
	w.mu.Unlock()
	if len(superseded) == 0 {
		return nil
	}
	return w.archive.store.Delete(w.ctx, superseded...)
}

// storeChunk stores a range of a segment, of which data is what the label's span
// says. Where a chunk of the very range is there and can't be compared, the range
// is stored as two that aren't.
func (a *Archive) storeChunk(ctx context.Context, l label, data []byte, key writeKey) error {
	_, err := a.keep(ctx, a.chunkKey(l.name, l.span, key.ending()), l, data, key, nil)
	if err == nil || !errors.Is(err, errUncomparable) || len(data) < 2 {
		return err
	}
	first, second := l, l
	n := 1 + rand.Int64N(int64(len(data))-1)
	first.to, second.from = l.from+n, l.from+n
	if err := a.storeChunk(ctx, first, data[:n], key); err != nil {
		return err
	}
	return a.storeChunk(ctx, second, data[n:], key)
}
