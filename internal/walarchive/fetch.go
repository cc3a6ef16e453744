package walarchive

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// partial is what PostgreSQL adds to the name of a timeline's last segment.
const partial = ".partial"

// Fetch writes the file that PostgreSQL asks for by name: a segment, or a
// timeline's history. Of a segment that is not held whole, what is stored of it
// is written, filled up with zeros, which end the WAL. fault.Missing says that
// there is nothing, fault.Corrupt that what is there is damaged, or that there
// is WAL after the end of a segment which is not whole: a gap is never bridged.
// After an error, what was written is of no use.
func (a *Archive) Fetch(ctx context.Context, name string, w io.Writer) error {
	if timeline, ok := wal.ParseHistoryName(name); ok {
		text, err := a.History(ctx, timeline)
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}
	if backupName.MatchString(name) {
		text, err := a.readSmall(ctx, name)
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}
	c, err := a.Cluster(ctx)
	if err != nil {
		return err
	}
	s, err := wal.ParseSegment(strings.TrimSuffix(name, partial), c.SegmentSize)
	if err != nil {
		return err
	}
	return a.fetchSegment(ctx, s, c, w)
}

func (a *Archive) fetchSegment(ctx context.Context, s wal.Segment, c Cluster, w io.Writer) error {
	err := a.fetchWhole(ctx, s, c, w)
	if !fault.Is(err, fault.Missing) {
		return err
	}
	data, missing := a.assemble(ctx, s, c)
	if missing == nil {
		missing = a.last(ctx, s, c)
	}
	if k := fault.KindOf(missing); missing != nil && (k == fault.Missing || k == fault.Corrupt) {
		// It may have been closed in between: its chunks are gone then.
		if err := a.fetchWhole(ctx, s, c, w); !fault.Is(err, fault.Missing) {
			return err
		}
	}
	if missing != nil {
		return missing
	}
	return checkOpen(data, s, c, w)
}

// checkOpen fills a segment up with zeros, checks it and writes it.
func checkOpen(data []byte, s wal.Segment, c Cluster, w io.Writer) error {
	n := settled(int64(len(data)))
	data = data[:c.SegmentSize]
	clear(data[n:])
	if n == 0 {
		return fault.New(fault.Missing, "the store has not even the first page's header of WAL segment %s", s.Name(c.SegmentSize))
	}
	if err := wal.CheckSegment(bytes.NewReader(data), s, c.SegmentSize, c.SystemID); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// last makes sure that no WAL follows a segment that is not whole.
func (a *Archive) last(ctx context.Context, s wal.Segment, c Cluster) error {
	next := s.Next().Name(c.SegmentSize)
	for _, prefix := range []string{a.fileKey(next, compressed), a.key(next[:8], openFolder, next) + "."} {
		for _, err := range a.store.List(ctx, store.ListOptions{Prefix: prefix}) {
			if err != nil {
				return err
			}
			return fault.New(fault.Corrupt, "the WAL has a gap: the end of segment %s is missing though the store has %s", s.Name(c.SegmentSize), next)
		}
	}
	return nil
}

// fetchWhole writes a whole segment; fault.Missing when there is none.
func (a *Archive) fetchWhole(ctx context.Context, s wal.Segment, c Cluster, w io.Writer) error {
	o, err := a.openWhole(ctx, s, c)
	if err != nil {
		return err
	}
	defer o.Close()
	return wal.CheckSegment(io.TeeReader(o, w), s, c.SegmentSize, c.SystemID)
}

func (a *Archive) openWhole(ctx context.Context, s wal.Segment, c Cluster) (*object, error) {
	name := s.Name(c.SegmentSize)
	return a.openFile(ctx, label{system: c.SystemID, name: name, span: span{0, c.SegmentSize}})
}

// openFile opens a file by PostgreSQL's name, whether it is encrypted or not.
func (a *Archive) openFile(ctx context.Context, l label) (*object, error) {
	endings := []string{encrypted, compressed}
	if a.clear.Load() {
		endings = []string{compressed, encrypted}
	}
	for _, ending := range endings {
		o, err := a.open(ctx, a.fileKey(l.name, ending), l, nil)
		if !fault.Is(err, fault.Missing) {
			a.clear.Store(ending == compressed)
			return o, err
		}
	}
	return nil, fault.New(fault.Missing, "the store has no %s of %s", l.name, a.surface)
}
