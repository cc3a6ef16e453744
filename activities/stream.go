package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/internal/walarchive"
)

// StreamTurn is how long one run of Stream lasts: long enough to cost nothing,
// short enough that the history shows that it lives.
const StreamTurn = 6 * time.Hour

// StreamSignal is the name of the signal that carries a StreamReport.
const StreamSignal = "stream"

const (
	// slotCheckEvery is how often the slot is asked what it holds back.
	slotCheckEvery = 5 * time.Second
	// windowCheckEvery is how often the store is listed for gaps.
	windowCheckEvery = 5 * time.Minute
	// markEvery is how finely a restore can tell what it lost.
	markEvery = time.Second
	// reportWithin bounds how long Temporal may take to hear of a change.
	reportWithin = 10 * time.Second
)

// StreamInput names a policy of kind wal.
type StreamInput struct {
	Policy  string `json:"policy"`
	Surface string `json:"surface"`
}

// StreamReport is what a stream says of itself, when it changes.
type StreamReport struct {
	State string `json:"state"`
	Alarm string `json:"alarm,omitempty"`
}

// errTurn ends a run that has lasted its turn.
var errTurn = errors.New("the turn is over")

// Stream ships WAL through the policy's slot to its store, as the server writes
// it, for one turn. Only what the store has durably is confirmed to the server.
func (a *Activities) Stream(ctx context.Context, in StreamInput) error {
	policy, ok := a.Config.Policies[in.Policy]
	if !ok || policy.Kind != config.KindWAL {
		return fault.New(fault.Missing, "policy %q of kind wal is not in the configuration of this worker", in.Policy)
	}
	archive, err := a.walArchive(policy.Surface, policy.Store)
	if err != nil {
		return err
	}
	p := startPulse(ctx, "stream WAL", 0)
	defer p.end()
	turn, over := context.WithCancelCause(ctx)
	defer over(nil)
	defer time.AfterFunc(StreamTurn, func() { over(errTurn) }).Stop()
	s := &streamer{activities: a, policy: policy, archive: archive, server: a.streamServer(policy), pulse: p}
	group, groupCtx := errgroup.WithContext(turn)
	group.Go(func() error { return s.follow(groupCtx) })
	group.Go(func() error { return s.watch(groupCtx) })
	group.Go(func() error { return s.mark(groupCtx) })
	group.Go(func() error {
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			return fault.New(fault.Unavailable, "the worker is stopping")
		case <-groupCtx.Done():
			return nil
		}
	})
	err = group.Wait()
	if errors.Is(context.Cause(turn), errTurn) {
		return nil
	}
	return fault.While(s.bounded(ctx, err), "ship the WAL of %s", policy.Surface)
}

// streamServer is the policy's server, with a name of its own for the
// connection: whoever takes the slot over must end no other stream.
func (a *Activities) streamServer(p config.Policy) replication.Config {
	server := ReplicationServer(a.Config, p.Surface)
	name := "lifeboat " + p.Slot
	server.ApplicationName = name[:min(len(name), 63)]
	return server
}

// streamer is one run of Stream.
type streamer struct {
	activities *Activities
	policy     config.Policy
	archive    *walarchive.Archive
	server     replication.Config
	pulse      *pulse

	telling sync.Mutex
	told    StreamReport
	// standing are the alarms that hold until this run ends.
	standing []string
}

// follow streams one timeline after the other until ctx ends.
func (s *streamer) follow(ctx context.Context) error {
	conn, err := replication.Connect(ctx, s.server)
	if err != nil {
		return err
	}
	defer conn.Close()
	cluster, at, err := s.resume(ctx, conn)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		switched, err := s.timeline(ctx, conn, cluster, at)
		if err != nil {
			return s.explain(ctx, conn, at, err)
		}
		if switched.Timeline == 0 {
			break
		}
		if err := s.history(ctx, conn, switched.Timeline); err != nil {
			return err
		}
		at = replication.Switched{
			Timeline: switched.Timeline, At: wal.SegmentAt(switched.Timeline, switched.At, cluster.SegmentSize).Start(cluster.SegmentSize),
		}
	}
	return ctx.Err()
}

// resume finds out where to go on, and makes sure that the server keeps WAL from there.
func (s *streamer) resume(ctx context.Context, conn *replication.Conn) (walarchive.Cluster, replication.Switched, error) {
	var at replication.Switched
	system, err := conn.Identify(ctx)
	if err != nil {
		return walarchive.Cluster{}, at, err
	}
	size, err := conn.SegmentSize(ctx)
	if err != nil {
		return walarchive.Cluster{}, at, err
	}
	cluster := clusterOf(system, size)
	if err := conn.CreateSlot(ctx, s.policy.Slot); err != nil {
		return cluster, at, err
	}
	for id := uint32(2); id <= system.Timeline; id++ {
		if err := s.history(ctx, conn, id); err != nil && !fault.Is(err, fault.Missing) {
			return cluster, at, err
		}
	}
	at.Timeline, at.At, err = s.archive.Resume(ctx, walarchive.Server{Cluster: cluster, Timeline: system.Timeline, At: system.At})
	return cluster, at, err
}

func clusterOf(system replication.System, segmentSize int64) walarchive.Cluster {
	return walarchive.Cluster{SystemID: system.ID, SegmentSize: segmentSize}
}

// timeline streams until the timeline ends or ctx does.
func (s *streamer) timeline(ctx context.Context, conn *replication.Conn, cluster walarchive.Cluster, at replication.Switched) (replication.Switched, error) {
	w, err := s.archive.Writer(ctx, walarchive.WriterOptions{
		Cluster: cluster, Timeline: at.Timeline, From: at.At, Interval: s.policy.Interval.Of(), Host: s.activities.Host,
	})
	if err != nil {
		return replication.Switched{}, err
	}
	s.report(ctx, StreamReport{State: "streaming from " + at.At.String() + " on timeline " + fmt.Sprint(at.Timeline)})
	switched, err := conn.Stream(ctx, replication.StreamOptions{Slot: s.policy.Slot, Timeline: at.Timeline, From: at.At},
		&countingSink{Writer: w, pulse: s.pulse})
	return switched, errors.Join(err, w.Close())
}

// countingSink lets heartbeats say how much has come.
type countingSink struct {
	*walarchive.Writer
	pulse *pulse
}

func (c *countingSink) WAL(at wal.LSN, data []byte) error {
	c.pulse.plain.Add(int64(len(data)))
	return c.Writer.WAL(at, data)
}

func (s *streamer) history(ctx context.Context, conn *replication.Conn, timeline uint32) error {
	text, err := conn.History(ctx, timeline)
	if err != nil {
		return err
	}
	return s.archive.StoreHistory(ctx, timeline, text)
}

// explain turns what ended a stream into what helps: a slot that a dead worker's
// connection still has is freed, and lost WAL is skipped, loudly.
func (s *streamer) explain(ctx context.Context, conn *replication.Conn, at replication.Switched, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case fault.Is(err, fault.Conflict):
		// Temporal gave the stream to this worker: whoever else holds the slot was given up.
		if freed, bad := replication.TakeOver(ctx, s.server, s.policy.Slot); bad == nil && freed {
			return fault.Wrap(fault.Unavailable, err, "the slot was still held by a worker that is gone")
		}
	case fault.Is(err, fault.Lost):
		s.stand(ctx, "WAL from "+at.At.String()+" on is lost: take a base backup. "+fault.Line(err))
		if err := s.skip(ctx, conn, at, err); err != nil {
			return err
		}
		return fault.New(fault.Unavailable, "the timeline has ended: going on with the next one")
	}
	return err
}

// mark lets the source keep the time. Where it can't, the stream goes on without.
func (s *streamer) mark(ctx context.Context) error {
	if !s.policy.Marker {
		return nil
	}
	marker, ok := s.activities.Surfaces[s.policy.Surface].(surface.Marker)
	if !ok {
		return nil
	}
	if err := marker.Mark(ctx, markEvery); err != nil && ctx.Err() == nil {
		s.stand(ctx, "the marker is not written: "+fault.Line(err))
	}
	return nil
}
