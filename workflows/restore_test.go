package workflows_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// stage plays the steps of a restore and writes down their order.
type stage struct {
	*testsuite.TestWorkflowEnvironment
	mu    sync.Mutex
	calls []string
	fail  map[string]error
}

func newStage(t *testing.T, swaps bool) *stage {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	s := &stage{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), fail: map[string]error{}}
	s.SetTestTimeout(time.Minute)
	s.RegisterWorkflow(workflows.Restore)
	s.RegisterWorkflowWithOptions(workflows.Snapshot, workflow.RegisterOptions{Name: workflows.SnapshotName})
	s.RegisterActivity(&activities.Activities{})
	s.OnWorkflow(workflows.SnapshotName, mock.Anything, mock.Anything).Return(
		func(workflow.Context, workflows.SnapshotInput) (workflows.SnapshotResult, error) {
			return workflows.SnapshotResult{ID: "safety"}, s.note("save")
		})
	s.OnActivity(acts.CanSwap, mock.Anything, mock.Anything).Return(swaps, nil)
	s.OnActivity(acts.StartServer, mock.Anything, mock.Anything).Return(
		func(context.Context, activities.ServerInput) (activities.ServerResult, error) {
			return activities.ServerResult{Host: "h1", Address: "127.0.0.1:1"}, s.note("start")
		})
	s.OnActivity(acts.Begin, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.RestoreStep) (activities.Begun, error) {
		return activities.Begun{Parts: 2}, s.note("begin " + in.Target.Kind)
	})
	s.OnActivity(acts.Load, mock.Anything, mock.Anything).Return(func(context.Context, activities.LoadInput) (activities.DumpResult, error) {
		return activities.DumpResult{}, s.note("load")
	})
	s.OnActivity(acts.Finish, mock.Anything, mock.Anything).Return(func(context.Context, activities.RestoreStep) error { return s.note("finish") })
	s.OnActivity(acts.Compare, mock.Anything, mock.Anything).Return(func(context.Context, activities.RestoreStep) (activities.Compared, error) {
		return activities.Compared{Entries: 7}, s.note("compare")
	})
	for name, step := range map[string]func(context.Context, activities.ServerRef) error{"stop": acts.StopServer, "discard": acts.Discard} {
		s.OnActivity(step, mock.Anything, mock.Anything).Return(func(context.Context, activities.ServerRef) error { return s.note(name) })
	}
	s.OnActivity(acts.Handover, mock.Anything, mock.Anything).Return(func(context.Context, activities.ServerRef) (activities.HandoverResult, error) {
		return activities.HandoverResult{Address: "127.0.0.1:1"}, s.note("hand over")
	})
	s.OnActivity(acts.Swap, mock.Anything, mock.Anything).Return(func(context.Context, activities.ServerRef) (string, error) {
		return "kept", s.note("swap")
	})
	s.OnActivity(acts.ReloadHook, mock.Anything, mock.Anything).Return(func(context.Context, activities.HookInput) (bool, error) {
		return true, s.note("hook")
	})
	return s
}

func (s *stage) note(call string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
	return s.fail[call]
}

var restoreInput = workflows.RestoreInput{
	Point: workflows.PointRef{Store: "primary", Dir: "points/main/x", ID: "x", Surface: "main"}, RestoreID: "r1",
}

func TestRestoreOrder(t *testing.T) {
	t.Parallel()
	inPlace := restoreInput
	inPlace.InPlace, inPlace.Confirm = true, "main"
	for name, tc := range map[string]struct {
		swaps bool
		fail  string
		in    workflows.RestoreInput
		want  []string
	}{
		"isolated": {
			in:   restoreInput,
			want: []string{"start", "begin isolated", "load", "load", "finish", "compare", "hand over"},
		},
		"isolated that differs leaves no server": {
			in: restoreInput, fail: "compare",
			want: []string{"start", "begin isolated", "load", "load", "finish", "compare", "stop"},
		},
		"in place by swap": {
			in: inPlace, swaps: true,
			want: []string{"begin beside", "load", "load", "finish", "compare", "save", "swap", "hook"},
		},
		"in place that differs touches nothing live": {
			in: inPlace, swaps: true, fail: "compare",
			want: []string{"begin beside", "load", "load", "finish", "compare", "discard"},
		},
		"in place without a safety copy touches nothing live": {
			in: inPlace, swaps: true, fail: "save",
			want: []string{"begin beside", "load", "load", "finish", "compare", "save", "discard"},
		},
		"in place by overwriting rehearses first": {
			in: inPlace,
			want: []string{"start", "begin isolated", "load", "load", "finish", "compare", "stop", "save",
				"begin live", "load", "load", "finish", "compare", "hook"},
		},
		"rehearsal that differs touches nothing live": {
			in: inPlace, fail: "compare",
			want: []string{"start", "begin isolated", "load", "load", "finish", "compare", "stop"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, tc.swaps)
			if tc.fail != "" {
				s.fail[tc.fail] = failure(fault.Mismatch)
			}
			s.ExecuteWorkflow(workflows.Restore, tc.in)
			if err := s.GetWorkflowError(); (err != nil) != (tc.fail != "") {
				t.Errorf("ended with %v", err)
			}
			if !slices.Equal(s.calls, tc.want) {
				t.Errorf("steps\n got %q\nwant %q", s.calls, tc.want)
			}
		})
	}
}

func TestRestoreRefusals(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*workflows.RestoreInput){
		"in place without confirmation": func(in *workflows.RestoreInput) { in.InPlace = true },
		"confirmed for another surface": func(in *workflows.RestoreInput) { in.InPlace, in.Confirm = true, "redis" },
		"a single table in place": func(in *workflows.RestoreInput) {
			in.InPlace, in.Confirm, in.Selection = true, "main", surface.Selection{Tables: []string{"public.t"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, true)
			in := restoreInput
			change(&in)
			s.ExecuteWorkflow(workflows.Restore, in)
			if err := s.GetWorkflowError(); workflows.KindOf(err) != fault.Invalid {
				t.Errorf("ended with %v", err)
			}
			if len(s.calls) != 0 {
				t.Errorf("steps were taken: %q", s.calls)
			}
		})
	}
}
