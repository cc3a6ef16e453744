// Package walarchive keeps a PostgreSQL cluster's write-ahead log on a store:
// whole segments, chunks of the one that is still open, and the histories of
// timelines. It knows no connection to a server: a Writer is handed WAL as it
// streams, Push takes the files that archive_command has. FORMAT.md is the
// specification of what it writes.
//
// Everything that is stored is created if absent and never replaced, but for
// the marker of the stream's life. What is there already is compared with what
// should be: a worker that was given up but still writes either writes the same
// as its successor or is told of the conflict. An object is deleted only when
// another one that holds the same bytes, and more, is durable.
package walarchive

import (
	"sync"
	"sync/atomic"

	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// FormatVersion is that of every JSON object and label which this package writes.
const FormatVersion = 1

// Archive is the WAL of one surface on one store. It may be used by many goroutines.
type Archive struct {
	store   store.Store
	surface string
	keys    *seal.Keyring
	level   int

	// The rest is what was read once and does not change.
	// clear is set when what was read last was not encrypted.
	clear    atomic.Bool
	keyMu    sync.Mutex
	writing  *writeKey
	opened   []openKey
	mu       sync.Mutex
	cluster  Cluster
	indexes  map[wal.Segment]wal.Index
	ancestry map[uint32]wal.History
	// listed are the segments of each timeline that were listed last.
	listed map[uint32][]pitr.Held
}

// Open returns the WAL of a surface. Nothing is read yet. level is zstd's, 1 to
// 19; 0 means 1.
func Open(st store.Store, surface string, keys *seal.Keyring, level int) *Archive {
	if level == 0 {
		level = 1
	}
	return &Archive{
		store: st, surface: surface, keys: keys, level: level,
		indexes: make(map[wal.Segment]wal.Index), ancestry: make(map[uint32]wal.History),
	}
}
