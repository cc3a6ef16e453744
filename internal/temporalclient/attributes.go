package temporalclient

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// A cluster's frontends learn of a new search attribute from a cache that they
// refresh now and then.
const (
	attributesTimeout = time.Minute
	attributesPause   = 250 * time.Millisecond
)

// EnsureSearchAttributes makes the search attributes known to the namespace and
// returns when they can be used. Those that exist are left alone, so that any
// number of processes may call it. It fails with fault.Denied, naming what an
// administrator has to run, when the credentials don't permit it, and with
// fault.Conflict when one exists with another type.
func EnsureSearchAttributes(ctx context.Context, c client.Client, namespace string, keys []temporal.SearchAttributeKey) error {
	ctx, cancel := context.WithTimeout(ctx, attributesTimeout)
	defer cancel()
	missing, err := missingAttributes(ctx, c, namespace, keys)
	if err != nil || len(missing) == 0 {
		return err
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: missing,
	})
	if err != nil && code(err) != codes.AlreadyExists {
		return attributesFailed(err, namespace, missing)
	}
	return awaitAttributes(ctx, c, namespace, missing)
}

func missingAttributes(ctx context.Context, c client.Client, namespace string, keys []temporal.SearchAttributeKey) (map[string]enumspb.IndexedValueType, error) {
	wanted := make(map[string]enumspb.IndexedValueType, len(keys))
	for _, key := range keys {
		wanted[key.GetName()] = key.GetValueType()
	}
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, attributesFailed(err, namespace, wanted)
	}
	for name, want := range wanted {
		have, ok := known.GetCustomAttributes()[name]
		switch {
		case ok && have != want:
			return nil, fault.New(fault.Conflict, "the search attribute %s of namespace %s has type %s where %s is needed: rename or remove it",
				name, namespace, have, want)
		case ok:
			delete(wanted, name)
		}
	}
	return wanted, nil
}

// awaitAttributes returns when the cluster accepts the attributes in a query,
// and so in a workflow.
func awaitAttributes(ctx context.Context, c client.Client, namespace string, added map[string]enumspb.IndexedValueType) error {
	terms := make([]string, 0, len(added))
	for name := range added {
		terms = append(terms, name+" IS NOT NULL")
	}
	query := &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: strings.Join(terms, " OR ")}
	for {
		_, err := c.WorkflowService().CountWorkflowExecutions(ctx, query)
		if code(err) != codes.InvalidArgument {
			return fault.Wrap(fault.Unavailable, err, "asking whether the search attributes are ready")
		}
		select {
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, err, "the search attributes of namespace %s are not ready yet: try again", namespace)
		case <-time.After(attributesPause):
		}
	}
}

func attributesFailed(err error, namespace string, missing map[string]enumspb.IndexedValueType) error {
	switch code(err) {
	case codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return fault.Wrap(fault.Denied, err, "may not add search attributes: have an administrator run `%s`", commandFor(namespace, missing))
	case codes.InvalidArgument:
		return fault.Wrap(fault.Exhausted, err, "namespace %s has no room for search attributes: remove some, then run `%s`", namespace, commandFor(namespace, missing))
	default:
		return fault.Wrap(fault.Unavailable, err, "adding search attributes to namespace %s", namespace)
	}
}

func commandFor(namespace string, missing map[string]enumspb.IndexedValueType) string {
	var command strings.Builder
	fmt.Fprintf(&command, "temporal operator search-attribute create -n %s", namespace)
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		fmt.Fprintf(&command, " --name %s --type %s", name, missing[name])
	}
	return command.String()
}
