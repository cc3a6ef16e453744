package wal

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// DefaultSegmentSize is the size of a WAL segment in bytes unless a cluster was
// initialised with another one (initdb --wal-segsize).
const DefaultSegmentSize int64 = 16 << 20

// The bounds of a segment's size (access/xlog_internal.h).
const (
	minSegmentSize = 1 << 20
	maxSegmentSize = 1 << 30
)

// ValidSegmentSize reports whether a cluster may have segments of that many
// bytes: a power of two from 1 MiB to 1 GiB.
func ValidSegmentSize(size int64) bool {
	return size >= minSegmentSize && size <= maxSegmentSize && size&(size-1) == 0
}

// Segment names one segment of one timeline. Number counts segments from the
// beginning of the WAL, so that segment n begins at n times the size. All
// methods want a size for which ValidSegmentSize holds.
type Segment struct {
	Timeline uint32 `json:"timeline"`
	Number   uint64 `json:"number"`
}

// SegmentAt is the segment that holds the byte at a position.
func SegmentAt(timeline uint32, at LSN, size int64) Segment {
	return Segment{Timeline: timeline, Number: uint64(at) / uint64(size)}
}

// Name is the segment's file name: 24 hexadecimal digits in upper case.
func (s Segment) Name(size int64) string {
	perLog := segmentsPerLog(size)
	return fmt.Sprintf("%08X%08X%08X", s.Timeline, s.Number/perLog, s.Number%perLog)
}

// Start is the position of the segment's first byte.
func (s Segment) Start(size int64) LSN { return LSN(s.Number * uint64(size)) }

// End is the position after the segment's last byte.
func (s Segment) End(size int64) LSN { return LSN((s.Number + 1) * uint64(size)) }

// Next is the segment that follows on the same timeline.
func (s Segment) Next() Segment { return Segment{Timeline: s.Timeline, Number: s.Number + 1} }

// ParseSegment reads a segment's file name. A name that PostgreSQL would not
// give to a segment of that size is fault.Invalid.
func ParseSegment(name string, size int64) (Segment, error) {
	if !ValidSegmentSize(size) {
		return Segment{}, fault.New(fault.Invalid, "%d bytes is no size of a WAL segment: a power of two from 1 MiB to 1 GiB is", size)
	}
	if len(name) == 24 {
		timeline, ok1 := hexWord(name[:8])
		log, ok2 := hexWord(name[8:16])
		rest, ok3 := hexWord(name[16:])
		s := Segment{Timeline: timeline, Number: uint64(log)*segmentsPerLog(size) + uint64(rest)}
		// Names are compared as text elsewhere: only the one spelling is good.
		if ok1 && ok2 && ok3 && timeline > 0 && s.Name(size) == name {
			return s, nil
		}
	}
	return Segment{}, fault.New(fault.Invalid, "%q is no name of a WAL segment of %d bytes", name, size)
}

// segmentsPerLog is how many segments share the middle eight digits of a name: 4 GiB of WAL.
func segmentsPerLog(size int64) uint64 { return (1 << 32) / uint64(size) }
