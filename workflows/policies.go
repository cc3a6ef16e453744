package workflows

import (
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Every time-out and every retry of Lifeboat stands in this file. Which errors
// are worth a retry is not decided here: the activity interceptor marks those
// of a kind that no retry mends.

// retryPassing waits out what passes: a store that refuses for a while, a
// database that restarts.
var retryPassing = &temporal.RetryPolicy{
	InitialInterval:    time.Second,
	BackoffCoefficient: 2,
	MaximumInterval:    30 * time.Second,
}

// retrySoon is for a stream of WAL: each second without one may be lost.
var retrySoon = &temporal.RetryPolicy{
	InitialInterval:    time.Second,
	BackoffCoefficient: 1.5,
	MaximumInterval:    10 * time.Second,
}

// retryLooking is for looking at what a provider does: each attempt is a look.
var retryLooking = &temporal.RetryPolicy{
	InitialInterval:    2 * time.Second,
	BackoffCoefficient: 1.5,
	MaximumInterval:    20 * time.Second,
}

// retryBriefly is for steps whose failure a person waits to hear of.
var retryBriefly = &temporal.RetryPolicy{
	InitialInterval:    500 * time.Millisecond,
	BackoffCoefficient: 2,
	MaximumInterval:    5 * time.Second,
	MaximumAttempts:    6,
}

const (
	// maxStep bounds a single part; what is older is abandoned, see activities.SweepAge.
	maxStep = 24 * time.Hour
	// workerGone is how long a long step may be silent before its worker is given up.
	workerGone = 20 * time.Second
	// holderGone is shorter: all dumps wait for what becomes of the view.
	holderGone = 10 * time.Second
	// maxFresh is how often a point may be started afresh after its view was lost.
	maxFresh = 5
	// freshPause lets a source that just restarted come up.
	freshPause = 2 * time.Second
	// hostWait is how long a step waits for the one host that can do it.
	hostWait = 30 * time.Minute
	// streamGone is how long a stream of WAL may be silent before another worker takes it over.
	streamGone = 8 * time.Second
	// streamTurn bounds one turn of a stream. The step ends by itself well before, see activities.StreamTurn.
	streamTurn = 2 * activities.StreamTurn
	// streamPause is between the end of a stream that no retry mends and the next try.
	streamPause = 30 * time.Second
	// watchGone is how long a watch may be silent before another worker takes it over.
	watchGone = 25 * time.Second
	// watchTurn bounds one turn of a watch. The step ends by itself well before, see activities.ObserveTurn.
	watchTurn = 2 * activities.ObserveTurn
	// watchPause is between the end of a watch that no retry mends and the next try.
	watchPause = time.Minute
	// notifyPause is after how long a channel is tried again that refused a message.
	notifyPause = 15 * time.Minute
	// notifyFirst and notifyMost are the pauses, at least and at most, after a channel was away.
	notifyFirst, notifyMost = 10 * time.Second, 5 * time.Minute
	// noticeFresh is for how long a notice says what fires now; the watch sends others.
	noticeFresh = 5 * time.Minute
	// notifyMissing is how long a channel is tried that no worker's configuration
	// has: as long as a roll-out of settings may take.
	notifyMissing = 24 * time.Hour
	// providerBegins bounds one attempt to have a provider begin a restore: some
	// show the new instance only after minutes.
	providerBegins = 30 * time.Minute
	// providerLook bounds one look at what a provider does.
	providerLook = 2 * time.Minute
	// providerWait is how long a provider may take to make an instance, or to remove one.
	providerWait = 24 * time.Hour
	// latecomer is after which time an instance shows whose making was asked for
	// by a worker that is gone.
	latecomer = 2 * time.Minute
	// parallelFetches is how many parts of a base backup are fetched at once.
	parallelFetches = 2
	// parallelChecks is how many health checks are made at once.
	parallelChecks = 8
	// lostWorkers is how many workers may be lost over one check beyond its retries.
	lostWorkers = 3
	// defaultRetries is how often a check is repeated that its plan says nothing of.
	defaultRetries = 5
	// reconcileAttempts is how often a reconciliation is tried whose other side can't be reached.
	reconcileAttempts = 6
	// checkSlack is what a step may take beyond what its plan allows for the thing itself.
	checkSlack = 30 * time.Second
	// parallelLoads is how many parts a restore loads at once.
	parallelLoads = 2
)

// brief options are for steps that only talk, and answer soon.
func brief(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    2 * time.Minute,
		ScheduleToCloseTimeout: 15 * time.Minute,
		RetryPolicy:            retryBriefly,
		Summary:                summary,
	})
}

// declaring options are for the first step of a drill: the recovery's time runs,
// so a worker that dies over it is given up soon.
func declaring(ctx workflow.Context, summary string) workflow.Context {
	options := workflow.GetActivityOptions(brief(ctx, summary))
	options.HeartbeatTimeout = workerGone
	return workflow.WithActivityOptions(ctx, options)
}

// long options are for steps that move bytes: they heartbeat, and are retried
// for as long as an outage of a working day lasts.
func long(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    maxStep,
		ScheduleToCloseTimeout: maxStep,
		HeartbeatTimeout:       workerGone,
		RetryPolicy:            retryPassing,
		WaitForCancellation:    true,
		// Eager execution would give every part to the one worker that runs the workflow.
		DisableEagerExecution: true,
		Summary:               summary,
	})
}

// patient options are for the steps of a restore, which moves bytes while a
// person waits: an outage of a few minutes is sat out, a longer one reported.
func patient(ctx workflow.Context, summary string) workflow.Context {
	options := workflow.GetActivityOptions(long(ctx, summary))
	policy := *retryPassing
	policy.MaximumAttempts = 20
	options.RetryPolicy = &policy
	if strings.HasPrefix(options.TaskQueue, HostTaskQueue("")) {
		options.ScheduleToStartTimeout = hostWait
	}
	return workflow.WithActivityOptions(ctx, options)
}

// holding options are for the step that keeps a view open: it can wait long for
// a source to answer, but is given up soon when its worker dies.
func holding(ctx workflow.Context, summary string) workflow.Context {
	options := workflow.GetActivityOptions(patient(ctx, summary))
	options.HeartbeatTimeout = holderGone
	return workflow.WithActivityOptions(ctx, options)
}

// streaming options are for the step that ships WAL: nothing but being told so ends its retries.
func streaming(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:   streamTurn,
		HeartbeatTimeout:      streamGone,
		RetryPolicy:           retrySoon,
		WaitForCancellation:   true,
		DisableEagerExecution: true,
		Summary:               summary,
	})
}

// telling options are for telling a channel once: an outage is sat out by the
// run, so that what comes meanwhile is told with it.
func telling(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 45 * time.Second, ScheduleToCloseTimeout: 2 * time.Minute, Summary: summary,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumAttempts: 3},
	})
}

// notifyAgain is the pause after so many failures in a row to tell a channel. One
// that is missing for this worker another worker may know.
func notifyAgain(failures int, kind fault.Kind) time.Duration {
	if !kind.Retryable() && kind != fault.Missing {
		return notifyPause
	}
	return min(notifyFirst<<min(failures-1, 8), notifyMost)
}

// observing options are for the step that looks at how everything stands:
// nothing but being told so ends its retries.
func observing(ctx workflow.Context, summary string) workflow.Context {
	options := workflow.GetActivityOptions(streaming(ctx, summary))
	options.StartToCloseTimeout, options.HeartbeatTimeout = watchTurn, watchGone
	return workflow.WithActivityOptions(ctx, options)
}

// beginning options are for having a provider begin a restore.
func beginning(ctx workflow.Context, summary string) workflow.Context {
	options := workflow.GetActivityOptions(patient(ctx, summary))
	options.StartToCloseTimeout = providerBegins
	return workflow.WithActivityOptions(ctx, options)
}

// watching options are for waiting for a provider: a step looks once, and fails
// as unavailable until there is what is waited for.
func watching(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    providerLook,
		ScheduleToCloseTimeout: providerWait,
		HeartbeatTimeout:       workerGone,
		RetryPolicy:            retryLooking,
		WaitForCancellation:    true,
		Summary:                summary,
	})
}

// recording options are for what must get into the ledger: an outage of its store is sat out.
func recording(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    10 * time.Minute,
		ScheduleToCloseTimeout: maxStep,
		HeartbeatTimeout:       workerGone,
		RetryPolicy:            retryPassing,
		Summary:                summary,
	})
}

// tidying options are for what is done again within the hour: a host that is
// away is not waited for.
func tidying(ctx workflow.Context, summary string) workflow.Context {
	options := workflow.GetActivityOptions(recording(ctx, summary))
	options.TaskQueue = workflow.GetActivityOptions(ctx).TaskQueue
	options.ScheduleToStartTimeout, options.ScheduleToCloseTimeout = time.Minute, 30*time.Minute
	options.RetryPolicy = retryBriefly
	return workflow.WithActivityOptions(ctx, options)
}

// attesting options are for saying in the ledger what was done: whoever waits
// for that should not wait long for a ledger that can't be reached.
func attesting(ctx workflow.Context, summary string) workflow.Context {
	options := workflow.GetActivityOptions(brief(ctx, summary))
	options.StartToCloseTimeout, options.ScheduleToCloseTimeout = 30*time.Second, time.Minute
	return workflow.WithActivityOptions(ctx, options)
}

// checking options are for one health check: its plan says how often it is
// tried, how far apart, and how long one attempt may take. The last attempt
// reports what it found; more are made only where a worker was lost over one.
func checking(ctx workflow.Context, c drill.Check) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    c.Timeout.Of() + checkSlack,
		ScheduleToStartTimeout: hostWait,
		HeartbeatTimeout:       workerGone,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: max(c.Interval.Of(), time.Millisecond), BackoffCoefficient: 1,
			MaximumAttempts: int32(attempts(c)) + lostWorkers,
		},
		WaitForCancellation: true,
		Summary:             "check " + c.Name,
	})
}

// attempts is how often a check is tried in all.
func attempts(c drill.Check) int {
	if c.Retries == nil {
		return defaultRetries + 1
	}
	return *c.Retries + 1
}

// reconciling options are for one reconciliation.
func reconciling(ctx workflow.Context, r drill.Reconcile) workflow.Context {
	options := workflow.GetActivityOptions(patient(ctx, "reconcile "+r.Name))
	options.StartToCloseTimeout = r.Timeout.Of() + checkSlack
	options.RetryPolicy = &temporal.RetryPolicy{
		InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second, MaximumAttempts: reconcileAttempts,
	}
	return workflow.WithActivityOptions(ctx, options)
}

// starting options are for one program of the application. A worker that died
// meanwhile is no reason to give up; a program that failed is.
func starting(ctx workflow.Context, p drill.Program) workflow.Context {
	options := workflow.GetActivityOptions(patient(ctx, "start "+p.Name))
	options.StartToCloseTimeout = p.Timeout.Of() + checkSlack
	return workflow.WithActivityOptions(ctx, options)
}

// onHost sends steps to the one host where the restored server lives.
func onHost(ctx workflow.Context, host string) workflow.Context {
	if host == "" {
		return ctx
	}
	return workflow.WithTaskQueue(ctx, HostTaskQueue(host))
}
