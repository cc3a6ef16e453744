package walarchive

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// sidecarFile is what stands beside a whole segment. It is written after the
// segment, which is usable without it.
type sidecarFile struct {
	Format int `json:"format"`
	// Key is the ID of the key that the segment was encrypted for; empty for none.
	Key string `json:"key,omitempty"`
	// Bytes and Digest are those of the stored object.
	Bytes    int64     `json:"bytes"`
	Digest   string    `json:"digest"`
	StoredAt time.Time `json:"storedAt"`
	Index    wal.Index `json:"index"`
}

func (s *sidecarFile) valid() error {
	switch {
	case s.Bytes <= 0 || !seal.ValidDigest(s.Digest):
		return fault.New(fault.Corrupt, "its size or digest is none")
	case s.Index.End < s.Index.Start || s.Index.Commits < 0:
		return fault.New(fault.Corrupt, "its index ends before it begins")
	}
	return nil
}

// writeSidecar stores what is known of a segment. One that is there already,
// from another writer of the same segment, stays.
func (a *Archive) writeSidecar(ctx context.Context, segment string, s sidecarFile) error {
	s.Format, s.StoredAt = FormatVersion, s.StoredAt.UTC().Truncate(time.Millisecond)
	err := a.writeJSON(ctx, a.fileKey(segment, sidecar), s, true)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// storedIndex reads a whole segment's index from its sidecar. Errors:
// fault.Missing, fault.Corrupt and fault.Unsupported when there is none to use.
func (a *Archive) storedIndex(ctx context.Context, s wal.Segment) (wal.Index, error) {
	a.mu.Lock()
	index, known := a.indexes[s]
	a.mu.Unlock()
	if known {
		return index, nil
	}
	c, err := a.Cluster(ctx)
	if err != nil {
		return wal.Index{}, err
	}
	var file sidecarFile
	if err := a.readJSON(ctx, a.fileKey(s.Name(c.SegmentSize), sidecar), &file); err != nil {
		return wal.Index{}, err
	}
	if file.Index.Start != s.Start(c.SegmentSize) || file.Index.End > s.End(c.SegmentSize) {
		return wal.Index{}, fault.New(fault.Corrupt, "the sidecar of %s is of another segment", s.Name(c.SegmentSize))
	}
	a.remember(s, file.Index)
	return file.Index, nil
}

// maxIndexes bounds the indexes that are remembered.
const maxIndexes = 1024

func (a *Archive) remember(s wal.Segment, index wal.Index) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.indexes) >= maxIndexes {
		clear(a.indexes)
	}
	a.indexes[s] = index
}
