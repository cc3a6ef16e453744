package wal

import "encoding/binary"

// maxKept bounds what the scanner keeps of one record. Only the records of
// transactions with tens of thousands of parts are longer; of these the time is
// read all the same, and the transaction too unless it was a prepared one.
const maxKept = 64 << 10

// Scanner makes the Index of WAL as it streams by, in pieces of any size. It
// looks at the headers of records only, and keeps no more than one short record.
// Where it loses the thread (zeros, a page that is not the next one, a record
// that was given up when its server crashed) it goes on at the next page that
// says where a record begins, as PostgreSQL does.
//
// A Scanner is not safe for concurrent use.
type Scanner struct {
	segmentSize int64
	// each, if set, is told of every transaction that ended.
	each func(Ending)

	at    LSN // of the next byte
	index Index
	err   error

	magic    uint16
	systemID uint64
	timeline uint32

	// header gathers a page's header that comes in pieces.
	header []byte
	// lost says that nothing is known until the next page's header.
	lost bool
	// skip is how much of a record that is not indexed is still to come, page
	// headers not counted.
	skip int64
	// Of the record that is being gathered: where it begins, its first bytes
	// (at most maxKept), how many have come, and its length once that is known.
	// There is none while seen is 0.
	recordStart LSN
	record      []byte
	seen        int64
	length      int64
	// counted says that the record whose rest is skipped began where we read,
	// and so ends a complete record.
	counted bool
}

// NewScanner reads WAL that begins at start, the first byte of a segment. A
// record that began before is passed over unless Resume knows its beginning.
func NewScanner(start LSN, segmentSize int64) *Scanner {
	return &Scanner{
		segmentSize: segmentSize, at: start, lost: true,
		index: Index{Start: start, End: start},
	}
}

// Resume tells a new scanner what was found in the stretch that ends where it
// begins, so that a record that crosses the border is indexed as well. A stretch
// that ends elsewhere is of no use and changes nothing.
func (s *Scanner) Resume(before Index) {
	tail := before.Tail
	if tail == nil || s.seen > 0 || len(tail.Data) < 4 || int64(len(tail.Data)) > tail.Seen {
		return
	}
	length := int64(binary.LittleEndian.Uint32(tail.Data))
	if length > maxRecordLength || tail.Seen >= length || tail.end(s.segmentSize) != s.at {
		return
	}
	s.begin(tail.Start)
	s.record = append(s.record, tail.Data[:min(len(tail.Data), maxKept)]...)
	s.seen, s.length = tail.Seen, length
}

// Position is the position of the next byte to be written.
func (s *Scanner) Position() LSN { return s.at }

// Err tells the first page whose header was not that of its place though WAL was
// expected there, as fault.Corrupt or fault.Unsupported. The end of the WAL in a
// segment that is filled up with zeros or with old pages is no error.
func (s *Scanner) Err() error { return s.err }

// Cut returns the Index of what was written since the last Cut, or since the
// beginning. Records go on across cuts.
func (s *Scanner) Cut() Index {
	index := s.index
	index.Timeline, index.SystemID = s.timeline, s.systemID
	if s.seen > 0 && (s.seen < recordHeader || s.keeps()) {
		index.Tail = &Tail{Start: s.recordStart, Seen: s.seen, Data: append([]byte(nil), s.record...)}
	}
	s.index = Index{Start: s.at, End: s.at}
	return index
}

// Write reads on. It takes all of p and never fails.
func (s *Scanner) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		var n int
		if uint64(s.at)%PageSize == 0 || len(s.header) > 0 {
			n = s.readHeader(rest)
		} else {
			left := PageSize - int(uint64(s.at)%PageSize)
			n = s.readPage(rest[:min(left, len(rest))])
		}
		s.at += LSN(n)
		rest = rest[n:]
	}
	return len(p), nil
}

// readHeader takes what it can of a page's header and returns how much that was.
func (s *Scanner) readHeader(p []byte) int {
	page := s.at - LSN(len(s.header))
	size := headerSize(page, s.segmentSize)
	if len(s.header) == 0 && len(p) >= size {
		s.startPage(page, readPageHeader(p[:size]))
		return size
	}
	n := min(size-len(s.header), len(p))
	s.header = append(s.header, p[:n]...)
	if len(s.header) == size {
		s.startPage(page, readPageHeader(s.header))
		s.header = s.header[:0]
	}
	return n
}

// startPage compares a page's header with where the scanner thinks it is.
func (s *Scanner) startPage(at LSN, h pageHeader) {
	if err := h.check(at, s.segmentSize); err != nil {
		// A server takes old segments for new ones: pages from before are its end.
		if s.err == nil && !s.lost && !h.empty() && h.at >= at {
			s.err = err
		}
		s.drop()
		return
	}
	s.magic, s.timeline = h.magic, h.timeline
	if h.flags&flagLong != 0 {
		s.systemID = h.systemID
	}
	expected := s.skip
	if s.seen > 0 {
		expected = s.length - s.seen
	}
	rest := int64(0)
	if h.flags&flagContinued != 0 {
		rest = int64(h.rest)
	}
	if rest == expected && (!s.lost || s.seen > 0) {
		s.lost = false
		return
	}
	// Not what was expected: this page says where the next record begins.
	s.drop()
	s.lost = false
	s.skip = rest
}

// drop forgets the record in hand and waits for a page that says how to go on.
func (s *Scanner) drop() {
	s.seen, s.skip, s.lost, s.counted = 0, 0, true, false
}

// begin starts to gather a record.
func (s *Scanner) begin(at LSN) {
	s.recordStart, s.record, s.seen, s.length = at, s.record[:0], 0, 0
}

// keeps reports whether the record in hand, whose header is here, is indexed.
func (s *Scanner) keeps() bool { return indexed(s.record[17], s.record[16]) }
