package surface

import (
	"context"
	"time"
)

// Marker is a surface that can keep the time in its own data, so that a copy
// says by itself which moment it shows.
type Marker interface {
	// Mark writes the time to the source at every interval, until ctx ends or
	// something fails. It makes what it needs for that, and asks for nothing else.
	Mark(ctx context.Context, every time.Duration) error
	// Marked is the newest time that a running target holds; Missing when it holds none.
	Marked(ctx context.Context, t Target) (time.Time, error)
}
