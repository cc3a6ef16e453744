package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
)

// StreamInput names the policy of kind wal whose stream this is. What the end
// of the stream needs is in it, as the policy may be gone by then.
type StreamInput struct {
	Policy  string `json:"policy"`
	Surface string `json:"surface"`
	// Slot is the replication slot, dropped when the run is cancelled; empty
	// for a server that pushes its WAL.
	Slot string `json:"slot,omitempty"`
}

// Stream ships WAL until it is cancelled. What no retry mends is shown as an
// alarm, and tried again: somebody may have mended it.
func Stream(ctx workflow.Context, in StreamInput) (err error) {
	t, err := track(ctx, "WAL of "+in.Surface)
	if err != nil {
		return err
	}
	s := &streamer{tracker: t, in: in}
	err = s.upsert(ctx, VerdictRunning, "streaming")
	for err == nil {
		err = s.turn(ctx)
	}
	if workflow.IsContinueAsNewError(err) {
		return err
	}
	if temporal.IsCanceledError(err) {
		s.leave(ctx)
	}
	if bad := verdict(ctx, err); bad != nil {
		workflow.GetLogger(ctx).Warn("the verdict was not set", "error", bad)
	}
	return fail(err)
}

// streamer is one stream of WAL.
type streamer struct {
	*tracker
	in      StreamInput
	verdict string
}

// turn runs the step once, to its end, and shows what it reports meanwhile.
func (s *streamer) turn(ctx workflow.Context) error {
	stepCtx, stop := workflow.WithCancel(ctx)
	defer stop()
	step := workflow.ExecuteActivity(streaming(stepCtx, "stream WAL by policy "+s.in.Policy), acts.Stream,
		activities.StreamInput{Policy: s.in.Policy, Surface: s.in.Surface})
	reports := workflow.GetSignalChannel(ctx, activities.StreamSignal)
	ended, full := false, false
	for !ended {
		var err error
		workflow.NewSelector(ctx).
			AddReceive(reports, func(c workflow.ReceiveChannel, _ bool) {
				var report activities.StreamReport
				c.Receive(ctx, &report)
				err = s.show(ctx, report)
			}).
			AddFuture(step, func(workflow.Future) { ended = true }).
			Select(ctx)
		if err != nil {
			return err
		}
		if !full && workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			full = true
			stop()
		}
	}
	err := step.Get(ctx, nil)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case full:
		return workflow.NewContinueAsNewError(ctx, StreamName, s.in)
	case err == nil:
		return nil
	}
	if err := s.upsert(ctx, VerdictAlarm, Message(err)); err != nil {
		return err
	}
	return workflow.Sleep(ctx, streamPause)
}

func (s *streamer) show(ctx workflow.Context, report activities.StreamReport) error {
	if report.Alarm != "" {
		return s.upsert(ctx, VerdictAlarm, report.Alarm)
	}
	return s.upsert(ctx, VerdictRunning, report.State)
}

// upsert sets the search attribute that lists show, and the phase.
func (s *streamer) upsert(ctx workflow.Context, verdict, phase string) error {
	s.phase(ctx, phase)
	if verdict == s.verdict {
		return nil
	}
	s.verdict = verdict
	return workflow.UpsertTypedSearchAttributes(ctx, AttrSurface.ValueSet(s.in.Surface),
		AttrOperation.ValueSet(OperationWAL), AttrVerdict.ValueSet(verdict))
}

// leave drops the slot: without a stream it would hold back WAL until the disk is full.
func (s *streamer) leave(ctx workflow.Context) {
	if s.in.Slot == "" {
		return
	}
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	in := activities.SlotInput{Surface: s.in.Surface, Slot: s.in.Slot}
	if err := do(patient(ctx, "drop the replication slot"), acts.DropSlot, in); err != nil {
		workflow.GetLogger(ctx).Error("the replication slot is still there: drop it by hand", "slot", s.in.Slot, "error", err)
	}
}
