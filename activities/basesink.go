package activities

import (
	"cmp"
	"context"
	"io"
	"slices"
	"sync"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/basebackup"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

const baseManifestPart = basebackup.ManifestPart

// baseSink stores a base backup as it comes: archives in parts, the manifest as
// one more.
type baseSink struct {
	ctx    context.Context
	writer archive.PartWriter
	pulse  *pulse
	// splitter is of the archive that is coming in.
	splitter *basebackup.Splitter
	manifest *manifestPart

	mu      sync.Mutex
	entries []archive.PartEntry
	stored  int64
}

func (a *Activities) baseSink(ctx context.Context, p Point, pulse *pulse) *baseSink {
	w := a.writer(p, seal.RandomID(attemptLength))
	w.Workers = max(2, a.Config.Parallel)
	return &baseSink{ctx: ctx, writer: w, pulse: pulse}
}

// Begin implements replication.BaseSink.
func (s *baseSink) Begin(start replication.BaseStart) error {
	s.pulse.expect(start.Estimate)
	return nil
}

// Archive implements replication.BaseSink.
func (s *baseSink) Archive(name, _ string) (io.Writer, error) {
	if err := s.endArchive(); err != nil {
		return nil, err
	}
	var err error
	s.splitter, err = basebackup.NewSplitter(name, basebackup.PartSize, s.write)
	return s.splitter, err
}

func (s *baseSink) endArchive() error {
	if s.splitter == nil {
		return nil
	}
	last := s.splitter
	s.splitter = nil
	return last.Close()
}

// write stores one part; two may be on their way at once.
func (s *baseSink) write(part surface.Part, produce func(io.Writer) error) error {
	entry, err := s.writer.Write(s.ctx, part, nil, produce)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, entry)
	s.stored += entry.Bytes
	s.pulse.stored.Store(s.stored)
	return nil
}

// Manifest implements replication.BaseSink.
func (s *baseSink) Manifest() (io.Writer, error) {
	if err := s.endArchive(); err != nil {
		return nil, err
	}
	s.manifest = s.beginManifest()
	return s.manifest, nil
}

// Progress implements replication.BaseSink.
func (s *baseSink) Progress(done int64) { s.pulse.plain.Store(done) }

// finish ends what is under way, with the error of the backup or without one.
func (s *baseSink) finish(err error) error {
	if s.splitter != nil {
		err = cmp.Or(s.splitter.Abort(err), err)
	}
	if s.manifest != nil {
		err = cmp.Or(err, s.manifest.end(err))
	}
	return err
}

func (s *baseSink) sorted() []archive.PartEntry {
	slices.SortFunc(s.entries, func(a, b archive.PartEntry) int { return cmp.Compare(a.Name, b.Name) })
	return s.entries
}

// manifestPart is PostgreSQL's manifest on its way to the store.
type manifestPart struct {
	*io.PipeWriter
	done chan error
}

func (s *baseSink) beginManifest() *manifestPart {
	r, w := io.Pipe()
	m := &manifestPart{PipeWriter: w, done: make(chan error, 1)}
	part := surface.Part{Name: baseManifestPart, Role: surface.RoleMeta, Format: basebackup.ManifestFormat}
	go func() {
		err := s.write(part, func(out io.Writer) error {
			_, err := io.Copy(out, r)
			return err
		})
		_ = r.CloseWithError(cmp.Or(err, io.ErrClosedPipe))
		m.done <- err
	}()
	return m
}

func (m *manifestPart) end(err error) error {
	_ = m.CloseWithError(err)
	return <-m.done
}
