package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// object is what is known of one of any type, without its content.
type object struct {
	resource        schema.GroupVersionResource
	namespace, name string
	uid             types.UID
	// version is its resource version.
	version string
	place   string
	// restore is the ID of the restore that the place is for, where it is said.
	restore string
	// deleted is when its deletion was asked for; zero when it was not.
	deleted    time.Time
	finalizers []string
}

// String is like widgets.example.com/one in namespace a.
func (o object) String() string {
	out := o.resource.GroupResource().String() + "/" + o.name
	if o.namespace != "" {
		out += " in namespace " + o.namespace
	}
	return out
}

// held says what an object that is being deleted waits for.
func (o object) held() string {
	switch {
	case o.deleted.IsZero():
		return o.String()
	case len(o.finalizers) == 0:
		return o.String() + " is being deleted"
	default:
		return fmt.Sprintf("%s waits for the finaliser %s", o, strings.Join(o.finalizers, ", "))
	}
}

// resources are the types that can be listed and deleted, those of namespaces or
// those of the cluster, as they are now. A group whose API server does not answer is left out.
func (e *Environment) resources(namespaced bool) ([]schema.GroupVersionResource, error) {
	e.client.Discovery.Invalidate()
	lists, err := e.client.Discovery.ServerPreferredResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, cluster.Failure(err, "ask the API server for its types")
	}
	var out []schema.GroupVersionResource
	for _, list := range lists {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, fault.Wrap(fault.Unsupported, err, "read the API server's types")
		}
		for _, r := range list.APIResources {
			if r.Namespaced == namespaced && slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "delete") {
				out = append(out, group.WithResource(r.Name))
			}
		}
	}
	return out, nil
}

// clusterObjects are those that belong to no namespace and are selected, the
// namespaces themselves excepted. Of a type that may not be listed there are
// none: what may not list it has not made any.
func (e *Environment) clusterObjects(ctx context.Context, selector string) ([]object, error) {
	types, err := e.resources(false)
	if err != nil {
		return nil, err
	}
	var out []object
	for _, of := range types {
		if of == namespaces {
			continue
		}
		found, err := e.objects(ctx, of, "", selector)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// objects lists what is there of a type; nothing of one that may not be listed.
func (e *Environment) objects(ctx context.Context, of schema.GroupVersionResource, namespace, selector string) ([]object, error) {
	out, err := e.listed(ctx, of, namespace, selector)
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	return out, err
}

// listed lists what is there of a type.
func (e *Environment) listed(ctx context.Context, of schema.GroupVersionResource, namespace, selector string) ([]object, error) {
	var out []object
	options := metav1.ListOptions{LabelSelector: selector, Limit: pageSize}
	for {
		page, err := e.metadata.Resource(of).Namespace(namespace).List(ctx, options)
		switch {
		case apierrors.IsNotFound(err), apierrors.IsMethodNotSupported(err):
			return nil, nil
		case err != nil:
			return nil, cluster.Failure(err, "list %s", of.GroupResource())
		}
		for _, item := range page.Items {
			o := object{
				resource: of, namespace: item.Namespace, name: item.Name, uid: item.UID, version: item.ResourceVersion,
				place: item.Labels[cluster.LabelEnvironment], restore: item.Annotations[annotationID], finalizers: item.Finalizers,
			}
			if item.DeletionTimestamp != nil {
				o.deleted = item.DeletionTimestamp.Time
			}
			out = append(out, o)
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return out, nil
		}
	}
}

// delete asks for the deletion of just this object.
func (e *Environment) delete(ctx context.Context, o object) error {
	if !o.deleted.IsZero() {
		return nil
	}
	background := metav1.DeletePropagationBackground
	err := e.client.Resource(o.resource, o.namespace).Delete(ctx, o.name, metav1.DeleteOptions{
		PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &o.uid},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return cluster.Failure(err, "delete %s", o)
}
