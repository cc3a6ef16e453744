package observe

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// mostSightings bounds how many ends of segments are remembered. What comes
// after them counts from when the store has caught up with some.
const mostSightings = 256

// pushing is what was seen of a server that pushes its WAL. No server says since
// when a segment is full, so that this is counted from when it was seen to be.
type pushing struct {
	// seen are the ends of full segments that the store lacks, each later than the
	// one before, with when they were first seen.
	seen []sighting
	// nothing is where the server was when the store had no segment at all: WAL
	// from before anybody archived is not waited for.
	nothing wal.LSN
}

type sighting struct {
	end wal.LSN
	at  time.Time
}

// newPushing begins with what another worker may have seen before.
func newPushing(now pitr.Pushed, was *status.WAL, at time.Time) *pushing {
	p := &pushing{}
	if was != nil && was.LagSeconds != nil && *was.LagSeconds > 0 {
		p.seen = []sighting{{now.Server, at.Add(-time.Duration(*was.LagSeconds * float64(time.Second)))}}
	} else if now.Stored == 0 {
		p.nothing = now.Server
	}
	return p
}

// behind is by how much the store is behind the full segments of the server: in
// bytes, and for how long the oldest of them has been seen to wait.
func (p *pushing) behind(now pitr.Pushed, at time.Time) (bytes *int64, seconds *float64) {
	stored := max(now.Stored, p.nothing)
	for len(p.seen) > 0 && p.seen[0].end <= stored {
		p.seen = p.seen[1:]
	}
	if n := len(p.seen); now.Server > stored && n < mostSightings && (n == 0 || p.seen[n-1].end < now.Server) {
		p.seen = append(p.seen, sighting{now.Server, at})
	}
	bytes, seconds = new(int64), new(float64)
	if len(p.seen) > 0 {
		*bytes, *seconds = max(0, int64(now.Server)-int64(stored)), at.Sub(p.seen[0].at).Seconds()
	}
	return bytes, seconds
}
