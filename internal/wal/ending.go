package wal

import (
	"io"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Ending is the end of a transaction, by commit or by abort. PostgreSQL compares
// recovery targets of time and transaction with just these records.
type Ending struct {
	XID uint32
	// Start is where its record begins, which is what pg_waldump calls its lsn.
	// End is the position after it.
	Start, End LSN
	At         time.Time
	Committed  bool
}

// Transactions reads WAL from the first byte of a segment and calls each for
// every transaction that ended in it, in order, until each returns false or the
// WAL ends. The index of the segment before, if it is known, makes sure of a
// record that crosses the border.
func Transactions(r io.Reader, start LSN, segmentSize int64, before Index, each func(Ending) bool) error {
	stopped := false
	s := NewScanner(start, segmentSize)
	s.Resume(before)
	s.each = func(e Ending) { stopped = stopped || !each(e) }
	buf := make([]byte, 256<<10)
	for !stopped {
		n, err := r.Read(buf)
		// Writing never fails.
		_, _ = s.Write(buf[:n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.While(err, "read the WAL from %s", start)
		}
	}
	return nil
}
