package kubernetes

import (
	"context"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// decideClaim keeps the name of a claim's volume only where the target has that
// volume, and for this very claim. A claim that is there keeps what binds it.
func decideClaim(ctx context.Context, d *destination, s *step) (bool, error) {
	spec := fieldsOf(s.wanted.Object, "spec")
	name := textAt(spec, "volumeName")
	if s.there {
		// The sums leave both out, and neither can be changed.
		drop(spec, "volumeName", "storageClassName")
		return false, nil
	}
	if name == "" {
		return false, nil
	}
	volume, err := d.client.Resource(volumesResource, "").Get(ctx, name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return false, cluster.Failure(err, "read its volume %s", name)
	}
	if err != nil || !isFor(volume, s.wanted) {
		delete(spec, "volumeName")
	}
	return false, nil
}

// volumesResource is what volumes are read as in every version of Kubernetes.
var volumesResource = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumes"}

// isFor reports whether a volume waits for a claim, or is bound to it.
func isFor(volume, claim *unstructured.Unstructured) bool {
	of := fieldsOf(volume.Object, "spec", "claimRef")
	return of["namespace"] == claim.GetNamespace() && of["name"] == claim.GetName() && textAt(volume.Object, "status", "phase") != "Released"
}

// decideVolume restores no volume that was deleted together with its claim: a
// claim gets a new one. A volume that is there
// stays as it is, unless it was released by the claim that the point has for it.
func decideVolume(ctx context.Context, d *destination, s *step) (bool, error) {
	retained := textAt(s.wanted.Object, "spec", "persistentVolumeReclaimPolicy") == "Retain"
	if !s.there {
		return !retained, nil
	}
	found, err := d.live(ctx, s)
	if err != nil || found == nil {
		return false, err
	}
	has, wants := fieldsOf(found.Object, "spec", "claimRef"), fieldsOf(s.wanted.Object, "spec", "claimRef")
	if textAt(found.Object, "status", "phase") == "Released" && has["namespace"] == wants["namespace"] && has["name"] == wants["name"] {
		s.action = d.policy(s, false)
	}
	return true, nil
}

// decideNamespace makes a namespace that isn't there. One that is there is only
// in the way while it is being deleted; an update gives it the point's labels.
func decideNamespace(ctx context.Context, d *destination, s *step) (bool, error) {
	if !s.there {
		return false, nil
	}
	found, err := d.live(ctx, s)
	if err != nil || found == nil {
		return false, err
	}
	switch {
	case s.found.deleting:
		s.action = actionConflict
	case d.conflict == surface.ConflictUpdate && !covers(found.Object, s.wanted.Object):
		s.action = actionUpdate
	}
	return true, nil
}

// decideStorageClass leaves out a class that the place has another for.
func decideStorageClass(_ context.Context, d *destination, s *step) (bool, error) {
	_, other := d.StorageClasses[s.wanted.GetName()]
	return other, nil
}

// decideDefinition never takes a version away from a type: a definition that is
// there stays, if it serves what the point's serves.
func decideDefinition(ctx context.Context, d *destination, s *step) (bool, error) {
	if !s.there {
		return false, nil
	}
	found, err := d.live(ctx, s)
	if err != nil || found == nil {
		return false, err
	}
	has, wants := definedVersions(found), definedVersions(s.wanted)
	switch {
	case containsAll(has, wants):
	case d.conflict == surface.ConflictUpdate && !containsAll(wants, has):
		s.action = actionConflict
	default:
		s.action = d.policy(s, false)
	}
	return true, nil
}

func definedVersions(definition *unstructured.Unstructured) []string {
	var out []string
	for _, version := range mapsOf(definition.Object, "spec", "versions") {
		if version["served"] == true {
			out = append(out, textAt(version, "name"))
		}
	}
	return out
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(one string) bool { return !slices.Contains(all, one) })
}

// decideClusterBinding adds the subjects of a binding to those that it has in
// the target: a restore under other names takes no rights from what is live.
func decideClusterBinding(ctx context.Context, d *destination, s *step) (bool, error) {
	subjects := listAt(s.wanted.Object, "subjects")
	if !s.there {
		return false, nil
	}
	found, err := d.live(ctx, s)
	if err != nil || found == nil {
		return false, err
	}
	if !reflect.DeepEqual(found.Object["roleRef"], s.wanted.Object["roleRef"]) {
		s.action = d.policy(s, false)
		return true, nil
	}
	all, grown := union(listAt(found.Object, "subjects"), subjects)
	if s.wanted.Object["subjects"] = all; grown && d.conflict != surface.ConflictSkip {
		s.action = actionUpdate
	}
	return true, nil
}
