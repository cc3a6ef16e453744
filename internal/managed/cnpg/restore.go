package cnpg

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// Restore implements managed.Service. It makes what a copy needs, its Cluster
// last; what an earlier attempt has made of it stays as it is.
func (s *Service) Restore(ctx context.Context, r managed.Request) error {
	if err := managed.CheckName(r.Name); err != nil {
		return err
	}
	if r.Name == s.config.Instance {
		return fault.New(fault.Conflict, "%s is the source itself: choose another name", r.Name)
	}
	begun, err := s.begun(ctx, r)
	if err != nil || begun {
		return err
	}
	from, err := s.origin(ctx)
	if err != nil {
		return err
	}
	if err := from.window.Check(r); err != nil {
		return err
	}
	pieces, err := s.pieces(ctx, r, from)
	if err != nil {
		return err
	}
	for _, p := range pieces {
		if err := s.make(ctx, r, p); err != nil {
			return err
		}
	}
	return nil
}

// begun reports whether the Cluster of the request exists already. What another
// request has made is an error.
func (s *Service) begun(ctx context.Context, r managed.Request) (bool, error) {
	if s.own() {
		found, err := s.find(ctx, namespaces, "", r.Name)
		if err != nil || found == nil {
			return false, err
		}
		if err := s.same(r, found); err != nil {
			return false, err
		}
	}
	found, err := s.find(ctx, clusters, s.home(r.Name), clusterName(r.Name))
	if err != nil || found == nil {
		return false, err
	}
	return true, s.same(r, found)
}

// same is nil for an object that an attempt of the same request has made.
func (s *Service) same(r managed.Request, o *unstructured.Unstructured) error {
	if err := r.Same(o.GetAnnotations(), s.source()); err != nil {
		return err
	}
	if o.GetDeletionTimestamp() != nil {
		return fault.New(fault.Unavailable, "%s is still being deleted", r.Name)
	}
	return nil
}

// pieces are the objects of a copy, in the order in which they are made.
func (s *Service) pieces(ctx context.Context, r managed.Request, from origin) ([]piece, error) {
	n, attached, err := s.attachments(ctx, r, from)
	if err != nil {
		return nil, err
	}
	network, err := s.policy(ctx, r, from)
	if err != nil {
		return nil, err
	}
	spec, err := s.spec(r, from, n)
	if err != nil {
		return nil, err
	}
	copied := s.mark(r, "postgresql.cnpg.io/v1", "Cluster", clusterName(r.Name), map[string]any{"spec": spec})
	out := append([]piece{network}, attached...)
	out = append(out, piece{clusters, copied})
	for _, p := range out {
		p.object.SetNamespace(s.home(r.Name))
	}
	if s.own() {
		out = append([]piece{{namespaces, s.mark(r, "v1", "Namespace", r.Name, nil)}}, out...)
	}
	return out, nil
}

// make creates an object, unless it is there already by the same request. A
// field that the cluster's version of CloudNativePG does not know is refused,
// not dropped: a copy without it might be something else.
func (s *Service) make(ctx context.Context, r managed.Request, p piece) error {
	_, err := s.client.Resource(p.of, p.object.GetNamespace()).Create(ctx, p.object, metav1.CreateOptions{
		FieldManager: "lifeboat", FieldValidation: metav1.FieldValidationStrict,
	})
	if !apierrors.IsAlreadyExists(err) {
		return failure(err, "create %s/%s for the copy %s", p.of.Resource, p.object.GetName(), r.Name)
	}
	found, err := s.find(ctx, p.of, p.object.GetNamespace(), p.object.GetName())
	if err != nil {
		return err
	}
	if found == nil {
		return fault.New(fault.Unavailable, "%s/%s was there, and is no more", p.of.Resource, p.object.GetName())
	}
	return s.same(r, found)
}

// belongings are the types of objects that Restore makes for a copy beside its
// namespace, and that have its label.
var belongings = []piece{{of: clusters}, {of: objectStores}, {of: imageCatalogs}, {of: secrets}, {of: configMaps}, {of: policies}}

// Delete implements managed.Service. The volumes go with the Cluster, and the
// backups in the object store are the source's: a copy has none.
func (s *Service) Delete(ctx context.Context, name string) error {
	if name == s.config.Instance {
		return managed.Removable(name, nil, s.source())
	}
	if s.own() {
		return s.deleteNamespace(ctx, name)
	}
	home := s.home(name)
	if found, err := s.find(ctx, clusters, home, clusterName(name)); err != nil {
		return err
	} else if found != nil {
		if err := managed.Removable(name, found.GetAnnotations(), s.source()); err != nil {
			return err
		}
	}
	for _, b := range belongings {
		left, err := s.list(ctx, b.of, home, selector(name))
		if err != nil {
			return err
		}
		for _, o := range left {
			if !managed.Made(o.GetAnnotations(), s.source()) {
				continue
			}
			b.object = &o
			if err := s.remove(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteNamespace removes a copy's Cluster, and the namespace that was made for it.
func (s *Service) deleteNamespace(ctx context.Context, name string) error {
	found, err := s.find(ctx, namespaces, "", name)
	if err != nil || found == nil {
		return err
	}
	if err := managed.Removable(name, found.GetAnnotations(), s.source()); err != nil {
		return err
	}
	copied, err := s.find(ctx, clusters, name, clusterName(name))
	if err != nil {
		return err
	}
	if copied != nil {
		// Else the operator might go on to make what the namespace no longer takes.
		if err := s.remove(ctx, piece{clusters, copied}); err != nil {
			return err
		}
	}
	return s.remove(ctx, piece{namespaces, found})
}

// remove deletes an object, and no other one of its name.
func (s *Service) remove(ctx context.Context, p piece) error {
	if p.object.GetDeletionTimestamp() != nil {
		return nil
	}
	uid, background := p.object.GetUID(), metav1.DeletePropagationBackground
	err := s.client.Resource(p.of, p.object.GetNamespace()).Delete(ctx, p.object.GetName(), metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &background,
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return failure(err, "delete %s/%s", p.of.Resource, p.object.GetName())
}
