package kubernetes

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Make makes one namespace for each of the point's, guarded by a network
// policy, a quota and pod security, and by a limit range where the quota is one
// of processors or memory. The default service account of each mounts no token
// into pods that don't ask for one. What guards a namespace is put right where
// it was changed. Make returns once the quotas are counted, and hold.
//
// Errors: Conflict where a namespace of that name belongs to somebody else,
// Unavailable while an earlier place of that id is still being removed, or when
// the context ends before the quotas are counted. What it has made by then is
// deleted, unless the context has ended; what was there before stays.
func (e *Environment) Make(ctx context.Context, id string, of environment.Origin) (environment.Made, error) {
	if id == "" || len(of.Namespaces) == 0 {
		return environment.Made{}, fault.New(fault.Invalid, "an isolated environment on a cluster needs an ID, and a point with namespaces")
	}
	place := placeID(id)
	var all []string
	var fresh []object
	err := func() error {
		for _, old := range of.Namespaces {
			g := guarded{config: e.config, place: place, id: id, name: namespaceName(e.config.Prefix, place, old), old: old, of: of}
			created, err := e.makeNamespace(ctx, g)
			if created != nil {
				fresh = append(fresh, namespaceObject(*created))
			}
			if err != nil {
				return fault.While(err, "make the namespace %s", g.name)
			}
			all = append(all, g.name)
		}
		return fault.While(e.untilCounted(ctx, all), "make environment %s", id)
	}()
	if err != nil {
		e.unmake(ctx, fresh)
		return environment.Made{}, err
	}
	return e.Find(ctx, id)
}

// unmake deletes the namespaces that a call made which fails, as far as that
// goes: Remove does the rest. Where the context has ended, another call goes on.
func (e *Environment) unmake(ctx context.Context, of []object) {
	for _, o := range of {
		if ctx.Err() != nil {
			return
		}
		_ = e.delete(ctx, o) // the failure that led here is the one to tell of
	}
}

// makeNamespace makes a namespace with what guards it; created is the namespace
// where it was not there before, even when the rest fails.
func (e *Environment) makeNamespace(ctx context.Context, g guarded) (created *unstructured.Unstructured, err error) {
	wanted := g.namespace()
	client := e.client.Resource(namespaces, "")
	created, err = client.Create(ctx, &unstructured.Unstructured{Object: wanted.content}, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil {
		created = nil
	}
	if apierrors.IsAlreadyExists(err) {
		err = e.mayTake(ctx, g)
	}
	if err != nil {
		return created, cluster.Failure(err, "create it")
	}
	within, err := g.within()
	if err != nil {
		return created, err
	}
	for _, m := range append([]manifest{wanted}, within...) {
		if err := e.apply(ctx, m); err != nil {
			return created, err
		}
	}
	return created, nil
}

// mayTake is nil where a namespace that is there was made for the same restore, and stays.
func (e *Environment) mayTake(ctx context.Context, g guarded) error {
	found, err := e.client.Resource(namespaces, "").Get(ctx, g.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return fault.New(fault.Unavailable, "it is being deleted: try again")
	case err != nil:
		return err
	case found.GetAnnotations()[annotationID] != g.id:
		return fault.New(fault.Conflict, "there is one of that name that is not of restore %s: remove it, or configure another prefix", g.id)
	case found.GetDeletionTimestamp() != nil:
		return fault.New(fault.Unavailable, "an earlier one is still being deleted: try again")
	default:
		return nil
	}
}

// apply makes an object as it should be, whatever it was.
func (e *Environment) apply(ctx context.Context, m manifest) error {
	object := &unstructured.Unstructured{Object: m.content}
	_, err := e.client.Resource(m.resource, object.GetNamespace()).Apply(ctx, object.GetName(), object,
		metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	return cluster.Failure(err, "apply %s %s", object.GetKind(), object.GetName())
}
