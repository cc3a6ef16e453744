package pitr

import "github.com/lifeboat-dr/lifeboat/internal/wal"

// Status is what a surface can be put back to today, and how far the store is
// behind the server.
type Status struct {
	Surface string `json:"surface"`
	Store   string `json:"store"`
	Window
	// Lag is nil where the server could not be asked; ServerProblem then says why.
	Lag           *Lag   `json:"lag,omitempty"`
	ServerProblem string `json:"serverProblem,omitempty"`
	// Alarms are what somebody must look at, one sentence each: gaps, a slot that
	// holds back too much, a stream that stands still.
	Alarms []string `json:"alarms"`
}

// Lag is how far the store is behind the server.
type Lag struct {
	ServerLSN wal.LSN `json:"serverLsn"`
	// Bytes of WAL that the server has and the store has not.
	Bytes int64 `json:"bytes"`
	// Seconds since the store had all there was; 0 when it has all now.
	Seconds float64 `json:"seconds"`
	// Slot is the replication slot, empty for a server that pushes its WAL.
	Slot string `json:"slot,omitempty"`
	// Active is set while somebody streams from the slot.
	Active bool `json:"active"`
	// HeldBack is how many bytes of WAL the server keeps for the slot, and
	// HoldBackLimit how many it may be before Lifeboat gives the slot up.
	HeldBack      int64 `json:"heldBack"`
	HoldBackLimit int64 `json:"holdBackLimit,omitempty"`
	// Pushed is for a server that pushes its WAL, nil for one that streams. It is
	// for the watch alone.
	Pushed *Pushed `json:"-"`
}

// Pushed is how the whole segments of a server stand that pushes its WAL: none
// can be on the store before it is full.
type Pushed struct {
	// Server is where the server's newest full segment ends, Stored where the
	// newest one on the store does; zero where there is none.
	Server wal.LSN
	Stored wal.LSN
}
