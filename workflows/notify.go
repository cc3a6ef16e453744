package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// NoticeSignal tells the run of a channel what fires now.
const NoticeSignal = "notice"

// Notice is all that fires at a moment, as far as a channel takes it.
type Notice struct {
	// At is the moment, by the clock of the worker that looked.
	At time.Time `json:"at"`
	// Began is when that worker took over the watch, by Temporal's clock, and
	// Number counts its notices: one that was sent earlier and comes later changes
	// nothing, whatever the clocks of workers say.
	Began  time.Time      `json:"began,omitzero"`
	Number int64          `json:"number,omitempty"`
	Firing []status.Alert `json:"firing"`
	// Repeat is after how long critical alerts that still fire are told again; 0 for never.
	Repeat time.Duration `json:"repeat,omitempty"`
}

// before reports whether a notice was sent before another.
func (n Notice) before(other Notice) bool {
	if !n.Began.Equal(other.Began) {
		return n.Began.Before(other.Began)
	}
	return n.Number < other.Number
}

// NotifyInput names the channel. The rest is what a run hands to the next.
type NotifyInput struct {
	Channel string `json:"channel"`
	Notice  Notice `json:"notice,omitzero"`
	// Heard is when the notice came.
	Heard time.Time `json:"heard,omitzero"`
	// Told are the alerts that the channel was told of and that are not over, by their keys.
	Told map[string]Told `json:"told,omitempty"`
	// Sent counts messages. Trying is what the last one says, until it has arrived.
	Sent   int    `json:"sent,omitempty"`
	Trying string `json:"trying,omitempty"`
	// Missing is since when every worker that was asked has had no such channel.
	Missing time.Time `json:"missing,omitzero"`
}

// Told is an alert that somebody was told of.
type Told struct {
	Alert status.Alert `json:"alert"`
	// At is when it was told last; zero where nobody knows whether that has arrived.
	At time.Time `json:"at,omitzero"`
}

// Notify keeps a channel told of what fires. There is one run for a channel, for
// as long as anything fires. A notice says all that fires, not what has changed,
// and the run knows what was told: so a notice that comes twice is told once, and
// one that is lost is made up for by the next.
func Notify(ctx workflow.Context, in NotifyInput) error {
	t, err := track(ctx, "alerts for channel "+in.Channel)
	if err != nil {
		return err
	}
	if in.Told == nil {
		in.Told = map[string]Told{}
	}
	n := &notifier{NotifyInput: in, tracker: t, notices: workflow.GetSignalChannel(ctx, NoticeSignal)}
	if n.Notice.At.IsZero() {
		n.hear(ctx)
	}
	for {
		n.listen(ctx)
		now := workflow.Now(ctx)
		switch batch := n.batch(now); {
		case batch.empty() && len(n.Told) == 0:
			return nil
		case workflow.GetInfo(ctx).GetContinueAsNewSuggested():
			return workflow.NewContinueAsNewError(ctx, NotifyName, n.NotifyInput)
		case batch.empty() || now.Before(n.restsUntil):
			err = n.wait(ctx, now, !batch.empty())
		default:
			err = n.tell(ctx, batch)
		}
		if err != nil {
			return fail(err)
		}
	}
}

// notifier is one run.
type notifier struct {
	NotifyInput
	tracker *tracker
	notices workflow.ReceiveChannel
	// restsUntil is when a channel is tried again that was not told, after so many failures in a row.
	restsUntil time.Time
	failures   int
	verdict    string
}

// listen takes the notices that have come.
func (n *notifier) listen(ctx workflow.Context) {
	var notice Notice
	for n.notices.ReceiveAsync(&notice) {
		n.take(ctx, notice)
		notice = Notice{}
	}
}

// hear waits for a notice.
func (n *notifier) hear(ctx workflow.Context) {
	var notice Notice
	n.notices.Receive(ctx, &notice)
	n.take(ctx, notice)
}

func (n *notifier) take(ctx workflow.Context, notice Notice) {
	if notice.before(n.Notice) {
		return
	}
	n.Notice, n.Heard = notice, workflow.Now(ctx)
	// Somebody may have mended the channel when things have changed, or a worker began anew.
	n.restsUntil = time.Time{}
}

// tell tries to tell a batch. What the channel does not take is kept and, when
// something changes or after a pause, tried again together with what has come meanwhile.
func (n *notifier) tell(ctx workflow.Context, b batch) error {
	n.tracker.phase(ctx, fmt.Sprintf("telling of %d alerts that fire and %d that are over", len(b.firing)+len(b.still), len(b.resolved)))
	// The same is told with the same ID, for it may have arrived the last time.
	if text := b.text(); text != n.Trying {
		n.Sent, n.Trying = n.Sent+1, text
	}
	err := do(telling(ctx, "tell channel "+n.Channel), acts.Tell, activities.TellInput{
		Channel: n.Channel, ID: fmt.Sprintf("msg_%s_%d", workflow.GetInfo(ctx).FirstRunID, n.Sent), At: workflow.Now(ctx),
		Firing: b.firing, Still: b.still, Resolved: b.resolved,
	})
	now := workflow.Now(ctx)
	if !is(err, fault.Missing) {
		n.Missing = time.Time{}
	} else if n.Missing.IsZero() {
		n.Missing = now
	}
	switch {
	case err == nil:
		n.told(now, b)
		n.Trying, n.failures = "", 0
		return n.show(ctx, VerdictRunning)
	// While settings are rolled out some workers know the channel and others don't.
	case temporal.IsCanceledError(err), is(err, fault.Missing) && now.Sub(n.Missing) >= notifyMissing:
		return err
	case KindOf(err).Retryable():
		n.doubted(b)
	}
	workflow.GetLogger(ctx).Error("a channel can't be told of alerts", "channel", n.Channel, "error", err)
	n.tracker.phase(ctx, "the channel can't be told: "+Message(err))
	n.failures++
	n.restsUntil = now.Add(notifyAgain(n.failures, KindOf(err)))
	return n.show(ctx, VerdictAlarm)
}

// show sets the search attribute that lists show.
func (n *notifier) show(ctx workflow.Context, verdict string) error {
	if verdict == n.verdict {
		return nil
	}
	n.verdict = verdict
	return workflow.UpsertTypedSearchAttributes(ctx, AttrOperation.ValueSet(OperationNotify), AttrVerdict.ValueSet(verdict))
}

// told notes what a channel knows.
func (n *notifier) told(now time.Time, b batch) {
	for _, a := range append(slices.Clone(b.firing), b.still...) {
		n.Told[alertKey(a)] = Told{Alert: a, At: now}
	}
	for _, a := range b.resolved {
		delete(n.Told, alertKey(a))
	}
}

// doubted notes what a channel may have been told: its end is told then, though
// it comes before anybody knows.
func (n *notifier) doubted(b batch) {
	for _, a := range b.firing {
		n.Told[alertKey(a)] = Told{Alert: a}
	}
}

// wait waits for a notice, or until something is due. What was refused is due
// when the channel has rested.
func (n *notifier) wait(ctx workflow.Context, now time.Time, refused bool) error {
	var due time.Time
	if refused {
		due = n.restsUntil
	} else {
		n.tracker.phase(ctx, fmt.Sprintf("told of %d alerts that fire", len(n.Told)))
		due = n.nextRepeat(now)
	}
	ctx, stop := workflow.WithCancel(ctx)
	defer stop()
	wake := workflow.NewSelector(ctx).AddReceive(n.notices, func(workflow.ReceiveChannel, bool) { n.hear(ctx) }).AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	if !due.IsZero() {
		wake.AddFuture(workflow.NewTimer(ctx, due.Sub(now)), func(workflow.Future) {})
	}
	wake.Select(ctx)
	return ctx.Err()
}

// nextRepeat is when an alert is told again; zero where a notice has to come before.
func (n *notifier) nextRepeat(now time.Time) time.Time {
	var due time.Time
	for _, key := range workflow.DeterministicKeys(n.Told) {
		told := n.Told[key]
		next := told.At.Add(n.Notice.Repeat)
		if n.repeats(told) && n.fresh(now) && n.fresh(next) && (due.IsZero() || next.Before(due)) {
			due = next
		}
	}
	return due
}
