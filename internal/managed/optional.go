package managed

import (
	"context"
	"time"
)

// Stop is where a recovery ended, as far as it can still be told: a field that
// nobody knows any more is zero.
type Stop struct {
	// Time is when the last transaction ended that was replayed.
	Time time.Time `json:"time,omitzero"`
	// LSN is the end of what was replayed, as PostgreSQL writes it: 0/3000148.
	LSN string `json:"lsn,omitempty"`
	// Timeline is the one that the recovered server writes.
	Timeline uint32 `json:"timeline,omitempty"`
	// Reason is why no more was replayed, in PostgreSQL's words.
	Reason string `json:"reason,omitempty"`
}

// Stopper is a Service whose recovered servers were started again since, and so
// can't be asked where their recovery stopped, and which knows it otherwise.
type Stopper interface {
	// Stopped tells where the recovery of an instance ended that is Available.
	// When nothing tells it any more, that is fault.Missing.
	Stopped(ctx context.Context, name string) (Stop, error)
}

// Alarmer is a Service that knows how the backups of its source fare.
type Alarmer interface {
	// Alarms says in one line each what is wrong with them; empty for nothing.
	Alarms(ctx context.Context) ([]string, error)
}
