package archive

import (
	"cmp"
	"context"
	"hash"
	"io"
	"path"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The levels of zstd that may be asked for. Higher ones than 19 want windows
// that other decoders refuse by default; negative ones give up matches for
// speed.
const (
	minLevel     = -7
	defaultLevel = 1
	maxLevel     = 19
)

// PartWriter writes the parts of one point. It may be used by many goroutines.
type PartWriter struct {
	Store store.Store
	// Dir is the point's folder; see Dir.
	Dir string
	// Recipients are those of the point's Encryption; none means unencrypted.
	Recipients []string
	// Level is zstd's, -7 (quickest) to 19; 0 means 1.
	Level int
	// Workers is how many goroutines may compress one part at once; below 2 means one.
	Workers int
	// Attempt, up to 16 characters of a-z and 2-7, goes into the names of
	// objects. With an attempt of its own each time a step is run, a worker
	// that was given up but still writes never replaces what its successor
	// wrote. It may be empty.
	Attempt string
	// LockedUntil asks the store to keep every object unchanged until then; zero for not.
	LockedUntil time.Time
}

// Write stores one part: what produce writes is compressed, encrypted,
// digested and uploaded as it comes, each on its own, so that the slowest of
// them sets the pace. However large the part, 2·Workers+3 buffers of 2 MiB (4
// MiB from level 3 on) are in memory at most, beside what zstd needs for its
// level with each worker (about 1 MiB at level 1, 60 MiB at 19) and the store
// for its upload: 11 MiB for one worker at level 1, 16 MiB for two.
//
// An object is never replaced: when there is one of the same name and attempt,
// the error is of kind fault.Conflict.
//
// The first error of produce or of the store stops both; an error of produce
// keeps its kind. progress, which may be nil, is called every 250 ms at most
// and once at the end, with the bytes so far before compression and as stored.
func (w PartWriter) Write(ctx context.Context, part surface.Part, progress func(plain, stored int64), produce func(io.Writer) error) (PartEntry, error) {
	if err := w.check(part); err != nil {
		return PartEntry{}, fault.While(err, "part %q", part.Name)
	}
	object := objectName(part.Name, w.Attempt, part.Format, len(w.Recipients) > 0)
	s := &stream{meter: newMeter(progress), digest: seal.NewDigest()}
	s.packer = newPacker(cmp.Or(w.Level, defaultLevel), w.Workers, s.meter)
	if err := s.run(ctx, w, object, max(part.Estimate, 0), produce); err != nil {
		return PartEntry{}, fault.While(err, "part %q", part.Name)
	}
	s.meter.last()
	part.Estimate = 0
	return PartEntry{
		Part: part, Object: object, Bytes: s.meter.stored.Load(), PlainBytes: s.meter.plain.Load(), Digest: seal.FormatDigest(s.digest),
	}, nil
}

func (w PartWriter) check(part surface.Part) error {
	switch {
	case w.Level < minLevel || w.Level > maxLevel:
		return fault.New(fault.Invalid, "compression level %d is not possible: it goes from %d to %d", w.Level, minLevel, maxLevel)
	case w.Attempt != "" && !validAttempt.MatchString(w.Attempt):
		return fault.New(fault.Invalid, "attempt %q can't stand in an object's name", w.Attempt)
	case !validPart.MatchString(part.Name) || !validFormat.MatchString(part.Format):
		return fault.New(fault.Invalid, "its name or format (%q) can't stand in an object's name", part.Format)
	}
	return nil
}

// stream is one part on its way: produce → packer → encrypt, digest, upload.
// produce runs on the caller's goroutine.
type stream struct {
	meter  *meter
	digest hash.Hash
	packer *packer

	failing sync.Once
	// failure is what went wrong first; what follows from it is not told.
	failure error
}

func (s *stream) fail(err error) {
	if err != nil {
		s.failing.Do(func() { s.failure = err })
	}
}

func (s *stream) run(ctx context.Context, w PartWriter, object string, estimate int64, produce func(io.Writer) error) error {
	var uploading sync.WaitGroup
	uploading.Go(func() {
		err := s.put(ctx, w, object, estimate)
		s.fail(err)
		s.packer.Stop(err)
	})
	// A produce that panics must not leave the others waiting.
	defer s.packer.End(errStopped)
	err := produce(s.packer)
	s.fail(err)
	s.packer.End(err)
	uploading.Wait()
	s.packer.Wait()
	return s.failure
}

func (s *stream) put(ctx context.Context, w PartWriter, object string, estimate int64) error {
	sealed, err := seal.EncryptReader(s.packer, w.Recipients)
	if err != nil {
		return err
	}
	body := &digestingReader{ctx: ctx, r: sealed, stream: s}
	got, err := w.Store.Put(ctx, path.Join(w.Dir, object), body, store.PutOptions{IfAbsent: true, Estimate: estimate, RetainUntil: w.LockedUntil})
	if err != nil {
		return err
	}
	if sent := s.meter.stored.Load(); !body.ended || got.Size != sent {
		return fault.New(fault.Corrupt, "the store says it kept %d bytes, %d were sent", got.Size, sent)
	}
	return nil
}

// digestingReader is what the store reads: it digests and counts what passes.
type digestingReader struct {
	ctx    context.Context
	r      io.Reader
	stream *stream
	// ended is set when the end was read: the store took everything.
	ended bool
}

func (d *digestingReader) Read(b []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := d.r.Read(b)
	d.stream.digest.Write(b[:n])
	d.stream.meter.stored.Add(int64(n))
	d.stream.meter.tick()
	d.ended = err == io.EOF
	return n, err
}
