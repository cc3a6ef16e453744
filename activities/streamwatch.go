package activities

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// watch asks what the slot holds back, tells when it is much, and gives the
// slot up when it is too much: a gap is better than a production disk that is full.
func (s *streamer) watch(ctx context.Context) error {
	tick := time.NewTicker(slotCheckEvery)
	defer tick.Stop()
	var window []string
	var looked time.Time
	for {
		if time.Since(looked) > windowCheckEvery {
			looked = time.Now()
			window = s.windowAlarms(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		state, err := replication.Held(ctx, s.server, s.policy.Slot)
		if err != nil || !state.Exists || !state.Active {
			// The stream itself says what is wrong, or is about to begin.
			continue
		}
		if state.HeldBytes > int64(s.policy.HoldBack) {
			return s.giveUp(ctx, state)
		}
		s.report(ctx, StreamReport{State: s.state(), Alarm: strings.Join(append(slotAlarms(s.policy, state), window...), "; ")})
	}
}

// windowAlarms looks for gaps in what the store has. A store that can't be
// listed now is looked at again later: the stream itself notices when it is gone.
func (s *streamer) windowAlarms(ctx context.Context) []string {
	h, err := s.activities.holdings(ctx, s.policy.Surface, s.policy.Store)
	if err != nil {
		return nil
	}
	w, err := pitr.Assess(ctx, h.holdings, h.wal)
	if err != nil {
		return []string{fault.Line(err)}
	}
	// What a newer base backup has made good is for whoever looks at the window.
	w.Gaps = slices.DeleteFunc(w.Gaps, func(g pitr.Gap) bool { return !g.Before.IsZero() })
	return windowAlarms(w)
}

// alarmAttempt is the try of a failing stream with which somebody is told: some
// half a minute after the first.
const alarmAttempt = 6

// bounded looks at the slot of a stream that has failed: one whose store
// refuses fails again before watch looks, and the server keeps WAL all the while.
func (s *streamer) bounded(ctx context.Context, failed error) error {
	if failed == nil || ctx.Err() != nil {
		return failed
	}
	if activity.GetInfo(ctx).Attempt == alarmAttempt {
		s.report(ctx, StreamReport{Alarm: "the WAL of " + s.policy.Surface + " is not being stored: " + fault.Line(failed)})
	}
	state, err := replication.Held(ctx, s.server, s.policy.Slot)
	if err != nil || !state.Exists || state.Active {
		// Whoever streams through it looks after it.
		return failed
	}
	if state.HeldBytes > int64(s.policy.HoldBack) {
		return s.giveUp(ctx, state)
	}
	if float64(state.HeldBytes) > warnAt*float64(s.policy.HoldBack) {
		s.report(ctx, StreamReport{Alarm: strings.Join(append(slotAlarms(s.policy, state), fault.Line(failed)), "; ")})
	}
	return failed
}

// giveUp ends the turn and drops the slot. What the server then throws away is a gap.
func (s *streamer) giveUp(ctx context.Context, state replication.SlotState) error {
	err := fault.New(fault.Lost, "the slot %s held back %.1f GB, more than holdBack: it was dropped, and WAL from %s on is lost; "+
		"see why the store can't keep up, then take a base backup", s.policy.Slot, float64(state.HeldBytes)/1e9, state.RestartLSN)
	s.report(ctx, StreamReport{Alarm: fault.Line(err)})
	// The stream of this very worker has the slot: ending it is what frees the slot.
	if _, bad := replication.TakeOver(ctx, s.server, s.policy.Slot); bad != nil {
		return fault.While(bad, "end the stream of the slot %s", s.policy.Slot)
	}
	if bad := dropSlot(ctx, s.server, s.policy.Slot); bad != nil {
		return bad
	}
	return err
}

// skip goes on where the server still has WAL. What lies between is a gap that
// every look at the window shows.
func (s *streamer) skip(ctx context.Context, conn *replication.Conn, at replication.Switched, lost error) error {
	fresh, err := replication.Connect(ctx, s.server)
	if err != nil {
		return err
	}
	conn.Close()
	defer fresh.Close()
	slot, err := fresh.Slot(ctx, s.policy.Slot)
	if err != nil {
		return err
	}
	if slot.RestartLSN <= at.At {
		// The slot's own WAL is gone: only a new slot keeps any.
		if err := fresh.DropSlot(ctx, s.policy.Slot); err != nil {
			return err
		}
		return fault.Wrap(fault.Unavailable, lost, "the slot was made anew")
	}
	size, err := fresh.SegmentSize(ctx)
	if err != nil {
		return err
	}
	from := wal.SegmentAt(slot.RestartTimeline, slot.RestartLSN, size).Start(size)
	system, err := fresh.Identify(ctx)
	if err != nil {
		return err
	}
	cluster := clusterOf(system, size)
	_, err = s.timeline(ctx, fresh, cluster, replication.Switched{Timeline: slot.RestartTimeline, At: from})
	return err
}

func (s *streamer) state() string {
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.told.State == "" {
		return "streaming"
	}
	return s.told.State
}

// stand reports an alarm that holds until this run ends.
func (s *streamer) stand(ctx context.Context, alarm string) {
	s.telling.Lock()
	s.standing = append(s.standing, alarm)
	s.telling.Unlock()
	s.report(ctx, StreamReport{State: s.state()})
}

// report tells the workflow what has changed. That it can't be told now is no
// reason to stop: it is told with the next change.
func (s *streamer) report(ctx context.Context, r StreamReport) {
	s.telling.Lock()
	defer s.telling.Unlock()
	all := slices.Clone(s.standing)
	if r.Alarm != "" {
		all = append(all, r.Alarm)
	}
	r.Alarm = strings.Join(all, "; ")
	if r == s.told {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	run := activity.GetInfo(ctx).WorkflowExecution
	if err := s.activities.Client.SignalWorkflow(ctx, run.ID, run.RunID, StreamSignal, r); err != nil {
		activity.GetLogger(ctx).Warn("the workflow was not told of the stream", "error", err)
		return
	}
	s.told = r
}

// SlotInput names a replication slot on a surface's server.
type SlotInput struct {
	Surface string `json:"surface"`
	Slot    string `json:"slot"`
}

// DropSlot removes a replication slot that nobody needs any more. A surface that
// is not in the configuration is left alone: nobody can reach its server.
func (a *Activities) DropSlot(ctx context.Context, in SlotInput) error {
	if _, ok := a.Config.Surfaces[in.Surface]; !ok {
		activity.GetLogger(ctx).Warn("the slot of a surface that is gone is left", "surface", in.Surface, "slot", in.Slot)
		return nil
	}
	p := startPulse(ctx, "drop the slot", 0)
	defer p.end()
	return dropSlot(ctx, ReplicationServer(a.Config, in.Surface), in.Slot)
}

func dropSlot(ctx context.Context, server replication.Config, slot string) error {
	conn, err := replication.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = conn.DropSlot(ctx, slot)
	if fault.Is(err, fault.Conflict) {
		// Its stream is just ending.
		return fault.Wrap(fault.Unavailable, err, "the slot is still in use")
	}
	return err
}
