package pitr

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Kind says by what a target is named.
type Kind string

// The kinds of targets, and what a recovery to each holds.
const (
	// AtTime: recovery stops before the first transaction in the order of the
	// WAL that ended, by commit or by abort, later than Time (with Exclusive: at
	// Time or later). As commit times ascend in the WAL, these are exactly the
	// transactions with a commit time of at most Time (with Exclusive: before
	// Time). Sessions that commit within the same microseconds may write their
	// times in another order: what is recovered stays a beginning of the WAL.
	AtTime Kind = "time"
	// AtLSN: recovery stops after the first record that begins at or after LSN.
	// With Exclusive it stops before that record: what is recovered is then every
	// record that begins before LSN, which is exactly what was there when
	// pg_current_wal_insert_lsn() said LSN. A position at the end of the WAL held,
	// where no record begins yet, is the end of it.
	AtLSN Kind = "lsn"
	// AtXID: recovery stops after the commit or abort of the transaction XID (with
	// Exclusive: before it). Transactions that began earlier and ended later are
	// not there. Only IDs of whole transactions count, not of subtransactions.
	AtXID Kind = "xid"
	// AtName: recovery stops after the record of the restore point.
	AtName Kind = "name"
	// AtLatest: recovery replays all WAL that is held of the newest timeline.
	AtLatest Kind = "latest"
	// AtImmediate: recovery stops as soon as the newest base backup is consistent.
	AtImmediate Kind = "immediate"
)

// Target is the point to recover to. Only the field of its Kind is set.
type Target struct {
	Kind Kind      `json:"kind"`
	Time time.Time `json:"time,omitzero"`
	LSN  wal.LSN   `json:"lsn,omitempty"`
	XID  uint32    `json:"xid,omitempty"`
	Name string    `json:"name,omitempty"`
	// Timeline is the one to follow; 0 follows the newest.
	Timeline uint32 `json:"timeline,omitempty"`
	// Exclusive stops just before the target where otherwise it is included, for
	// times, positions and transactions (recovery_target_inclusive = false).
	Exclusive bool `json:"exclusive,omitempty"`
}
