package kubernetes

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// accountsGroup begins the name of the group of a namespace's service accounts.
const accountsGroup = "system:serviceaccounts:"

// ownPrefix begins the labels and annotations that Lifeboat itself gives.
const ownPrefix = "lifeboat-dr.github.io/"

// droppedLabels and droppedAnnotations are those that the API server, the
// controllers, kubectl or a restore give, each time anew.
var (
	droppedLabels = []string{
		labelNamespaceName, "kubernetes.io/legacy-token-last-used", "velero.io/backup-name", "velero.io/restore-name",
	}
	droppedAnnotations = append([]string{
		annotationApplied, annotationLeader, annotationAccountUID, annotationLimits,
		"pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/selected-node",
		"volume.beta.kubernetes.io/storage-class", "volume.beta.kubernetes.io/storage-provisioner",
		"volume.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-resizer",
		"autoscaling.alpha.kubernetes.io/conditions", "autoscaling.alpha.kubernetes.io/current-metrics",
	}, annotationsOfServers...)
)

// normalise leaves of an object what must be as in the point after a restore.
// It changes body, and returns what is left of it; FORMAT.md lists what goes.
// names has the point's namespaces by the names that they have where body was
// read; nil leaves the names as they are.
func normalise(of schema.GroupResource, body map[string]any, names map[string]string) map[string]any {
	metadata, _ := body["metadata"].(map[string]any)
	kept := map[string]any{}
	if labels := without(metadata["labels"], droppedLabels); len(labels) > 0 {
		kept["labels"] = labels
	}
	if annotations := without(metadata["annotations"], droppedAnnotations); len(annotations) > 0 {
		kept["annotations"] = annotations
	}
	if body["metadata"] = kept; len(kept) == 0 {
		delete(body, "metadata")
	}
	drop(body, "status", "apiVersion")
	switch rule, named := normaliseTypes[of.Resource]; {
	case named && slices.Contains(builtinGroups, of.Group):
		rule(body, names)
	case of.Group == groupGateway:
		normaliseRoute(body)
	}
	dropNulls(body)
	return body
}

// without leaves labels or annotations out, and all of Lifeboat's own.
func without(values any, dropped []string) map[string]any {
	given, _ := values.(map[string]any)
	out := make(map[string]any, len(given))
	for name, value := range given {
		if !slices.Contains(dropped, name) && !strings.HasPrefix(name, ownPrefix) {
			out[name] = value
		}
	}
	return out
}

// normaliseTypes has the rules for single types, by their names in whatever
// group of Kubernetes' own.
var normaliseTypes = map[string]func(body map[string]any, names map[string]string){
	"pods":                   normalisePod,
	"podtemplates":           normaliseTemplate,
	"deployments":            normaliseWorkload,
	"daemonsets":             normaliseWorkload,
	"replicasets":            normaliseWorkload,
	"replicationcontrollers": normaliseWorkload,
	"statefulsets":           normaliseStatefulSet,
	"jobs":                   normaliseJob,
	"cronjobs":               normaliseCronJob,
	"services":               normaliseService,
	"serviceaccounts":        normaliseAccount,
	"secrets":                normaliseSecret,
	"persistentvolumeclaims": normaliseClaim,
	"ingresses":              normaliseIngress,
	"networkpolicies":        normalisePolicy,
	"rolebindings":           normaliseSubjects,
	"clusterrolebindings":    normaliseClusterBinding,
}

func normaliseAccount(body map[string]any, _ map[string]string) { delete(body, "secrets") }

// normaliseSecret drops what the token controller fills in.
func normaliseSecret(body map[string]any, _ map[string]string) {
	if body["type"] != secretTypeAccountToken {
		return
	}
	data := fieldsOf(body, "data")
	if drop(data, "token", "ca.crt", "namespace"); len(data) == 0 {
		delete(body, "data")
	}
}

func normaliseClaim(body map[string]any, _ map[string]string) {
	normaliseStorage(fieldsOf(body, "spec"))
}

// normaliseStorage drops what a claim is bound to, or filled from, and its
// class, which a restore may rename.
func normaliseStorage(spec map[string]any) {
	drop(spec, "volumeName", "storageClassName", "volumeAttributesClassName", "dataSource", "dataSourceRef")
}

// normaliseSubjects calls the subjects' namespaces as the point does.
func normaliseSubjects(body map[string]any, names map[string]string) {
	back := remapper{}
	back.Namespaces = names
	for _, subject := range mapsOf(body, "subjects") {
		back.remapSubject(subject)
	}
}

// normaliseClusterBinding leaves the subjects that are of the point's
// namespaces, where they are known, each once: others are not bound in an
// environment, and elsewhere a restore adds to those that are there.
func normaliseClusterBinding(body map[string]any, names map[string]string) {
	if names == nil {
		return
	}
	here := remapper{}
	here.Namespaces = make(map[string]string, len(names))
	for name := range names {
		here.Namespaces[name] = name
	}
	keep(body, "subjects", here.isOurs)
	normaliseSubjects(body, names)
	subjects := mapsOf(body, "subjects")
	slices.SortFunc(subjects, func(a, b map[string]any) int {
		return cmp.Or(cmp.Compare(textAt(a, "kind"), textAt(b, "kind")), cmp.Compare(textAt(a, "namespace"), textAt(b, "namespace")),
			cmp.Compare(textAt(a, "name"), textAt(b, "name")))
	})
	var once []any
	for i, subject := range subjects {
		if i == 0 || !reflect.DeepEqual(subject, subjects[i-1]) {
			once = append(once, subject)
		}
	}
	body["subjects"] = once
}

// dropNulls removes members that are null: some clients send them, some don't.
func dropNulls(value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, one := range v {
			if one == nil {
				delete(v, name)
				continue
			}
			dropNulls(one)
		}
	case []any:
		for _, one := range v {
			dropNulls(one)
		}
	}
}
