package wal

import "time"

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
