package walarchive

import (
	"bytes"
	"context"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Index implements pitr.Indexes: a whole segment's index, from its sidecar or,
// without a usable one, from the segment. The indexes of up to 1,024 segments
// are remembered.
func (a *Archive) Index(ctx context.Context, s wal.Segment) (wal.Index, error) {
	index, err := a.storedIndex(ctx, s)
	switch fault.KindOf(err) {
	case fault.Missing, fault.Corrupt, fault.Unsupported:
	default:
		return index, err
	}
	c, err := a.Cluster(ctx)
	if err != nil {
		return wal.Index{}, err
	}
	scanner := wal.NewScanner(s.Start(c.SegmentSize), c.SegmentSize)
	if err := a.fetchWhole(ctx, s, c, scanner); err != nil {
		return wal.Index{}, err
	}
	index = scanner.Cut()
	a.remember(s, index)
	return index, nil
}

// OpenIndex implements pitr.Indexes: the index of what is stored of an open
// segment, up to the first byte that is not. It reads the chunks.
func (a *Archive) OpenIndex(ctx context.Context, s wal.Segment) (wal.Index, error) {
	c, err := a.Cluster(ctx)
	if err != nil {
		return wal.Index{}, err
	}
	data, err := a.assemble(ctx, s, c)
	if err != nil {
		return wal.Index{}, err
	}
	scanner := wal.NewScanner(s.Start(c.SegmentSize), c.SegmentSize)
	if err := a.resume(ctx, scanner, s); err != nil {
		return wal.Index{}, err
	}
	// A scanner takes everything.
	_, _ = scanner.Write(data)
	return scanner.Cut(), nil
}

// resume tells a scanner of the stored segment before the one it is to read.
func (a *Archive) resume(ctx context.Context, scanner *wal.Scanner, s wal.Segment) error {
	before, err := a.indexBefore(ctx, s)
	if err == nil {
		scanner.Resume(before)
	}
	return err
}

// indexBefore is the index of the segment before, or one that says nothing.
func (a *Archive) indexBefore(ctx context.Context, s wal.Segment) (wal.Index, error) {
	if s.Number == 0 {
		return wal.Index{}, nil
	}
	before, err := a.storedIndex(ctx, wal.Segment{Timeline: s.Timeline, Number: s.Number - 1})
	switch fault.KindOf(err) {
	case fault.Missing, fault.Corrupt, fault.Unsupported:
		return wal.Index{}, nil
	}
	return before, err
}

// Transactions implements pitr.Indexes.
func (a *Archive) Transactions(ctx context.Context, s wal.Segment, each func(wal.Ending) bool) error {
	c, err := a.Cluster(ctx)
	if err != nil {
		return err
	}
	before, err := a.indexBefore(ctx, s)
	if err != nil {
		return err
	}
	read := func(r io.Reader) error {
		return wal.Transactions(r, s.Start(c.SegmentSize), c.SegmentSize, before, each)
	}
	o, err := a.openWhole(ctx, s, c)
	if fault.Is(err, fault.Missing) {
		data, err := a.assemble(ctx, s, c)
		if err != nil {
			return err
		}
		return read(bytes.NewReader(data))
	} else if err != nil {
		return err
	}
	defer o.Close()
	return read(o)
}
