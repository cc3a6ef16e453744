package wal

import (
	"slices"
	"time"
)

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
	// Subtransactions do not count.
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
	Start LSN `json:"start"`
	// Seen is how many bytes of the record have come, and Data the first of them.
	Seen int64  `json:"seen"`
	Data []byte `json:"data"`
}

// end is the position after the bytes seen, page headers counted.
func (t *Tail) end(segmentSize int64) LSN {
	at := t.Start
	for left := t.Seen; left > 0; {
		if uint64(at)%PageSize == 0 {
			at += LSN(headerSize(at, segmentSize))
		}
		n := min(left, PageSize-int64(uint64(at)%PageSize))
		at += LSN(n)
		left -= n
	}
	return at
}

// Join is the index of two stretches of one timeline of which b begins where a ends.
func Join(a, b Index) Index {
	joined := a
	if b.Timeline != 0 {
		joined.Timeline = b.Timeline
	}
	if b.LastRecord != 0 {
		joined.End, joined.LastRecord = b.End, b.LastRecord
	}
	joined.Commits += b.Commits
	joined.FirstCommit = earlier(a.FirstCommit, b.FirstCommit)
	joined.LastCommit = later(a.LastCommit, b.LastCommit)
	joined.LastEnd = later(a.LastEnd, b.LastEnd)
	joined.addXID(b.MinXID)
	joined.addXID(b.MaxXID)
	joined.RestorePoints = slices.Concat(a.RestorePoints, b.RestorePoints)
	if b.SystemID != 0 {
		joined.SystemID = b.SystemID
	}
	joined.Tail = b.Tail
	return joined
}

// MayHold reports whether the transaction may have ended in the stretch.
func (i *Index) MayHold(xid uint32) bool {
	return i.MaxXID != 0 && !precedes(xid, i.MinXID) && !precedes(i.MaxXID, xid)
}

// add counts the end of a transaction.
func (i *Index) add(e Ending) {
	i.LastEnd = later(i.LastEnd, e.At)
	i.addXID(e.XID)
	if e.Committed {
		i.Commits++
		i.FirstCommit = earlier(i.FirstCommit, e.At)
		i.LastCommit = later(i.LastCommit, e.At)
	}
}

// addXID widens the bounds. Transactions without an ID, which end when only
// something outside of the tables changed, have 0.
func (i *Index) addXID(xid uint32) {
	if xid == 0 {
		return
	}
	if i.MinXID == 0 || precedes(xid, i.MinXID) {
		i.MinXID = xid
	}
	if i.MaxXID == 0 || precedes(i.MaxXID, xid) {
		i.MaxXID = xid
	}
}

// precedes compares transaction IDs, which go round in a circle.
func precedes(a, b uint32) bool { return int32(a-b) < 0 }

// earlier is the earlier of two times, where the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// later is the later of two times, where the zero time is none.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
