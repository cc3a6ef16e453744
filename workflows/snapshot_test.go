package workflows_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// bench is a workflow environment whose steps the test plays. Its clock skips.
type bench struct {
	*testsuite.TestWorkflowEnvironment
	holds, dumps atomic.Int32
	sealed       atomic.Int32
}

var acts *activities.Activities

func failure(kind fault.Kind) error {
	return temporal.NewApplicationErrorWithOptions("it is "+string(kind), string(kind),
		temporal.ApplicationErrorOptions{NonRetryable: !kind.Retryable()})
}

func newBench(t *testing.T, parts int, copies ...string) *bench {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	b := &bench{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment()}
	b.SetTestTimeout(time.Minute)
	b.RegisterWorkflow(workflows.Snapshot)
	b.RegisterActivity(&activities.Activities{})
	b.OnActivity(acts.Prepare, mock.Anything, mock.Anything).Return(activities.Prepared{
		Point:    activities.Point{ID: "20260102T030405.000Z-abcdef", Surface: "main", Store: "primary", Dir: "points/main/20260102T030405.000Z-abcdef"},
		Parallel: 2, Copies: copies, Verify: true,
	}, nil)
	b.OnActivity(acts.Verify, mock.Anything, mock.Anything).Return(activities.Verified{}, nil)
	b.OnActivity(acts.Hold, mock.Anything, mock.Anything).Return(func(ctx context.Context, in activities.HoldInput) error {
		b.holds.Add(1)
		b.SignalWorkflow(activities.HeldSignal, activities.Held{Fresh: in.Fresh, Parts: parts, Token: "token"})
		return b.holding(ctx, in)
	})
	return b
}

// holding plays a view that stands until it is let go.
func (b *bench) holding(ctx context.Context, _ activities.HoldInput) error {
	<-ctx.Done()
	return temporal.NewCanceledError()
}

func TestSnapshotDumpsEveryPartOnceAndSeals(t *testing.T) {
	t.Parallel()
	b := newBench(t, 5, "offsite")
	var copied atomic.Int32
	seen := make([]atomic.Int32, 5)
	b.OnActivity(acts.Dump, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.DumpInput) (activities.DumpResult, error) {
		seen[in.Index].Add(1)
		return activities.DumpResult{PlainBytes: 10}, nil
	})
	b.OnActivity(acts.Seal, mock.Anything, mock.Anything).Return(activities.Sealed{Parts: 6, Bytes: 50}, nil).Once()
	b.OnActivity(acts.Copy, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.CopyInput) (activities.Copied, error) {
		copied.Add(1)
		if in.To != "offsite" {
			t.Errorf("copied to %q", in.To)
		}
		return activities.Copied{}, nil
	})
	b.ExecuteWorkflow(workflows.Snapshot, workflows.SnapshotInput{Surface: "main", Kind: "snapshot"})
	var out workflows.SnapshotResult
	if err := b.GetWorkflowResult(&out); err != nil {
		t.Fatal(err)
	}
	for i := range seen {
		if n := seen[i].Load(); n != 1 {
			t.Errorf("part %d was dumped %d times", i, n)
		}
	}
	if out.State != "verified" || out.Parts != 6 || copied.Load() != 1 {
		t.Errorf("result %+v, copied %d", out, copied.Load())
	}
}

func TestLostViewStartsThePointAfresh(t *testing.T) {
	t.Parallel()
	b := newBench(t, 3)
	b.OnActivity(acts.Dump, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.DumpInput) (activities.DumpResult, error) {
		b.dumps.Add(1)
		if in.Fresh == 1 && in.Index == 1 {
			return activities.DumpResult{}, failure(fault.Lost)
		}
		return activities.DumpResult{}, nil
	})
	b.OnActivity(acts.Seal, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.SealInput) (activities.Sealed, error) {
		b.sealed.Add(1)
		if in.Held.Fresh != 2 {
			t.Errorf("sealed the view of start %d", in.Held.Fresh)
		}
		return activities.Sealed{}, nil
	})
	b.ExecuteWorkflow(workflows.Snapshot, workflows.SnapshotInput{Surface: "main", Kind: "snapshot"})
	if err := b.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if b.holds.Load() != 2 || b.sealed.Load() != 1 || b.dumps.Load() < 4 {
		t.Errorf("%d views, %d dumps, %d seals", b.holds.Load(), b.dumps.Load(), b.sealed.Load())
	}
}

func TestSnapshotGivesUpAfterFiveLostViews(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	b.OnActivity(acts.Dump, mock.Anything, mock.Anything).Return(activities.DumpResult{}, failure(fault.Lost))
	b.ExecuteWorkflow(workflows.Snapshot, workflows.SnapshotInput{Surface: "main", Kind: "snapshot"})
	if err := b.GetWorkflowError(); workflows.KindOf(err) != fault.Lost {
		t.Errorf("ended with %v", err)
	}
	if n := b.holds.Load(); n != 5 {
		t.Errorf("%d views were opened", n)
	}
}

func TestFailureThatNoRetryMendsEndsTheSnapshotUnsealed(t *testing.T) {
	t.Parallel()
	b := newBench(t, 4)
	b.OnActivity(acts.Dump, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.DumpInput) (activities.DumpResult, error) {
		if in.Index == 2 {
			return activities.DumpResult{}, failure(fault.Denied)
		}
		return activities.DumpResult{}, nil
	})
	b.ExecuteWorkflow(workflows.Snapshot, workflows.SnapshotInput{Surface: "main", Kind: "snapshot"})
	err := b.GetWorkflowError()
	if workflows.KindOf(err) != fault.Denied || workflows.Message(err) != "it is denied" {
		t.Errorf("ended with %v", err)
	}
}

func TestPassingFailureOfADumpIsRetriedAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t, 2)
	b.OnActivity(acts.Dump, mock.Anything, mock.Anything).Return(func(context.Context, activities.DumpInput) (activities.DumpResult, error) {
		if b.dumps.Add(1) == 1 {
			return activities.DumpResult{}, failure(fault.Unavailable)
		}
		return activities.DumpResult{}, nil
	})
	b.OnActivity(acts.Seal, mock.Anything, mock.Anything).Return(activities.Sealed{}, nil).Once()
	b.ExecuteWorkflow(workflows.Snapshot, workflows.SnapshotInput{Surface: "main", Kind: "snapshot"})
	if err := b.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if b.dumps.Load() != 3 || b.holds.Load() != 1 {
		t.Errorf("%d dumps of %d views", b.dumps.Load(), b.holds.Load())
	}
}
