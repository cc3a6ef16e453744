//go:build !slim

package engine

import (
	"context"
	"time"

	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
)

// settle waits for the engine to answer, and brings a namespace that an earlier
// version made up to what is wanted now.
func settle(ctx context.Context, o Options, e *Engine) error {
	c, err := temporalclient.Dial(ctx, temporalclient.Options{Address: e.Address(), Namespace: o.Namespace})
	if err != nil {
		return fault.While(err, "waiting for the embedded engine")
	}
	defer c.Close()
	if err := applyRetention(ctx, c, o.Namespace, o.Retention); err != nil {
		return err
	}
	return temporalclient.EnsureSearchAttributes(ctx, c, o.Namespace, o.SearchAttributes)
}

func applyRetention(ctx context.Context, c client.Client, namespace string, retention time.Duration) error {
	found, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "reading the namespace %s", namespace)
	}
	if found.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() == retention {
		return nil
	}
	_, err = c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: namespace,
		Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(retention)},
	})
	return fault.Wrap(fault.Unavailable, err, "setting how long histories of the namespace %s are kept", namespace)
}
