package workflows

import (
	"fmt"
	"slices"
	"strings"
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
	// Told are the alerts that the channel was told of and that are not over, by their keys.
	Told map[string]Told `json:"told,omitempty"`
	// Sent counts messages.
	Sent int `json:"sent,omitempty"`
	// Missing is since when every worker that was asked has had no such channel.
	Missing time.Time `json:"missing,omitzero"`
}

// Told is an alert that somebody was told of.
type Told struct {
	Alert status.Alert `json:"alert"`
	// At is when it was told last.
	At time.Time `json:"at"`
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
		n.listen()
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
	// restsUntil is when a channel is tried again that would not be told.
	restsUntil time.Time
	verdict    string
}

// listen takes the notices that have come.
func (n *notifier) listen() {
	var notice Notice
	for n.notices.ReceiveAsync(&notice) {
		n.take(notice)
		notice = Notice{}
	}
}

// hear waits for a notice.
func (n *notifier) hear(ctx workflow.Context) {
	var notice Notice
	n.notices.Receive(ctx, &notice)
	n.take(notice)
}

func (n *notifier) take(notice Notice) {
	if notice.before(n.Notice) {
		return
	}
	n.Notice = notice
	// Somebody may have mended the channel when things have changed, or a worker began anew.
	n.restsUntil = time.Time{}
}

// batch is what is to be told at once.
type batch struct{ firing, still, resolved []status.Alert }

func (b batch) empty() bool { return len(b.firing)+len(b.still)+len(b.resolved) == 0 }

// batch compares what fires with what was told.
func (n *notifier) batch(now time.Time) batch {
	var b batch
	fires := map[string]bool{}
	for _, a := range n.Notice.Firing {
		key := alertKey(a)
		fires[key] = true
		switch told, known := n.Told[key]; {
		case !known:
			b.firing = append(b.firing, a)
		case n.repeats(told) && !now.Before(told.At.Add(n.Notice.Repeat)):
			b.still = append(b.still, a)
		}
	}
	for _, key := range workflow.DeterministicKeys(n.Told) {
		if !fires[key] {
			b.resolved = append(b.resolved, n.Told[key].Alert)
		}
	}
	return b
}

// repeats reports whether an alert that goes on is told again.
func (n *notifier) repeats(told Told) bool {
	return n.Notice.Repeat > 0 && told.Alert.Severity == status.Critical
}

// tell tells a batch, for as long as an outage of the channel lasts. What it can't
// be told is kept, and tried again when something changes, or after a while.
func (n *notifier) tell(ctx workflow.Context, b batch) error {
	n.tracker.phase(ctx, fmt.Sprintf("telling of %d alerts that fire and %d that are over", len(b.firing)+len(b.still), len(b.resolved)))
	n.Sent++
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
		return n.show(ctx, VerdictRunning)
	// While settings are rolled out some workers know the channel and others don't.
	case temporal.IsCanceledError(err), is(err, fault.Missing) && now.Sub(n.Missing) >= notifyMissing:
		return err
	}
	workflow.GetLogger(ctx).Error("a channel can't be told of alerts", "channel", n.Channel, "error", err)
	n.tracker.phase(ctx, "the channel can't be told: "+Message(err))
	n.restsUntil = now.Add(notifyPause)
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

// wait waits for a notice, or until something is due. What was refused is due
// when the channel has rested.
func (n *notifier) wait(ctx workflow.Context, now time.Time, refused bool) error {
	var due time.Time
	if refused {
		due = n.restsUntil
	} else {
		n.tracker.phase(ctx, fmt.Sprintf("told of %d alerts that fire", len(n.Told)))
		for _, key := range workflow.DeterministicKeys(n.Told) {
			told := n.Told[key]
			if next := told.At.Add(n.Notice.Repeat); n.repeats(told) && (due.IsZero() || next.Before(due)) {
				due = next
			}
		}
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

// alertKey tells alerts apart.
func alertKey(a status.Alert) string {
	var key strings.Builder
	key.WriteString(a.Rule)
	for _, name := range workflow.DeterministicKeys(a.Labels) {
		key.WriteString("/" + name + "=" + a.Labels[name])
	}
	return key.String()
}
