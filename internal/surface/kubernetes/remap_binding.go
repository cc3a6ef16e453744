package kubernetes

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

const (
	// accountsUser begins the name that a service account has as a user.
	accountsUser = "system:serviceaccount:"
	// maxName is how long the name of a binding may be.
	maxName = 253
	// The kinds of bindings.
	kindRoleBinding    = "RoleBinding"
	kindClusterBinding = "ClusterRoleBinding"
)

// remapBinding renames the namespaces of subjects.
func remapBinding(r remapper, body *unstructured.Unstructured) {
	for _, subject := range mapsOf(body.Object, "subjects") {
		r.remapSubject(subject)
	}
}

// sends is what a restore sends for an object of a point, and of which type: the
// object as remap makes it, but for a binding for the whole cluster in an environment.
func (r remapper) sends(o Object) (schema.GroupResource, []*unstructured.Unstructured, error) {
	body, err := r.remap(o)
	if err != nil {
		return o.Resource, nil, err
	}
	if r.isolated() && o.Resource == typeClusterBindings {
		return typeRoleBindings, r.confine(body), nil
	}
	return o.Resource, []*unstructured.Unstructured{body}, nil
}

// confine makes of a binding for the whole cluster one of the same role in each
// of the environment's namespaces whose service accounts it binds. There are
// none of other subjects, and no rights outside of the account's own namespace.
func (r remapper) confine(body *unstructured.Unstructured) []*unstructured.Unstructured {
	bound := map[string][]any{}
	for _, subject := range mapsOf(body.Object, "subjects") {
		if home := homeOf(subject); r.has(home) {
			bound[home] = append(bound[home], subject)
		}
	}
	var out []*unstructured.Unstructured
	for _, namespace := range slices.Sorted(maps.Keys(bound)) {
		one := body.DeepCopy()
		one.Object["subjects"] = bound[namespace]
		one.SetKind(kindRoleBinding)
		one.SetNamespace(namespace)
		one.SetName(bindingName(body.GetName(), r.ID))
		r.mark(one)
		out = append(out, one)
	}
	return out
}

// unconfined makes of the bindings that confine has made the one that they stand
// for. One of another role adds nothing.
func unconfined(bindings []*unstructured.Unstructured) *unstructured.Unstructured {
	out := bindings[0].DeepCopy()
	out.SetKind(kindClusterBinding)
	out.SetNamespace("")
	all := listAt(out.Object, "subjects")
	for _, other := range bindings[1:] {
		if reflect.DeepEqual(other.Object["roleRef"], out.Object["roleRef"]) {
			all = append(all, listAt(other.Object, "subjects")...)
		}
	}
	out.Object["subjects"] = all
	return out
}

// mark gives an object the environment's label, and the ID of its restore.
func (r remapper) mark(body *unstructured.Unstructured) {
	labels := body.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[cluster.LabelEnvironment] = r.ID
	body.SetLabels(labels)
	if r.Restore == "" {
		return
	}
	annotations := body.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[cluster.AnnotationEnvironment] = r.Restore
	body.SetAnnotations(annotations)
}

// bindingName is the name that a binding for the whole cluster has in the
// namespaces of an environment, where one of its own name may be, too.
func bindingName(name, id string) string {
	return shortName(name, maxName-len(id)-1) + "-" + id
}

func (r remapper) remapSubject(subject map[string]any) {
	switch name := textAt(subject, "name"); textAt(subject, "kind") {
	case "ServiceAccount":
		if namespace := textAt(subject, "namespace"); namespace != "" {
			subject["namespace"] = r.renamed(namespace)
		}
	case "Group":
		if namespace, is := strings.CutPrefix(name, accountsGroup); is {
			subject["name"] = accountsGroup + r.renamed(namespace)
		}
	case "User":
		rest, is := strings.CutPrefix(name, accountsUser)
		if namespace, account, two := strings.Cut(rest, ":"); is && two {
			subject["name"] = accountsUser + r.renamed(namespace) + ":" + account
		}
	}
}

// homeOf is the namespace of a subject that is a service account, or all of a
// namespace; empty for any other.
func homeOf(subject map[string]any) string {
	switch name := textAt(subject, "name"); textAt(subject, "kind") {
	case "ServiceAccount":
		return textAt(subject, "namespace")
	case "Group":
		if namespace, is := strings.CutPrefix(name, accountsGroup); is {
			return namespace
		}
	case "User":
		if rest, is := strings.CutPrefix(name, accountsUser); is {
			namespace, _, _ := strings.Cut(rest, ":")
			return namespace
		}
	}
	return ""
}

// isOurs reports whether a subject, by its name in the target, is of the place's namespaces.
func (r remapper) isOurs(subject map[string]any) bool { return r.has(homeOf(subject)) }
