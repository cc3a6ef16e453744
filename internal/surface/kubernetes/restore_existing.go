package kubernetes

import (
	"context"
	"slices"

	"github.com/zeebo/xxh3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

// existingPage is how many objects of a target are read at a time.
const existingPage = 100

// existing is what there is of an object in a target.
type existing struct {
	sum xxh3.Uint128
	// ours is set where a restore has written it, deleting where it only waits
	// for its finalizers.
	ours, deleting bool
	// environment is the isolated environment that it belongs to, if any.
	environment string
}

// sumOf digests what must be as in the point.
func sumOf(of schema.GroupResource, body *unstructured.Unstructured) (xxh3.Uint128, error) {
	text, err := encode(normalise(of, body.DeepCopy().Object, nil))
	return xxh3.Hash128(text), err
}

func inspect(of schema.GroupResource, body *unstructured.Unstructured) (existing, error) {
	sum, err := sumOf(of, body)
	return existing{
		sum: sum, ours: writtenByUs(body), deleting: body.GetDeletionTimestamp() != nil,
		environment: body.GetLabels()[cluster.LabelEnvironment],
	}, err
}

func writtenByUs(body *unstructured.Unstructured) bool {
	return slices.ContainsFunc(body.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool { return entry.Manager == fieldManager })
}

// index knows what a target has of the type that was asked for last. A point
// has its objects type by type, so that nothing is read twice; of each object
// some 100 bytes are kept. It may not be used by two goroutines at once.
type index struct {
	d          *destination
	of         schema.GroupVersionResource
	namespaces map[string]map[string]existing
}

// find returns what there is of an object by its name in the target.
func (x *index) find(ctx context.Context, of schema.GroupVersionResource, namespace, name string) (existing, bool, error) {
	if x.of != of {
		x.of, x.namespaces = of, map[string]map[string]existing{}
	}
	known, read := x.namespaces[namespace]
	if !read {
		var err error
		if known, err = x.d.existing(ctx, of, namespace); err != nil {
			return existing{}, false, err
		}
		x.namespaces[namespace] = known
	}
	found, there := known[name]
	return found, there, nil
}

// existing reads what there is of one type in a namespace.
func (d *destination) existing(ctx context.Context, of schema.GroupVersionResource, namespace string) (map[string]existing, error) {
	out := map[string]existing{}
	client := d.client.Resource(of, namespace)
	options := metav1.ListOptions{Limit: existingPage}
	for {
		page, err := client.List(ctx, options)
		if err != nil {
			return nil, cluster.Failure(err, "list the %s that are there", of.GroupResource())
		}
		for i := range page.Items {
			if d.isolated() && of.GroupResource() == typePods {
				dropLimits(page.Items[i].Object)
			}
			one, err := inspect(of.GroupResource(), &page.Items[i])
			if err != nil {
				return nil, err
			}
			out[page.Items[i].GetName()] = one
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return out, nil
		}
	}
}
