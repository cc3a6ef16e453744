package workflows

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// makePoint dumps all parts from one view and seals the point. A lost view
// can't be mended: then the whole point is dumped afresh from a new one.
func makePoint(ctx workflow.Context, t *tracker, in SnapshotInput, p activities.Prepared) (activities.Sealed, error) {
	for fresh := 1; ; fresh++ {
		sealed, err := fromOneView(ctx, t, in, p, fresh)
		if err == nil || !is(err, fault.Lost) || fresh == maxFresh {
			return sealed, err
		}
		t.phase(ctx, fmt.Sprintf("starting afresh: %s", Message(err)))
		if err := workflow.Sleep(ctx, freshPause); err != nil {
			return sealed, err
		}
	}
}

// fromOneView holds a view, dumps every part of it, lets it go and seals.
func fromOneView(ctx workflow.Context, t *tracker, in SnapshotInput, p activities.Prepared, fresh int) (activities.Sealed, error) {
	t.phase(ctx, "opening a view")
	holdCtx, letGo := workflow.WithCancel(ctx)
	defer letGo()
	hold := workflow.ExecuteActivity(holding(holdCtx, "hold the view"), acts.Hold,
		activities.HoldInput{Point: p.Point, Fresh: fresh})
	held, err := awaitView(ctx, hold, fresh)
	if err != nil {
		return activities.Sealed{}, err
	}
	t.expect(ctx, "dumping", held.Parts, held.Bytes)
	dumpErr := dumpParts(ctx, t, p, held, hold)
	letGo()
	if dumpErr != nil {
		// The source must be free of us before the next attempt, and before the run ends.
		waitCtx, cancel := workflow.NewDisconnectedContext(ctx)
		defer cancel()
		_ = hold.Get(waitCtx, nil)
		return activities.Sealed{}, dumpErr
	}
	sealed, err := seal(ctx, t, in, p, held)
	if err != nil {
		return sealed, err
	}
	// Let go above; how the holder ended no longer matters to a sealed point.
	if err := hold.Get(ctx, nil); err != nil && !temporal.IsCanceledError(err) {
		workflow.GetLogger(ctx).Warn("the view was not let go in order", "error", err)
	}
	return sealed, nil
}

// awaitView waits for the holder's signal, or for its failure.
func awaitView(ctx workflow.Context, hold workflow.Future, fresh int) (activities.Held, error) {
	signals := workflow.GetSignalChannel(ctx, activities.HeldSignal)
	for {
		var held activities.Held
		var err error
		workflow.NewSelector(ctx).
			AddReceive(signals, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, &held) }).
			AddFuture(hold, func(f workflow.Future) {
				if err = f.Get(ctx, nil); err == nil {
					err = fault.New(fault.Lost, "the view was let go before it was told")
				}
			}).
			AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { err = ctx.Err() }).
			Select(ctx)
		// A signal of an earlier view came late; this one's is still to come.
		if err != nil || held.Fresh == fresh {
			return held, err
		}
	}
}

// dumpParts dumps all parts, a few at a time, and stops at the first failure
// or when the view is lost.
func dumpParts(ctx workflow.Context, t *tracker, p activities.Prepared, held activities.Held, hold workflow.Future) error {
	ctx, stop := workflow.WithCancel(ctx)
	defer stop()
	var failed error
	finished := false
	workflow.Go(ctx, func(ctx workflow.Context) {
		failed = inParallel(ctx, p.Parallel, held.Parts, func(ctx workflow.Context, i int) error {
			summary := fmt.Sprintf("dump part %d of %d", i+1, held.Parts)
			done, err := call(long(ctx, summary), acts.Dump, activities.DumpInput{
				Point: p.Point, Token: held.Token, Fresh: held.Fresh, Index: i,
			})
			if err == nil {
				t.done(ctx, done.PlainBytes)
			}
			return err
		})
		finished = true
	})
	err := workflow.Await(ctx, func() bool { return finished || hold.IsReady() })
	if err != nil || finished {
		if err == nil {
			err = failed
		}
		return err
	}
	lost := hold.Get(ctx, nil)
	stop()
	// Dumps under way end before a new view is opened: they would only burden the source.
	waitCtx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if err := workflow.Await(waitCtx, func() bool { return finished }); err != nil {
		return err
	}
	if lost == nil || KindOf(lost) != fault.Lost {
		return fault.Wrap(fault.Lost, lost, "the view is gone")
	}
	return lost
}

// inParallel runs n steps, a few at a time, in order of their start. It waits
// for all that were started, and returns the first error.
func inParallel(ctx workflow.Context, width, n int, step func(workflow.Context, int) error) error {
	ctx, stop := workflow.WithCancel(ctx)
	defer stop()
	var first error
	next, running := 0, 0
	for range min(width, n) {
		running++
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer func() { running-- }()
			for first == nil && next < n {
				i := next
				next++
				if err := step(ctx, i); err != nil {
					if first == nil {
						first = err
					}
					stop()
				}
			}
		})
	}
	waitCtx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if err := workflow.Await(waitCtx, func() bool { return running == 0 }); err != nil {
		return err
	}
	return first
}
