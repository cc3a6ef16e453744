package postgres

import "time"

// limits say how a database is cut into parts, and how long to wait for locks.
type limits struct {
	// single is the size in bytes from which a table is a part of its own.
	single int64
	// split is the size from which a table is cut into ranges of pages, and
	// slice about the size of one such range.
	split, slice int64
	// groupBytes and groupTables bound a part of many small tables.
	groupBytes  int64
	groupTables int
	// lockWait is how long to wait for the locks of all tables when a view is
	// opened; dumpLockWait for the one table of a dump.
	lockWait, dumpLockWait time.Duration
}

var defaultLimits = limits{
	single: 256 << 20, split: 1 << 30, slice: 512 << 20,
	groupBytes: 256 << 20, groupTables: 200,
	lockWait: time.Minute, dumpLockWait: 10 * time.Second,
}
