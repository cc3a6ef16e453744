package wal

import (
	"bufio"
	"errors"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// CheckSegment reads a stored segment to its end and compares every page's
// header with what the segment's name, size and cluster want. Timelines may be
// older ones than the segment's: a server begins a timeline by copying the WAL
// up to the switch. After the last page of WAL there may be zeros. A systemID
// of 0 is not compared. What does not fit is fault.Corrupt.
func CheckSegment(r io.Reader, want Segment, size int64, systemID uint64) error {
	if !ValidSegmentSize(size) {
		return fault.New(fault.Invalid, "%d bytes is no size of a WAL segment", size)
	}
	name := want.Name(size)
	pages := bufio.NewReaderSize(r, 64*PageSize)
	var last pageHeader
	for at := want.Start(size); at < want.End(size); at += PageSize {
		// The reader's buffer holds whole pages, so this copies nothing.
		page, err := pages.Peek(PageSize)
		if errors.Is(err, io.EOF) {
			return fault.New(fault.Corrupt, "the WAL segment %s ends after %d of %d bytes", name, int64(at-want.Start(size))+int64(len(page)), size)
		}
		if err != nil {
			return fault.While(err, "read the WAL segment %s", name)
		}
		h := readPageHeader(page[:headerSize(at, size)])
		if last, err = follow(last, h, at, want, size, systemID); err != nil {
			return fault.While(err, "check the WAL segment %s", name)
		}
		if _, err := pages.Discard(PageSize); err != nil {
			return fault.While(err, "read the WAL segment %s", name)
		}
	}
	if _, err := pages.ReadByte(); err == nil {
		return fault.New(fault.Corrupt, "the WAL segment %s is longer than %d bytes", name, size)
	} else if !errors.Is(err, io.EOF) {
		return fault.While(err, "read the WAL segment %s", name)
	}
	return nil
}

// follow checks a page's header against the segment and the page before it, of
// which it returns the one that the next page has to follow.
func follow(last, h pageHeader, at LSN, want Segment, size int64, systemID uint64) (pageHeader, error) {
	first := at == want.Start(size)
	if h.empty() && !first {
		return h, nil
	}
	if err := h.check(at, size); err != nil {
		return h, err
	}
	switch {
	case h.timeline > want.Timeline:
		return h, fault.New(fault.Corrupt, "the WAL page at %s is of the later timeline %d", at, h.timeline)
	case first && systemID != 0 && h.systemID != systemID:
		return h, fault.New(fault.Corrupt, "it belongs to the cluster %d, not to %d", h.systemID, systemID)
	case first:
		return h, nil
	case last.empty():
		return h, fault.New(fault.Corrupt, "the WAL page before %s is empty, this one is not", at)
	case h.magic != last.magic:
		return h, fault.New(fault.Corrupt, "the WAL page at %s is of another PostgreSQL than the one before it", at)
	case h.timeline < last.timeline:
		return h, fault.New(fault.Corrupt, "the WAL page at %s is of timeline %d, the one before it of %d", at, h.timeline, last.timeline)
	}
	return h, nil
}
