package wal

import "time"

// Index says what a stretch of WAL holds, so that a recovery can be planned
// without reading the WAL itself. Its JSON lies beside every stored segment.
//
// A record belongs to the stretch in which it ends, so that of stretches that
// follow each other without a gap every record is in exactly one.
type Index struct {
	// Timeline is the one of the pages read; 0 when none was.
	Timeline uint32 `json:"timeline"`
	// Start is the position of the stretch's first byte, End the one after its
	// last complete record (Start when there is none).
	Start LSN `json:"start"`
	End   LSN `json:"end"`
	// LastRecord is where the last complete record begins; 0 when there is none.
	LastRecord LSN `json:"lastRecord,omitempty"`
	// Commits counts transactions that were committed: plain ones and prepared
	// ones at their COMMIT PREPARED. Aborted ones are not counted.
	Commits int64 `json:"commits"`
	// FirstCommit and LastCommit are the earliest and the latest commit time,
	// to the microsecond and in UTC; zero when there were no commits. Commit
	// times need not ascend with the positions.
	FirstCommit time.Time `json:"firstCommit,omitzero"`
	LastCommit  time.Time `json:"lastCommit,omitzero"`
	// LastEnd is the latest time at which a transaction was committed or aborted:
	// recovery to a time can stop here only if this is later.
	LastEnd time.Time `json:"lastEnd,omitzero"`
	// MinXID and MaxXID bound the transactions that ended here, by commit or by
	// abort, in the circular order of transaction IDs; 0 when there were none.
	MinXID uint32 `json:"minXid,omitempty"`
	MaxXID uint32 `json:"maxXid,omitempty"`
	// RestorePoints are those of pg_create_restore_point, in order.
	RestorePoints []RestorePoint `json:"restorePoints,omitempty"`
	// SystemID is the cluster's, from the first page of a segment; 0 when no such page was read.
	SystemID uint64 `json:"systemId,string,omitempty"`
	// Tail is the beginning of a record that is cut off at the end, where it may
	// be one that is indexed: Scanner.Resume wants it for the stretch after this one.
	Tail *Tail `json:"tail,omitempty"`
}

// RestorePoint is a named point of pg_create_restore_point.
type RestorePoint struct {
	Name string `json:"name"`
	// LSN is the position after its record: recovery to the name ends here.
	LSN  LSN       `json:"lsn"`
	Time time.Time `json:"time"`
}

// Tail is the beginning of a record.
type Tail struct {
	Start LSN    `json:"start"`
	Data  []byte `json:"data"`
}
