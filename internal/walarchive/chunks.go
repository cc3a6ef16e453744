package walarchive

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"path"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// chunks lists the chunks of a segment, in order of their beginnings.
func (a *Archive) chunks(ctx context.Context, s wal.Segment, size int64) ([]chunk, error) {
	name := s.Name(size)
	var found []chunk
	for entry, err := range a.store.List(ctx, store.ListOptions{Prefix: a.key(name[:8], openFolder, name) + "."}) {
		if err != nil {
			return nil, err
		}
		if c, ok := parseChunk(entry.Key, size); ok {
			found = append(found, c)
		}
	}
	return found, nil
}

// deleteChunks removes the chunks of a segment that stands.
func (a *Archive) deleteChunks(ctx context.Context, segment string) error {
	var keys []string
	for entry, err := range a.store.List(ctx, store.ListOptions{Prefix: a.key(segment[:8], openFolder, segment) + "."}) {
		if err != nil {
			return err
		}
		keys = append(keys, entry.Key)
	}
	if len(keys) == 0 {
		return nil
	}
	return a.store.Delete(ctx, keys...)
}

// cover chooses chunks that together have every byte from the segment's start
// on, as few as possible, and says how far they reach. holed is set when there
// are bytes beyond that.
func cover(chunks []chunk) (chosen []chunk, to int64, holed bool) {
	rest := chunks
	for {
		best := chunk{span: span{to: to}}
		for len(rest) > 0 && rest[0].from <= to {
			if rest[0].to > best.to {
				best = rest[0]
			}
			rest = rest[1:]
		}
		if best.to == to {
			return chosen, to, len(rest) > 0
		}
		chosen, to = append(chosen, best), best.to
	}
}

// listings is how often chunks are listed at most until they fit together: a
// writer that joins them may do so in the middle of a listing.
const listings = 3

// assemble reads what is stored of an open segment, from its first byte on. It
// is fault.Missing when there is nothing, and fault.Corrupt when bytes in
// between are missing or chunks contradict each other. There is room for the
// whole segment in what it returns, all zero.
func (a *Archive) assemble(ctx context.Context, s wal.Segment, c Cluster) ([]byte, error) {
	name := s.Name(c.SegmentSize)
	var problem error
	for range listings {
		found, err := a.chunks(ctx, s, c.SegmentSize)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fault.New(fault.Missing, "the store has no WAL segment %s of %s", name, a.surface)
		}
		chosen, to, holed := cover(found)
		if holed {
			problem = fault.New(fault.Corrupt, "the open WAL segment %s has a gap: the store has chunks beyond %v, but not from there on", name, s.Start(c.SegmentSize)+wal.LSN(to))
			continue
		}
		data, err := a.joinChunks(ctx, name, chosen, c)
		if !fault.Is(err, fault.Missing) {
			return data, err
		}
		problem = fault.Wrap(fault.Unavailable, err, "the chunks of segment %s are being joined", name)
	}
	return nil, problem
}

// joinChunks reads chunks of which each begins at or before the end of the one
// before. Where they overlap they must be equal.
func (a *Archive) joinChunks(ctx context.Context, name string, chunks []chunk, c Cluster) ([]byte, error) {
	data := make([]byte, 0, c.SegmentSize)
	for _, chunk := range chunks {
		o, err := a.open(ctx, chunk.key, label{system: c.SystemID, name: name, span: chunk.span}, nil)
		if err != nil {
			return nil, err
		}
		data, err = appendChunk(data, chunk, o)
		if err := cmp.Or(err, o.Close()); err != nil {
			return nil, err
		}
	}
	return data, nil
}

func appendChunk(data []byte, c chunk, r io.Reader) ([]byte, error) {
	known := data[c.from:]
	again := make([]byte, len(known))
	if _, err := io.ReadFull(r, again); err != nil {
		return nil, err
	}
	if !bytes.Equal(known, again) {
		return nil, fault.New(fault.Corrupt, "%s contradicts the chunk before it: two servers write the same WAL, or one was set back", path.Base(c.key))
	}
	from := len(data)
	data = data[:c.to]
	if _, err := io.ReadFull(r, data[from:]); err != nil {
		return nil, err
	}
	// The end is where the object is known to be as it was written.
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		return nil, err
	}
	return data, nil
}

// The sizes of page headers (XLogLongPageHeaderData, XLogPageHeaderData).
const (
	firstHeader = 40
	pageHeader  = 24
)

// settled is how much of the bytes from a segment's start on is of use: a page
// whose header is not complete has no record yet.
func settled(n int64) int64 {
	page := n - n%wal.PageSize
	if page == 0 && n < firstHeader || n-page < pageHeader {
		return page
	}
	return n
}
