package kubernetes

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Finish implements surface.Surface. It waits until the claims that were
// restored are bound, as far as their classes bind a claim before a pod asks
// for it. Workloads are not waited for: health checks say whether they run.
func (s *Surface) Finish(ctx context.Context, t surface.Target, src surface.Source) error {
	d, err := s.destination(t)
	if err != nil {
		return err
	}
	names, err := d.claims(ctx, src)
	if err != nil {
		return fault.While(err, "complete %s", d)
	}
	binder := binding{d: d, binds: map[string]bool{}}
	err = poll(ctx, func() (string, error) {
		for len(names) > 0 {
			bound, err := binder.done(ctx, names[0])
			if err != nil || !bound {
				return "claim " + names[0].namespace + "/" + names[0].name + " to be bound to a volume", err
			}
			names = names[1:]
		}
		return "", nil
	})
	return fault.While(err, "complete %s", d)
}

// claimName names a claim of the target.
type claimName struct{ namespace, name string }

// errEnough ends the reading of a part before its end.
var errEnough = errors.New("the rest is of no interest")

// claims are those that the restore has made. In a point they come before most of the rest.
func (d *destination) claims(ctx context.Context, src surface.Source) ([]claimName, error) {
	r, err := src.Open(ctx, resourcesPart)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []claimName
	err = readObjects(r, func(o Object) error {
		if order(o.Resource) > order(typeClaims) {
			return errEnough
		}
		if o.Resource != typeClaims || leftOut(o) || !d.selector.has(o) {
			return nil
		}
		namespace, err := d.namespace(o.Namespace)
		out = append(out, claimName{namespace, o.Name})
		return err
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

var (
	claimsResource  = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	classesResource = schema.GroupVersionResource{Group: groupStorage, Version: "v1", Resource: "storageclasses"}
)

// binding says which claims have their volumes.
type binding struct {
	d *destination
	// binds says which classes bind a claim at once.
	binds map[string]bool
}

// done reports whether a claim is bound, or is not going to be before a pod asks for it.
func (b binding) done(ctx context.Context, of claimName) (bool, error) {
	claim, err := b.d.client.Resource(claimsResource, of.namespace).Get(ctx, of.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return false, fault.New(fault.Missing, "claim %s/%s is not there any more", of.namespace, of.name)
	case err != nil:
		return false, cluster.Failure(err, "look at claim %s/%s", of.namespace, of.name)
	}
	switch phase := textAt(claim.Object, "status", "phase"); {
	case phase == "Bound" || claim.GetDeletionTimestamp() != nil:
		return true, nil
	case phase == "Lost":
		return false, fault.New(fault.Missing, "claim %s/%s has lost its volume: delete the claim, and restore it again", of.namespace, of.name)
	}
	atOnce, err := b.atOnce(ctx, claim)
	return !atOnce, err
}

// atOnce reports whether a claim's class gives it a volume without a pod.
func (b binding) atOnce(ctx context.Context, claim *unstructured.Unstructured) (bool, error) {
	name := textAt(claim.Object, "spec", "storageClassName")
	if name == "" {
		// Nobody makes a volume for it; one that was restored binds it.
		return textAt(claim.Object, "spec", "volumeName") != "", nil
	}
	if known, asked := b.binds[name]; asked {
		return known, nil
	}
	class, err := b.d.client.Resource(classesResource, "").Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		b.binds[name] = false
	case err != nil:
		return false, cluster.Failure(err, "look at storage class %s", name)
	default:
		b.binds[name] = textAt(class.Object, "volumeBindingMode") != "WaitForFirstConsumer" &&
			textAt(class.Object, "provisioner") != "kubernetes.io/no-provisioner"
	}
	return b.binds[name], nil
}
