package apiserver

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Launcher starts and finds workflows: *launch.Launcher, or what a test puts in its place.
type Launcher interface {
	// Snapshot, Verify, Restore, Recover, Remove, Prune and Rewind start work and return at once. A
	// repeated idempotency key returns what the first request started, or a
	// fault of kind Conflict when that was a different one.
	Snapshot(ctx context.Context, req launch.Request, in workflows.SnapshotInput) (launch.Started, error)
	Verify(ctx context.Context, req launch.Request, in workflows.VerifyInput) (launch.Started, error)
	Restore(ctx context.Context, req launch.Request, in workflows.RestoreInput) (launch.Started, error)
	Recover(ctx context.Context, req launch.Request, in workflows.RecoverInput) (launch.Started, error)
	Remove(ctx context.Context, req launch.Request, in workflows.RemoveInput) (launch.Started, error)
	Prune(ctx context.Context, req launch.Request, in workflows.PruneInput) (launch.Started, error)
	Rewind(ctx context.Context, req launch.Request, in workflows.RewindInput) (launch.Started, error)
	// Drill starts a drill, DrillState says what it has come to; ManualStep,
	// SignOff and CancelDrill are what people do to one that runs.
	Drill(ctx context.Context, req launch.Request, in workflows.DrillInput) (launch.Started, error)
	DrillState(ctx context.Context, id string) (workflows.DrillResult, error)
	ManualStep(ctx context.Context, req launch.Request, id string, in workflows.ManualStepInput) (drill.ManualStep, error)
	SignOff(ctx context.Context, req launch.Request, id string, in workflows.SignOffInput) (workflows.DrillResult, error)
	CancelDrill(ctx context.Context, id string) error
	// Find returns the latest run of an operation, Missing when there is none.
	Find(ctx context.Context, operation, id string) (launch.Run, error)
	// Progress asks a running workflow how far it is.
	Progress(ctx context.Context, s launch.Started) (launch.Progress, error)
	// Wait decodes the result of a run once it is over.
	Wait(ctx context.Context, s launch.Started, result any) error
	// Running lists what is under way on a surface.
	Running(ctx context.Context, surface string) ([]launch.Run, error)
	// Schedules returns how schedules stand, by ID. PauseSchedule and
	// ResumeSchedule say who wants it, and why.
	Schedules(ctx context.Context, ids []string) (map[string]schedules.State, error)
	PauseSchedule(ctx context.Context, req launch.Request, id, reason string) (schedules.State, error)
	ResumeSchedule(ctx context.Context, req launch.Request, id string) (schedules.State, error)
	// Health reports whether Temporal can be reached.
	Health(ctx context.Context) error
}

var _ Launcher = (*launch.Launcher)(nil)
