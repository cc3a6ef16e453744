package walarchive

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// ship stores a closed segment and what belongs to it.
func (w *Writer) ship(s, before *segment, index wal.Index) {
	defer func() { w.free <- s.data }()
	err := w.storeSegment(s, before, index)
	// A chunk that is being stored reads the buffer; and once it is there, it is
	// deleted with the others.
	s.flushing.Wait()
	if err == nil && (!s.known || len(s.chunks) > 0) {
		err = w.archive.deleteChunks(w.ctx, s.name)
	}
	if err != nil {
		w.fail(fault.While(err, "segment %s of %s", s.name, w.archive.surface))
	}
}

func (w *Writer) storeSegment(s, before *segment, index wal.Index) error {
	ready := func() error {
		if before == nil {
			return nil
		}
		select {
		case <-before.durable:
			return nil
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
	}
	l := label{system: w.o.Cluster.SystemID, name: s.name, span: span{0, int64(len(s.data))}}
	k, err := w.archive.keep(w.ctx, w.archive.fileKey(s.name, w.key.ending()), l, s.data, w.key, ready)
	if err == nil {
		// One that was there already did not have to wait.
		err = ready()
	}
	if err != nil {
		return err
	}
	w.durable(s)
	return w.archive.writeSidecar(w.ctx, s.name, sidecarFile{
		Key: w.key.id, Bytes: k.bytes, Digest: k.digest, StoredAt: time.Now(), Index: index,
	})
}

// durable notes that a segment is stored, and with it all before.
func (w *Writer) durable(s *segment) {
	w.advance(s.start + wal.LSN(len(s.data)))
	close(s.durable)
	w.mu.Lock()
	w.shipping--
	w.mu.Unlock()
	select {
	case w.idle <- struct{}{}:
	default:
	}
}
