package walarchive

import (
	"context"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Server is where a server is: what IDENTIFY_SYSTEM says, and its segment size.
type Server struct {
	Cluster
	Timeline uint32
	At       wal.LSN
}

// Resume says on which timeline and from where to stream so that the archive
// has no hole: from the segment after the last whole one, on the timeline that
// was streamed last, as long as that isn't complete up to where the server left
// it. The history of the server's timeline must have been stored before.
//
// With nothing there yet, it is the segment that the server is in. Errors:
// fault.Conflict when the archive is another cluster's, or has WAL of the
// server's timeline that the server hasn't got; fault.Missing without the history.
func (a *Archive) Resume(ctx context.Context, server Server) (timeline uint32, from wal.LSN, err error) {
	if err := a.belongs(ctx, server.Cluster); fault.Is(err, fault.Missing) {
		return server.Timeline, startOf(server.At, server.SegmentSize), nil
	} else if err != nil {
		return 0, 0, err
	}
	history, err := a.ancestors(ctx, server.Timeline)
	if err != nil {
		return 0, 0, err
	}
	h, err := a.Holdings(ctx)
	if err != nil {
		return 0, 0, err
	}
	if t, found := timelineOf(h, server.Timeline); found {
		from, end := ends(t, h.SegmentSize)
		if end > server.At {
			return 0, 0, fault.New(fault.Conflict, "the store has WAL of timeline %d up to %v, the server only up to %v: it was set back, or is a standby that lags", server.Timeline, end, server.At)
		}
		return server.Timeline, from, nil
	}
	timeline, from = descend(h, history, server)
	return timeline, from, nil
}

// descend finds the newest ancestor of which something is held, and goes on
// from its end or, when it is complete, with the timeline after it.
func descend(h pitr.Holdings, history wal.History, server Server) (uint32, wal.LSN) {
	next := server.Timeline
	for _, left := range slices.Backward(history) {
		if t, found := timelineOf(h, left.Timeline); found {
			if from, end := ends(t, h.SegmentSize); end < left.End {
				return left.Timeline, from
			}
			return next, startOf(left.End, h.SegmentSize)
		}
		next = left.Timeline
	}
	return server.Timeline, startOf(server.At, server.SegmentSize)
}

// timelineOf finds a timeline of which there is WAL.
func timelineOf(h pitr.Holdings, id uint32) (pitr.Timeline, bool) {
	for _, t := range h.Timelines {
		if t.ID == id && len(t.Segments)+len(t.Open) > 0 {
			return t, true
		}
	}
	return pitr.Timeline{}, false
}

// ends says where the segment after the last whole one begins, and up to where
// there is WAL without a hole from there on.
func ends(t pitr.Timeline, size int64) (from, end wal.LSN) {
	if n := len(t.Segments); n > 0 {
		from = wal.Segment{Timeline: t.ID, Number: t.Segments[n-1].Number}.End(size)
	} else {
		from = startOf(t.Open[0].From, size)
	}
	end = from
	for _, c := range t.Open {
		if c.From <= end {
			end = max(end, c.To)
		}
	}
	return from, end
}

func startOf(at wal.LSN, size int64) wal.LSN { return at - wal.LSN(uint64(at)%uint64(size)) }
