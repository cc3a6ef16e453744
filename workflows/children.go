package workflows

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// child options are for workflows that another one waits for. They are found
// by the same search attributes as those that somebody asked for.
func child(ctx workflow.Context, id, summary, operation, surface string) workflow.Context {
	return workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:    id,
		StaticSummary: summary,
		Memo:          map[string]any{MemoTrigger: workflow.GetInfo(ctx).WorkflowExecution.ID},
		TypedSearchAttributes: temporal.NewSearchAttributes(
			AttrSurface.ValueSet(surface), AttrOperation.ValueSet(operation), AttrVerdict.ValueSet(VerdictRunning)),
	})
}

// abandoned lets a child go on when the workflow that started it has ended.
func abandoned(ctx workflow.Context) workflow.Context {
	options := workflow.GetChildWorkflowOptions(ctx)
	options.ParentClosePolicy = enumspb.PARENT_CLOSE_POLICY_ABANDON
	return workflow.WithChildOptions(ctx, options)
}

// making has a child found by the ID of what it makes.
func making(ctx workflow.Context, id string) workflow.Context {
	options := workflow.GetChildWorkflowOptions(ctx)
	options.Memo = map[string]any{MemoTrigger: workflow.GetInfo(ctx).WorkflowExecution.ID, MemoPoint: id}
	return workflow.WithChildOptions(ctx, options)
}

// awaited has a cancelled run wait until the child has cleaned up after itself:
// it would be ended in the middle of that when its parent ends.
func awaited(ctx workflow.Context) workflow.Context {
	options := workflow.GetChildWorkflowOptions(ctx)
	options.WaitForCancellation = true
	return workflow.WithChildOptions(ctx, options)
}
