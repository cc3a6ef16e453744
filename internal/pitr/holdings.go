// Package pitr decides what can be recovered from base backups and WAL that a
// store holds: the window, the gaps, the plan that reaches a target, and what
// may go. It only computes; reading a store and running a server are others' work.
package pitr

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Holdings is all that one PostgreSQL cluster left on a store.
type Holdings struct {
	// SegmentSize is in bytes, the same for the whole cluster.
	SegmentSize int64  `json:"segmentSize"`
	SystemID    uint64 `json:"systemId,string"`
	// Bases are complete base backups, in any order.
	Bases []Base `json:"bases"`
	// Timelines are those of which WAL or a history file is held, in any order.
	Timelines []Timeline `json:"timelines"`
}

// Base is a base backup.
type Base struct {
	ID    string `json:"id"`
	Store string `json:"store"`
	Dir   string `json:"dir"`
	// Major is PostgreSQL's major version.
	Major    int    `json:"major"`
	Timeline uint32 `json:"timeline"`
	// Start is where replay begins (the checkpoint's redo position), Stop where
	// the restored cluster becomes consistent.
	Start wal.LSN `json:"start"`
	Stop  wal.LSN `json:"stop"`
	// StartedAt and StoppedAt are moments of the server's clock.
	StartedAt time.Time `json:"startedAt"`
	StoppedAt time.Time `json:"stoppedAt"`
	// Parent is the base that an incremental one builds on; empty for a full one.
	Parent string `json:"parent,omitempty"`
	// Policy names the policy that asked for it, empty when a person did.
	Policy string `json:"policy,omitempty"`
	Bytes  int64  `json:"bytes"`
	Marks
}

// Marks say what was checked of a base backup.
type Marks struct {
	Verified bool `json:"verified"`
	Proven   bool `json:"proven"`
}

// Timeline is what is held of one timeline.
type Timeline struct {
	ID uint32 `json:"id"`
	// History names the ancestors. Without one, a timeline above 1 is taken to
	// have none that can be reached.
	History wal.History `json:"history,omitempty"`
	// Segments are whole segments, ascending by number.
	Segments []Held `json:"segments"`
	// Open are chunks of segments that are not held whole, ascending by position.
	Open []OpenChunk `json:"open,omitempty"`
	// KnownUntil is the latest moment of which it is known that all WAL written
	// until then is held; zero where nobody knows, as with archive_command.
	KnownUntil time.Time `json:"knownUntil,omitzero"`
}

// Held is a whole segment.
type Held struct {
	Number   uint64    `json:"number"`
	Bytes    int64     `json:"bytes"` // as stored
	StoredAt time.Time `json:"storedAt,omitzero"`
}

// OpenChunk is a part of a segment: the bytes from From up to To.
type OpenChunk struct {
	From wal.LSN `json:"from"`
	To   wal.LSN `json:"to"`
}

// Indexes reads what the WAL on the store holds. It is asked for few segments:
// their number grows with the logarithm of what is held.
type Indexes interface {
	// Index is the index of a whole segment. Where none is stored it is made by
	// reading the segment.
	Index(ctx context.Context, segment wal.Segment) (wal.Index, error)
	// OpenIndex is the index of a segment's chunks, joined. It may tell of more
	// than the holdings do, also of the whole segment if that was closed since.
	OpenIndex(ctx context.Context, segment wal.Segment) (wal.Index, error)
	// Transactions calls each for every transaction that ended in a segment,
	// whole or open, in the order of the WAL, until each returns false.
	Transactions(ctx context.Context, segment wal.Segment, each func(wal.Ending) bool) error
}
