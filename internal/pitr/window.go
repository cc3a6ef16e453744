package pitr

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Window says which moments can be had.
type Window struct {
	// Earliest is when the oldest usable base backup ended, Latest the last
	// moment that can be had on Timeline, the newest one. Both are zero when
	// nothing can be had. Between them gaps may lie.
	Earliest time.Time `json:"earliest,omitzero"`
	Latest   time.Time `json:"latest,omitzero"`
	// EarliestLSN is where the oldest usable base ended, LatestLSN the end of the
	// last complete record that can be replayed.
	EarliestLSN wal.LSN `json:"earliestLsn"`
	LatestLSN   wal.LSN `json:"latestLsn"`
	Timeline    uint32  `json:"timeline"`
	// LastCommit is the time of the last transaction that can be had.
	LastCommit time.Time `json:"lastCommit,omitzero"`
	// Gaps are ascending by timeline and position.
	Gaps []Gap `json:"gaps"`
	// Bases counts all base backups, UsableBases those that can be made
	// consistent with what is held.
	Bases       int `json:"bases"`
	UsableBases int `json:"usableBases"`
	// Segments and Bytes count the whole segments of all timelines.
	Segments int   `json:"segments"`
	Bytes    int64 `json:"bytes"`
}

// Gap is WAL that is missing though WAL after it is held, and a base backup before it.
type Gap struct {
	Timeline uint32 `json:"timeline"`
	// From is the first missing byte, To the first that is held again.
	From wal.LSN `json:"from"`
	To   wal.LSN `json:"to"`
	// FirstSegment and LastSegment are the names of the segments that miss bytes.
	FirstSegment string `json:"firstSegment"`
	LastSegment  string `json:"lastSegment"`
	Segments     int    `json:"segments"`
	// After and Before bound the moments that cannot be had because of it: the
	// last commit before the gap, and the end of the next base backup after it
	// (zero when there is none: nothing after the gap can be had).
	After  time.Time `json:"after,omitzero"`
	Before time.Time `json:"before,omitzero"`
}
