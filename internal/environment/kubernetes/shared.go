package kubernetes

import (
	"context"
	"encoding/json"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// naming is a type whose objects name others at a path of fields, which may
// lead through lists.
type naming struct {
	of   schema.GroupVersionResource
	path []string
}

const groupSnapshots = "snapshot.storage.k8s.io"

// shared are the types of the cluster of which a restore brings what is not
// there, and of which somebody else may use that by the time the environment
// goes, with who names them. Definitions, which their objects use, come beside them.
var shared = map[schema.GroupResource][]naming{
	definitions.GroupResource(): nil,
	storagev1.Resource("storageclasses"): {
		{claims, []string{"spec", "storageClassName"}},
		{statefulSets, []string{"spec", "volumeClaimTemplates", "spec", "storageClassName"}},
	},
	schedulingv1.Resource("priorityclasses"): ofPods("priorityClassName"),
	nodev1.Resource("runtimeclasses"):        ofPods("runtimeClassName"),
	networkingv1.Resource("ingressclasses"):  {{ingresses, []string{"spec", "ingressClassName"}}},
	rbacv1.Resource("clusterroles"): {
		{roleBindings, []string{"roleRef", "name"}},
		{clusterRoleBindings, []string{"roleRef", "name"}},
	},
	{Group: groupSnapshots, Resource: "volumesnapshotclasses"}: {
		{schema.GroupVersionResource{Group: groupSnapshots, Version: "v1", Resource: "volumesnapshots"}, []string{"spec", "volumeSnapshotClassName"}},
	},
}

var statefulSets = appsv1.SchemeGroupVersion.WithResource("statefulsets")

// ofPods are those that name something for pods.
func ofPods(field string) []naming {
	template := []string{"spec", "template", "spec", field}
	return []naming{
		{pods, []string{"spec", field}},
		{appsv1.SchemeGroupVersion.WithResource("deployments"), template},
		{statefulSets, template},
		{appsv1.SchemeGroupVersion.WithResource("daemonsets"), template},
		{batchv1.SchemeGroupVersion.WithResource("jobs"), template},
		{batchv1.SchemeGroupVersion.WithResource("cronjobs"), []string{"spec", "jobTemplate", "spec", "template", "spec", field}},
	}
}

func isShared(o object) bool {
	_, is := shared[o.resource.GroupResource()]
	return is
}

// removeShared deletes what a restore has brought to the cluster. What is live
// uses keeps it, without the label; what another environment uses becomes that
// one's.
func (e *Environment) removeShared(ctx context.Context, o object) error {
	if !o.deleted.IsZero() {
		return nil
	}
	live, places, err := e.users(ctx, o)
	switch {
	case err != nil:
		return err
	case live:
		return e.relabel(ctx, o, nil, nil)
	case len(places) > 0:
		place := slices.Min(places)
		restore, err := e.restoreOf(ctx, place)
		if err != nil {
			return err
		}
		return e.relabel(ctx, o, place, restore)
	}
	background := metav1.DeletePropagationBackground
	err = e.client.Resource(o.resource, "").Delete(ctx, o.name, metav1.DeleteOptions{
		// Who has begun to share it since has changed it: it is looked at again.
		PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &o.uid, ResourceVersion: &o.version},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return cluster.Failure(err, "delete %s", o)
}

// relabel makes something another environment's, or nobody's. Where it has
// changed meanwhile it stays as it is, and is looked at again.
func (e *Environment) relabel(ctx context.Context, o object, place, restore any) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": o.uid, "resourceVersion": o.version, "labels": map[string]any{cluster.LabelEnvironment: place},
		"annotations": map[string]any{annotationID: restore},
	}})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "write a patch")
	}
	_, err = e.client.Resource(o.resource, "").Patch(ctx, o.name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return cluster.Failure(err, "leave %s to others", o)
}

// restoreOf is the ID of the restore that a place is for; nil where none of its
// namespaces is there.
func (e *Environment) restoreOf(ctx context.Context, place string) (any, error) {
	found, err := e.made(ctx, place)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0].GetAnnotations()[annotationID], nil
}

// users says whether something that came with an environment is used by what is
// live, and which other environments use it. What may not be looked at counts as live.
func (e *Environment) users(ctx context.Context, o object) (live bool, places []string, err error) {
	var using []object
	if o.resource.GroupResource() == definitions.GroupResource() {
		using, err = e.ofDefinition(ctx, o)
	} else {
		using, err = e.naming(ctx, o)
	}
	if apierrors.IsForbidden(err) {
		return true, nil, nil
	}
	if err != nil || len(using) == 0 {
		return false, nil, err
	}
	of, err := e.placesOfNamespaces(ctx)
	if err != nil {
		return false, nil, err
	}
	for _, user := range using {
		place := user.place
		if user.namespace != "" {
			place = of[user.namespace]
		}
		switch place {
		case "":
			return true, nil, nil
		case o.place:
		default:
			places = append(places, place)
		}
	}
	return false, places, nil
}

// placesOfNamespaces are the environments that namespaces were made for.
func (e *Environment) placesOfNamespaces(ctx context.Context) (map[string]string, error) {
	found, err := e.list(ctx, namespaces, "", cluster.LabelEnvironment)
	out := map[string]string{}
	for _, n := range found {
		if place := n.GetLabels()[cluster.LabelEnvironment]; isMade(n, place) {
			out[n.GetName()] = place
		}
	}
	return out, err
}

// naming are the objects that name something of the cluster.
func (e *Environment) naming(ctx context.Context, o object) ([]object, error) {
	var out []object
	for _, by := range shared[o.resource.GroupResource()] {
		found, err := e.list(ctx, by.of, "", "")
		if fault.Is(err, fault.Missing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, user := range found {
			kind, ofRole, _ := unstructured.NestedString(user.Object, "roleRef", "kind")
			if slices.Contains(textsAt(user.Object, by.path), o.name) && (!ofRole || kind == "ClusterRole") {
				out = append(out, object{resource: by.of, namespace: user.GetNamespace(), name: user.GetName(), place: user.GetLabels()[cluster.LabelEnvironment]})
			}
		}
	}
	return out, nil
}

// ofDefinition are the objects of a type.
func (e *Environment) ofDefinition(ctx context.Context, o object) ([]object, error) {
	found, err := e.client.Resource(o.resource, "").Get(ctx, o.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, cluster.Failure(err, "read %s", o)
	}
	group, _, _ := unstructured.NestedString(found.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(found.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(found.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		if name, _ := version["name"].(string); version["served"] == true {
			return e.listed(ctx, schema.GroupVersionResource{Group: group, Version: name, Resource: plural}, "", "")
		}
	}
	return nil, nil
}

// textsAt are the texts at a path of fields; every element of a list on the way is followed.
func textsAt(value any, path []string) []string {
	switch value := value.(type) {
	case []any:
		var out []string
		for _, one := range value {
			out = append(out, textsAt(one, path)...)
		}
		return out
	case map[string]any:
		if len(path) > 0 {
			return textsAt(value[path[0]], path[1:])
		}
	case string:
		if len(path) == 0 {
			return []string{value}
		}
	}
	return nil
}
