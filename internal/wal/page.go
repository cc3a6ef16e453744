package wal

import (
	"encoding/binary"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// PageSize is the size of a WAL page in bytes. Other sizes need a PostgreSQL
// built by hand (configure --with-wal-blocksize) and are not read.
const PageSize = 8192

// Sizes and flags of a page's header (XLogPageHeaderData and XLogLongPageHeaderData).
const (
	shortHeader = 24
	longHeader  = 40

	flagContinued = 0x0001 // the page begins with the rest of a record
	flagLong      = 0x0002 // the header is the long one, of a segment's first page
)

// The magic numbers of PostgreSQL 13 and 18; those in between and after keep the high byte.
const (
	magic13 = 0xD106
	magic18 = 0xD118
)

// pageHeader is what stands at the start of every page.
type pageHeader struct {
	magic, flags uint16
	timeline     uint32
	at           LSN
	// rest is how much of a record that began before is still to come.
	rest uint32
	// Of a segment's first page only:
	systemID              uint64
	segmentSize, pageSize uint32
}

// headerSize is the size of the header of the page at a position.
func headerSize(at LSN, segmentSize int64) int {
	if uint64(at)&uint64(segmentSize-1) == 0 {
		return longHeader
	}
	return shortHeader
}

// readPageHeader reads the header at the start of b, which holds shortHeader or longHeader bytes.
func readPageHeader(b []byte) pageHeader {
	h := pageHeader{
		magic:    binary.LittleEndian.Uint16(b),
		flags:    binary.LittleEndian.Uint16(b[2:]),
		timeline: binary.LittleEndian.Uint32(b[4:]),
		at:       LSN(binary.LittleEndian.Uint64(b[8:])),
		rest:     binary.LittleEndian.Uint32(b[16:]),
	}
	if len(b) >= longHeader {
		h.systemID = binary.LittleEndian.Uint64(b[24:])
		h.segmentSize = binary.LittleEndian.Uint32(b[32:])
		h.pageSize = binary.LittleEndian.Uint32(b[36:])
	}
	return h
}

// empty reports whether nothing was ever written to the page.
func (h pageHeader) empty() bool { return h == pageHeader{} }

// check says what keeps the page from being the one at a position, as
// fault.Corrupt or, for a server that writes another format, fault.Unsupported.
func (h pageHeader) check(at LSN, segmentSize int64) error {
	switch {
	case h.magic < magic13 || h.magic>>8 != magic13>>8:
		return fault.New(fault.Corrupt, "the WAL page at %s has magic number %04X, which is none of PostgreSQL 13 or newer", at, h.magic)
	case h.at != at:
		return fault.New(fault.Corrupt, "the WAL page at %s says that it is the one at %s", at, h.at)
	case h.timeline == 0:
		return fault.New(fault.Corrupt, "the WAL page at %s names no timeline", at)
	case (h.flags&flagLong != 0) != (headerSize(at, segmentSize) == longHeader):
		return fault.New(fault.Corrupt, "the WAL page at %s does not fit into segments of %d bytes", at, segmentSize)
	case h.flags&flagLong != 0 && int64(h.segmentSize) != segmentSize:
		return fault.New(fault.Corrupt, "the WAL page at %s is of segments of %d bytes, not %d", at, h.segmentSize, segmentSize)
	case h.flags&flagLong != 0 && h.pageSize != PageSize:
		return fault.New(fault.Unsupported, "the WAL has pages of %d bytes: only servers with pages of %d bytes are supported", h.pageSize, PageSize)
	}
	return nil
}
