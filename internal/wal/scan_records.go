package wal

import "encoding/binary"

// readPage reads bytes of one page behind its header and returns how many it took.
func (s *Scanner) readPage(p []byte) int {
	switch {
	case s.lost:
		return len(p)
	case s.skip > 0:
		return s.pass(p)
	case s.seen > 0:
		return s.gather(s.at, p)
	}
	n := int(-uint64(s.at) & 7) // records begin at multiples of eight
	if n >= len(p) {
		return len(p)
	}
	return s.readRecords(p, n)
}

// readRecords walks over whole records from p[n:], which is where a record
// begins. This is where the scanner spends its time.
func (s *Scanner) readRecords(p []byte, n int) int {
	last := -1
	for len(p)-n >= recordHeader {
		length := int(binary.LittleEndian.Uint32(p[n:]))
		if length < recordHeader || length > len(p)-n || p[n+17] <= managerXact {
			break
		}
		last = n
		n += (length + 7) &^ 7
		if n >= len(p) {
			break
		}
	}
	if last >= 0 {
		end := s.at + LSN(last) + LSN(binary.LittleEndian.Uint32(p[last:])+7)&^7
		s.index.LastRecord, s.index.End = s.at+LSN(last), end
	}
	if n >= len(p) {
		return len(p) // padding that is still to come is passed over by the alignment
	}
	s.begin(s.at + LSN(n))
	return n + s.gather(s.at+LSN(n), p[n:])
}

// gather takes bytes of the record in hand, the first of them at a position, until it is complete or turns out
// to be none that is kept.
func (s *Scanner) gather(at LSN, p []byte) int {
	taken := 0
	if s.seen < recordHeader {
		taken = min(len(p), int(recordHeader-s.seen))
		s.record = append(s.record, p[:taken]...)
		s.seen += int64(taken)
		if s.seen >= 4 && !s.measure() {
			s.drop()
			return len(p)
		}
		if s.seen < recordHeader {
			return taken
		}
	}
	rest := s.length - s.seen
	if !s.keeps() && s.length > s.seen && !s.isSwitch() {
		s.skip, s.seen, s.counted = rest, 0, true
		return taken
	}
	n := int(min(rest, int64(len(p)-taken)))
	keep := max(0, min(n, maxKept-len(s.record)))
	s.record = append(s.record, p[taken:taken+keep]...)
	s.seen += int64(n)
	if s.seen == s.length {
		s.complete(at + LSN(taken+n))
	}
	return taken + n
}

// measure reads the record's length, and is false where no record begins.
func (s *Scanner) measure() bool {
	s.length = int64(binary.LittleEndian.Uint32(s.record))
	return s.length >= recordHeader && s.length <= maxRecordLength
}

// pass goes over bytes of a record that is not kept.
func (s *Scanner) pass(p []byte) int {
	n := min(s.skip, int64(len(p)))
	s.skip -= n
	if s.skip == 0 && s.counted {
		s.counted = false
		s.index.LastRecord, s.index.End = s.recordStart, align(s.at+LSN(n))
	}
	return int(n)
}

func (s *Scanner) isSwitch() bool {
	return s.record[17] == managerXLOG && s.record[16]&xlogMask == xlogSwitch
}

// complete indexes the record in hand, which ends before the position given.
func (s *Scanner) complete(end LSN) {
	end = align(end)
	if s.isSwitch() {
		// The rest of the segment is empty, and counts as part of the record.
		size := LSN(s.segmentSize)
		end = (end + size - 1) / size * size
	}
	s.index.LastRecord, s.index.End = s.recordStart, end
	s.seen = 0
	switch s.record[17] {
	case managerXact:
		if ending, ok := readEnding(s.record, s.magic); ok && s.keeps() {
			ending.Start, ending.End = s.recordStart, end
			s.index.add(ending)
			if s.each != nil {
				s.each(ending)
			}
		}
	case managerXLOG:
		if s.isSwitch() {
			s.lost = true
			return
		}
		if point, ok := readRestorePoint(s.record); ok && s.keeps() {
			point.LSN = end
			s.index.RestorePoints = append(s.index.RestorePoints, point)
		}
	}
}

// align rounds up to where a record may begin.
func align(at LSN) LSN { return (at + 7) &^ 7 }
