package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/alert"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// evaluate makes the alerts of a report, with runbooks where the configuration has them.
func evaluate(cfg *config.Config) func(r status.Report, before []status.Alert, now time.Time) []status.Alert {
	return func(r status.Report, before []status.Alert, now time.Time) []status.Alert {
		return alert.Linked(alert.Evaluate(r, before, now), cfg.Alerts.Runbooks)
	}
}

// announcer tells the runs of channels what fires. It tells all that does, and
// not what has changed: they know what they have told.
func announcer(c client.Client, cfg *config.Config) func(ctx context.Context, a activities.Announcement) error {
	return func(ctx context.Context, a activities.Announcement) error {
		var failed []error
		for _, name := range slices.Sorted(maps.Keys(cfg.Alerts.Channels)) {
			failed = append(failed, announce(ctx, c, name, noticeFor(cfg.Alerts, name, a)))
		}
		return errors.Join(failed...)
	}
}

// noticeFor is what a channel takes of a report.
func noticeFor(cfg config.Alerts, channel string, a activities.Announcement) workflows.Notice {
	firing := slices.DeleteFunc(slices.Clone(a.Report.Alerts), func(alert status.Alert) bool {
		return alert.State != status.Firing || !cfg.Channels[channel].Takes(alert.Severity)
	})
	return workflows.Notice{At: a.Report.At, Began: a.Began, Number: a.Number, Firing: firing, Repeat: cfg.Repeat.Of()}
}

// announce hands a notice to the run of a channel. One is begun where something
// fires; where nothing does and none runs, nobody needs to be told that it is over.
func announce(ctx context.Context, c client.Client, channel string, notice workflows.Notice) error {
	id := workflows.OperationNotify + "/" + channel
	if len(notice.Firing) == 0 {
		err := c.SignalWorkflow(ctx, id, "", workflows.NoticeSignal, notice)
		if gone(err) {
			return nil
		}
		return fault.Wrap(fault.Unavailable, err, "tell channel %s that nothing fires", channel)
	}
	_, err := c.SignalWithStartWorkflow(ctx, id, workflows.NoticeSignal, notice, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, StaticSummary: "alerts for channel " + channel,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		Memo:                  map[string]any{workflows.MemoTrigger: workflows.WatchID},
	}, workflows.NotifyName, workflows.NotifyInput{Channel: channel})
	return fault.Wrap(fault.Unavailable, err, "tell channel %s of alerts", channel)
}
