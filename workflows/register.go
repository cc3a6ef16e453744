package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Register registers every workflow under its name.
func Register(r worker.WorkflowRegistry) {
	for name, w := range map[string]any{
		SnapshotName:  Snapshot,
		VerifyName:    Verify,
		RestoreName:   Restore,
		PruneName:     Prune,
		StreamName:    Stream,
		RecoverName:   Recover,
		RemoveName:    Remove,
		RewindName:    Rewind,
		DrillName:     Drill,
		HousekeepName: Housekeep,
		WatchName:     Watch,
		NotifyName:    Notify,
	} {
		r.RegisterWorkflowWithOptions(w, workflow.RegisterOptions{Name: name})
	}
}
