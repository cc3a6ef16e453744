package workflows

import (
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
)

// attest puts into the ledger who did what, and how it ended: creations,
// restores, deletions, and with them every use of the key. What a drill does is
// in the drill's own record. A ledger that can't be written to does not undo
// what was done: then the log and this run's history have it.
func attest(ctx workflow.Context, e activities.AuditInput, err error) {
	info := workflow.GetInfo(ctx)
	if strings.Contains(info.WorkflowExecution.ID, "/"+activities.ByDrill) ||
		workflow.GetVersion(ctx, "attest", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	e.WorkflowID, e.RunID, e.Started = info.WorkflowExecution.ID, info.WorkflowExecution.RunID, info.WorkflowStartTime
	e.Result = VerdictDone
	switch {
	case temporal.IsCanceledError(err):
		e.Result = "cancelled"
	case err != nil:
		e.Result, e.Error = VerdictFailed, Message(err)
	}
	if bad := do(attesting(ctx, "put it into the ledger"), acts.RecordAudit, e); bad != nil {
		workflow.GetLogger(ctx).Error("what was done is not in the ledger", "operation", e.Operation, "subject", e.Subject, "error", bad)
	}
}
