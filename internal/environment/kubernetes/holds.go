package kubernetes

import (
	"context"
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// remaining are the conditions by which a namespace says why it is still there.
var remaining = []corev1.NamespaceConditionType{
	corev1.NamespaceContentRemaining, corev1.NamespaceDeletionContentFailure,
	corev1.NamespaceDeletionDiscoveryFailure, corev1.NamespaceDeletionGVParsingFailure,
}

// holds are the objects whose finalisers hold a namespace that is being
// deleted, the namespace among them; and in words what it waits for, which is
// nothing only where there is no such namespace.
func (e *Environment) holds(ctx context.Context, name string) (held []object, texts []string, err error) {
	found, err := e.client.Resource(namespaces, "").Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, cluster.Failure(err, "read the namespace %s", name)
	}
	said, err := conditions(found)
	if err != nil {
		return nil, nil, err
	}
	if said[corev1.NamespaceFinalizersRemaining] != "" {
		if held, err = e.heldWithin(ctx, name); err != nil {
			return nil, nil, err
		}
		for _, o := range held {
			texts = append(texts, o.held())
		}
	}
	if len(texts) > 0 {
		return held, texts, nil
	}
	for _, condition := range remaining {
		if text := said[condition]; text != "" {
			texts = append(texts, "namespace "+name+": "+text)
		}
	}
	if len(texts) > 0 {
		return nil, texts, nil
	}
	self := namespaceObject(*found)
	if len(self.finalizers) > 0 && !self.deleted.IsZero() {
		held = []object{self}
	}
	return held, []string{self.held()}, nil
}

func namespaceObject(n unstructured.Unstructured) object {
	o := object{resource: namespaces, name: n.GetName(), uid: n.GetUID(), finalizers: n.GetFinalizers()}
	if deleted := n.GetDeletionTimestamp(); deleted != nil {
		o.deleted = deleted.Time
	}
	return o
}

// conditions are those that hold of a namespace, with what they say.
func conditions(of *unstructured.Unstructured) (map[corev1.NamespaceConditionType]string, error) {
	var n corev1.Namespace
	if err := convert(*of, &n); err != nil {
		return nil, err
	}
	out := map[corev1.NamespaceConditionType]string{}
	for _, c := range n.Status.Conditions {
		if c.Status == corev1.ConditionTrue {
			out[c.Type] = c.Message
		}
	}
	return out, nil
}

// heldWithin are the objects in a namespace that are being deleted and have finalisers.
func (e *Environment) heldWithin(ctx context.Context, namespace string) ([]object, error) {
	types, err := e.resources(true)
	if err != nil {
		return nil, err
	}
	var out []object
	for _, of := range types {
		found, err := e.objects(ctx, of, namespace, "")
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(found, func(o object) bool { return o.deleted.IsZero() || len(o.finalizers) == 0 })...)
	}
	return out, nil
}

// takeFinalisersOff lets just this object go.
func (e *Environment) takeFinalisersOff(ctx context.Context, o object) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": o.uid, "finalizers": nil}})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "write a patch")
	}
	_, err = e.client.Resource(o.resource, o.namespace).Patch(ctx, o.name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return cluster.Failure(err, "take the finaliser off %s", o)
}

// Left says what is still there of a place, and what it waits for; and which
// volumes Remove has left alone.
func (e *Environment) Left(ctx context.Context, id string) ([]string, error) {
	place := placeID(id)
	found, err := e.made(ctx, place)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, n := range found {
		_, texts, err := e.holds(ctx, n.GetName())
		if err != nil {
			return nil, err
		}
		left = append(left, texts...)
	}
	rest, err := e.clusterObjects(ctx, selecting(place))
	if err != nil {
		return nil, err
	}
	for _, o := range rest {
		left = append(left, o.held())
	}
	claimed, err := e.leftVolumes(ctx, place, found)
	return append(left, claimed...), err
}
