package basebackup

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// PartSize is about how many bytes of the archive go into one part. A file is
// never cut, so a part with a whole segment of a table has up to 1 GiB.
const PartSize = 256 << 20

// Format is that of the parts, ManifestPart and ManifestFormat those of PostgreSQL's manifest.
const (
	Format         = "tar"
	ManifestPart   = "manifest"
	ManifestFormat = "backup-manifest"
)

// Spec is the spec of a part.
type Spec struct {
	// Tablespace is the OID of the tablespace that the part's files belong to;
	// 0 for the data directory.
	Tablespace uint32 `json:"tablespace,omitempty"`
}

// PartSpec reads the spec of a part that a Splitter made.
func PartSpec(part surface.Part) (Spec, error) {
	var s Spec
	if part.Format != Format {
		return s, fault.New(fault.Invalid, "part %q of format %.40q has no files of a base backup", part.Name, part.Format)
	}
	if len(part.Spec) == 0 {
		return s, nil
	}
	err := json.Unmarshal(part.Spec, &s)
	return s, fault.Wrap(fault.Corrupt, err, "the spec of part %q", part.Name)
}

// Splitter cuts one archive of a base backup, as it is written to it, into
// parts that are complete tar archives of their own. Call Close after the
// archive's end, or Abort; both wait until nothing runs any more.
type Splitter struct {
	scanner
	write Write
	name  string
	spec  json.RawMessage
	size  int64

	parts int
	// current is the part being written, previous the one before, which may still be on its way.
	current, previous *outlet
	written           int64
	closed            bool
}

// Write stores one part, as archive.PartWriter.Write does: it calls produce
// once and returns when the part is stored. While the end of one part is
// stored the next one begins, so two calls may run at once, never more.
type Write func(part surface.Part, produce func(io.Writer) error) error

// NewSplitter begins a new archive: base.tar, of which the parts base-0001 …
// are made, or OID.tar, whose parts are ts-OID-0001 …. size is PartSize but
// for tests.
func NewSplitter(archive string, size int64, write Write) (*Splitter, error) {
	s := &Splitter{write: write, size: size}
	stem, isTar := strings.CutSuffix(archive, ".tar")
	oid, err := strconv.ParseUint(stem, 10, 32)
	switch {
	case isTar && stem == "base":
		s.name = stem
	case isTar && err == nil && oid > 0:
		s.name = fmt.Sprintf("ts-%d", oid)
		if s.spec, err = json.Marshal(Spec{Tablespace: uint32(oid)}); err != nil {
			return nil, err
		}
	default:
		return nil, fault.New(fault.Unsupported, "the server sent an archive %.100q, which no known PostgreSQL does", archive)
	}
	s.to = splitting{s}
	return s, nil
}

// splitting is the side of a Splitter that its scanner sees.
type splitting struct{ *Splitter }

func (s splitting) member(m member, header []byte) error {
	whole := blockSize + m.padded()
	if s.current != nil && s.written+whole > s.size {
		if err := s.cut(); err != nil {
			return err
		}
	}
	if s.current == nil {
		if err := s.begin(whole); err != nil {
			return err
		}
	}
	return s.pass(header)
}

func (s splitting) data(b []byte) error { return s.pass(b) }
func (s splitting) pad(b []byte) error  { return s.pass(b) }
func (s splitting) memberEnd() error    { return nil }

func (s *Splitter) pass(b []byte) error {
	n, err := s.current.w.Write(b)
	s.written += int64(n)
	return err
}

func (s *Splitter) begin(estimate int64) error {
	s.parts++
	part := surface.Part{
		Name: fmt.Sprintf("%s-%04d", s.name, s.parts), Role: surface.RoleData, Format: Format,
		Estimate: max(estimate+2*blockSize, s.size), Spec: s.spec,
	}
	current, err := open(func(produce func(io.Writer) error) error { return s.write(part, produce) })
	s.current, s.written = current, 0
	return err
}

// cut ends the current part and lets it be stored while the next one begins.
func (s *Splitter) cut() error {
	if err := s.pass(make([]byte, 2*blockSize)); err != nil {
		return err
	}
	if s.previous != nil {
		if err := s.previous.wait(); err != nil {
			return err
		}
	}
	s.current.end(nil)
	s.previous, s.current = s.current, nil
	return nil
}

// Parts is how many parts have begun.
func (s *Splitter) Parts() int { return s.parts }

// Close ends the last part. Its error, or the first of Write, is that of the
// archive; after an error of Write call Abort instead.
func (s *Splitter) Close() error {
	err := s.end()
	if err == nil && s.current != nil {
		err = s.cut()
	}
	return s.finish(err)
}

// Abort ends the parts that aren't stored yet with err, and returns what they
// failed with first, which is err unless one had failed on its own.
func (s *Splitter) Abort(err error) error {
	return s.finish(cmp.Or(err, errAborted))
}

var errAborted = fault.New(fault.Lost, "the base backup was given up")

func (s *Splitter) finish(err error) error {
	if s.closed {
		return err
	}
	s.closed = true
	var first error
	for _, o := range []*outlet{s.previous, s.current} {
		if o == nil {
			continue
		}
		if err != nil {
			o.end(err)
		}
		first = cmp.Or(first, o.wait())
	}
	return cmp.Or(first, err)
}
