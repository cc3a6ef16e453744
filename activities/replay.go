package activities

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/internal/walarchive"
	"github.com/lifeboat-dr/lifeboat/internal/walspool"
)

// Replay starts PostgreSQL on the data directory, feeds it WAL up to the
// target, and returns once it has been promoted. Segments are fetched ahead of
// what PostgreSQL asks for.
func (a *Activities) Replay(ctx context.Context, in RecoveryRef) (Reached, error) {
	p := startPulse(ctx, "replay WAL", in.Plan.Bytes)
	defer p.end()
	prepared, err := a.Environment.Prepare(ctx, in.RestoreID, a.recoverySpec(in))
	if err != nil {
		return Reached{}, err
	}
	m, err := archive.ReadManifest(ctx, a.Stores[in.Store], in.Plan.Base.Dir)
	if err != nil {
		return Reached{}, err
	}
	program, err := reachable(prepared)
	if err != nil {
		return Reached{}, err
	}
	h, err := a.holdings(ctx, in.Surface, in.Store)
	if err != nil {
		return Reached{}, err
	}
	feed := pitr.Feed(h.holdings, in.Plan)
	if len(feed) == 0 {
		return Reached{}, fault.New(fault.Lost, "the WAL that the plan needs is gone from %s: plan again", in.Store)
	}
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	var recovered local.Recovered
	group, groupCtx := errgroup.WithContext(feeding)
	group.Go(func() error {
		prefetcher := walspool.Prefetcher{
			Dir: prepared.Spool, SegmentSize: m.Base.SegmentSize,
			History: historyOf(h.holdings, in.Plan.Timeline),
			Fetch:   feeder{h.wal, in.Plan, m.Base.SegmentSize}.fetch,
		}
		err := prefetcher.Run(groupCtx, feed[0], feed[len(feed)-1])
		if feeding.Err() != nil {
			return nil
		}
		return err
	})
	group.Go(func() error {
		defer stop()
		var err error
		recovered, err = a.Environment.Recover(groupCtx, in.RestoreID, local.Recovery{
			RestoreCommand: walspool.Command(program, prepared.Spool), Settings: in.Plan.Settings,
			Superuser: m.Base.Superuser, AtLeast: atLeast(in.Plan),
		}, func(s local.RecoveryState) {
			if s.Replayed > in.Plan.From {
				p.plain.Store(int64(s.Replayed - in.Plan.From))
			}
		})
		return err
	})
	if err := group.Wait(); err != nil {
		return Reached{}, fault.While(err, "replay the WAL of %s", in.Surface)
	}
	return reached(in.Plan, recovered)
}

// atLeast is what a replay must reach: PostgreSQL takes WAL that it can't read
// for the end of the WAL, and without a target is content with that.
func atLeast(plan pitr.Plan) wal.LSN {
	if plan.EndOfWAL {
		return plan.Until
	}
	return plan.Base.Stop
}

// historyOf is the ancestry of a timeline, as far as it is held.
func historyOf(h pitr.Holdings, timeline uint32) wal.History {
	for _, t := range h.Timelines {
		if t.ID == timeline {
			return t.History
		}
	}
	return nil
}

// disorder is how much later than the last transaction in the WAL one before it
// may have ended: a session notes the time before it gets its place in the WAL.
const disorder = time.Minute

// reached says what was recovered, and refuses less than what the WAL on the
// store was known to hold: PostgreSQL takes WAL that it can't read for its end.
func reached(plan pitr.Plan, r local.Recovered) (Reached, error) {
	out := Reached{LSN: r.ReachedLSN, Timeline: r.From, Time: r.LastCommit, Bytes: r.Bytes, Stopped: r.Stopped}
	if r.LastCommit.Add(disorder).Before(plan.Expected) && !r.LastCommit.IsZero() {
		return out, fault.New(fault.Corrupt, "the replay ended at %s with the commits of %s, and those up to %s are on the store: %s",
			r.ReachedLSN, r.LastCommit.UTC().Format(timeLayout), plan.Expected.UTC().Format(timeLayout), r.Stopped)
	}
	return out, nil
}

const timeLayout = "2006-01-02T15:04:05.999999Z"

// feeder hands PostgreSQL the WAL of a plan and nothing beyond its end.
type feeder struct {
	archive *walarchive.Archive
	plan    pitr.Plan
	size    int64
}

func (f feeder) fetch(ctx context.Context, name string, w io.Writer) error {
	segment, err := wal.ParseSegment(name, f.size)
	if err != nil || !f.plan.EndOfWAL {
		return f.archive.Fetch(ctx, name, w)
	}
	if segment.Start(f.size) >= f.plan.Until {
		return fault.New(fault.Missing, "the plan ends before %s", name)
	}
	if segment.End(f.size) <= f.plan.Until {
		return f.archive.Fetch(ctx, name, w)
	}
	return f.archive.Fetch(ctx, name, &cutOff{w: w, left: int64(f.plan.Until - segment.Start(f.size))})
}

// cutOff lets the first bytes pass and makes the rest zero.
type cutOff struct {
	w    io.Writer
	left int64
}

func (c *cutOff) Write(b []byte) (int, error) {
	n := min(int64(len(b)), c.left)
	c.left -= n
	if n == int64(len(b)) {
		return c.w.Write(b)
	}
	cut := make([]byte, len(b))
	copy(cut, b[:n])
	return c.w.Write(cut)
}

// reachable is this program at a path that the account of the server can
// execute: a link, or else a copy, in the environment's folder.
func reachable(prepared local.Prepared) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "find this program")
	}
	path := filepath.Join(prepared.Dir, "lifeboat")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if os.Link(self, path) == nil {
		return path, nil
	}
	return path, copyProgram(self, path)
}

func copyProgram(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return fault.Wrap(fault.Denied, err, "read this program")
	}
	defer src.Close()
	dst, err := os.OpenFile(to+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return fault.Wrap(fault.Exhausted, err, "copy this program")
	}
	if _, err := io.Copy(dst, src); err != nil {
		_ = dst.Close()
		return fault.Wrap(fault.Exhausted, err, "copy this program")
	}
	if err := dst.Close(); err != nil {
		return fault.Wrap(fault.Exhausted, err, "copy this program")
	}
	return fault.Wrap(fault.Exhausted, os.Rename(to+".new", to), "copy this program")
}
