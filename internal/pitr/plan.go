package pitr

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Preview is what a recovery would do, before it is asked for. Either Plan is
// set, or Provider and Promised are.
type Preview struct {
	// Store is where it would be read from.
	Store string `json:"store,omitempty"`
	Plan  *Plan  `json:"plan,omitempty"`
	// Provider is the kind of the service that would run it, where one does, and
	// Promised the moment that this says it can reach.
	Provider string    `json:"provider,omitempty"`
	Promised time.Time `json:"promised,omitzero"`
}

// Plan is how to reach a target.
type Plan struct {
	Base Base `json:"base"`
	// Chain is what Base is combined from, the full backup first and Base last.
	Chain  []Base `json:"chain"`
	Target Target `json:"target"`
	// Timeline is the one to follow (recovery_target_timeline).
	Timeline uint32 `json:"timeline"`
	// From is where replay begins, Until where it ends: no byte from Until on is
	// needed. It is a little late where PostgreSQL stops by itself.
	From  wal.LSN `json:"from"`
	Until wal.LSN `json:"until"`
	// EndOfWAL says that PostgreSQL is given no target and ends where the WAL
	// ends. WAL that has come to the store since must not be given to it: the
	// segment that holds Until has to be zero from there on, later ones missing.
	EndOfWAL bool `json:"endOfWal"`
	// Segments and Bytes are what there is to fetch; Bytes counts whole segments as stored.
	Segments int   `json:"segments"`
	Bytes    int64 `json:"bytes"`
	// Settings are those of postgresql.conf that name the target.
	Settings map[string]string `json:"settings"`
	// Expected is the time of the last commit that will be there, as far as it
	// is known; zero when no commit since the base's start is.
	Expected time.Time `json:"expected,omitzero"`
}
