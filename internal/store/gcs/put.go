package gcs

import (
	"context"
	"hash/crc32"
	"io"
	"math"
	"sync/atomic"

	"cloud.google.com/go/storage"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/google"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/chunks"
)

// Put implements store.Store: in one request what fits into one chunk, as a
// resumable upload what is larger. The service checks a CRC-32C of all bytes
// before the object appears.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, opts store.PutOptions) (store.Object, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return store.Object{}, err
	}
	lock, err := s.lock(ctx, opts)
	if err != nil {
		return store.Object{}, err
	}
	// The number of chunks is not limited.
	stream := chunks.NewStream(r, chunks.NewPlan(0, math.MaxInt32))
	defer stream.Close()
	first, err := stream.Next(ctx)
	handle := s.bucket.Object(name)
	if err == nil && opts.IfAbsent && !first.Last {
		// Spare the caller sending what can't win; the end of the upload decides.
		if _, missing := handle.Attrs(ctx); missing == nil {
			err = fault.New(fault.Conflict, "the object exists already")
		}
	}
	if opts.IfAbsent {
		handle = handle.If(storage.Conditions{DoesNotExist: true})
	}
	var o store.Object
	if err == nil {
		o, err = write(ctx, handle, lock, stream, first)
	}
	if err != nil {
		return store.Object{}, store.Taken(ctx, s, key, opts, s.fault(err, "store", key))
	}
	o.Key = key
	return o, nil
}

func (s *Store) lock(ctx context.Context, opts store.PutOptions) (*storage.ObjectRetention, error) {
	if opts.RetainUntil.IsZero() {
		return nil, nil
	}
	f, err := s.Features(ctx)
	if err != nil || !f.ObjectLock {
		return nil, err
	}
	return &storage.ObjectRetention{Mode: "Locked", RetainUntil: opts.RetainUntil}, nil
}

func write(ctx context.Context, handle *storage.ObjectHandle, lock *storage.ObjectRetention, stream *chunks.Stream, first chunks.Chunk) (store.Object, error) {
	// A writer whose context has ended never makes an object appear.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var p patience
	w := handle.Retryer(storage.WithErrorFunc(p.again)).NewWriter(ctx)
	p.renew(0)
	w.ProgressFunc = p.renew
	w.ContentType, w.Retention, w.ChunkSize = "application/octet-stream", lock, chunks.Size
	if first.Last {
		// What is smaller than a chunk goes in one request, and the library
		// would check its sum only when the object is there.
		w.ChunkSize = len(first.Data) + 1
		w.SendCRC32C, w.CRC32C = true, crc32.Checksum(first.Data, crc32.MakeTable(crc32.Castagnoli))
	}
	if err := fill(ctx, w, stream, first); err != nil {
		cancel()
		// It waits for the request; its error can only be that of the context.
		_ = w.Close()
		return store.Object{}, err
	}
	if err := w.Close(); err != nil {
		return store.Object{}, err
	}
	return object("", w.Attrs()), nil
}

// patience bounds how often in a row the library repeats a request of one
// upload: by itself it would go on for as long as the context lives.
type patience struct{ left atomic.Int32 }

func (p *patience) renew(int64) { p.left.Store(attempts - 1) }

func (p *patience) again(err error) bool { return google.Retryable(err) && p.left.Add(-1) >= 0 }

func fill(ctx context.Context, w io.Writer, stream *chunks.Stream, first chunks.Chunk) error {
	for c := first; ; {
		// The writer keeps a copy for what it may have to send again.
		if _, err := w.Write(c.Data); err != nil {
			return err
		}
		stream.Release(c)
		if c.Last {
			return nil
		}
		var err error
		if c, err = stream.Next(ctx); err != nil {
			return err
		}
	}
}
