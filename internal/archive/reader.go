package archive

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path"
	"sync"

	"github.com/DataDog/zstd"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// partReader reads one part's plaintext. Download and digest, decryption and
// decompression, and the caller each run on their own, a few buffers apart.
// Beside libzstd's window (under 2 MiB for levels up to 3, never above 128
// MiB) at most 12 buffers of 256 KiB are in memory.
//
// The end of the stored bytes is passed on only when their number and digest
// were right, so that whatever reads io.EOF has seen what was written.
type partReader struct {
	*pipe
	cancel context.CancelFunc
	stages sync.WaitGroup
}

// openPart opens a part of the point in dir. Errors, also those of the reader,
// are fault.Corrupt where bytes aren't those that were written; others keep their kind.
func openPart(ctx context.Context, st store.Store, dir string, entry PartEntry, opener *seal.Opener, m *meter) (*partReader, error) {
	where := func(err error) error { return fault.While(err, "part %q of point %s", entry.Name, label(dir)) }
	ctx, cancel := context.WithCancel(ctx)
	body, err := st.Get(ctx, path.Join(dir, entry.Object), 0, -1)
	if err != nil {
		cancel()
		if fault.Is(err, fault.Missing) {
			err = fault.Wrap(fault.Corrupt, err, "it is gone from the store")
		}
		return nil, where(err)
	}
	stored, plain := newPipe(), newPipe()
	r := &partReader{pipe: plain, cancel: cancel}
	r.stages.Go(func() { stored.End(fetch(stored, body, entry, m)) })
	r.stages.Go(func() {
		err := unpack(plain, stored, entry, opener, m)
		stored.Stop(err)
		plain.End(where(err))
	})
	return r, nil
}

// Close ends the download and waits until nothing of it runs any more.
func (r *partReader) Close() error {
	r.Stop(errReaderClosed)
	r.cancel()
	r.stages.Wait()
	return nil
}

var errReaderClosed = errors.New("the reader was closed")

// fetch passes the stored bytes on and checks their size and digest at the end.
func fetch(stored *pipe, body io.ReadCloser, entry PartEntry, m *meter) error {
	digest := seal.NewDigest()
	// One byte more than there should be is enough to know that there are more.
	src := io.TeeReader(io.LimitReader(body, entry.Bytes+1), io.MultiWriter(digest, meteredWriter{io.Discard, &m.stored, m}))
	n, err := stored.ReadFrom(src)
	if err := cmp.Or(err, body.Close()); err != nil {
		return err
	}
	switch {
	case n < entry.Bytes:
		return fault.New(fault.Corrupt, "it was truncated: the store has %d bytes, the manifest says %d", n, entry.Bytes)
	case n > entry.Bytes:
		return fault.New(fault.Corrupt, "the store has more than the %d bytes that the manifest says", entry.Bytes)
	}
	if got := seal.FormatDigest(digest); got != entry.Digest {
		return fault.New(fault.Corrupt, "it was altered or swapped: its digest is %s, the manifest says %s", got, entry.Digest)
	}
	return nil
}

// unpack decrypts and decompresses what was fetched. It takes no more than the
// plaintext bytes that the manifest says, whatever the compressed data claims.
func unpack(plain, stored *pipe, entry PartEntry, opener *seal.Opener, m *meter) error {
	src := &causeKeeper{r: stored}
	opened, err := opener.Decrypt(src)
	if err != nil {
		return src.blame(err, "it is not encrypted for the keys that its manifest names")
	}
	zr := zstd.NewReader(opened)
	n, err := plain.ReadFrom(io.TeeReader(io.LimitReader(zr, entry.PlainBytes+1), meteredWriter{io.Discard, &m.plain, m}))
	err = cmp.Or(err, zr.Close())
	switch {
	case errors.Is(err, errReaderClosed):
		return err
	case err != nil:
		return src.blame(err, "it was altered")
	case n > entry.PlainBytes:
		return fault.New(fault.Corrupt, "it decompresses to more than the %d bytes that the manifest says", entry.PlainBytes)
	case n < entry.PlainBytes:
		return fault.New(fault.Corrupt, "it decompresses to %d bytes, the manifest says %d", n, entry.PlainBytes)
	}
	return nil
}

// causeKeeper remembers what reading the stored bytes failed with, because
// that is the cause of whatever the decoders above it say.
type causeKeeper struct {
	r   io.Reader
	err error
}

func (k *causeKeeper) Read(b []byte) (int, error) {
	n, err := k.r.Read(b)
	if err != nil && err != io.EOF {
		k.err = err
	}
	return n, err
}

func (k *causeKeeper) blame(err error, otherwise string) error {
	if k.err != nil {
		return k.err
	}
	return fault.Wrap(fault.Corrupt, err, "%s", otherwise)
}
