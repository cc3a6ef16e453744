package drill

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The kinds of Kubernetes resources whose readiness a check can ask for.
const (
	ResourceDeployment  = "deployment"
	ResourceStatefulSet = "statefulset"
	ResourceDaemonSet   = "daemonset"
	ResourcePod         = "pod"
	ResourceJob         = "job"
	ResourceService     = "service"
	ResourceNode        = "node"
	// ResourceNamespace is all pods of a namespace.
	ResourceNamespace = "namespace"
	// ResourceAll is every workload and every claim of a volume; it has no name.
	ResourceAll = "all"
)

// resourceNames are the names of kinds as kubectl takes them.
var resourceNames = map[string]string{
	"deployment": ResourceDeployment, "deployments": ResourceDeployment, "deploy": ResourceDeployment,
	"statefulset": ResourceStatefulSet, "statefulsets": ResourceStatefulSet, "sts": ResourceStatefulSet,
	"daemonset": ResourceDaemonSet, "daemonsets": ResourceDaemonSet, "ds": ResourceDaemonSet,
	"pod": ResourcePod, "pods": ResourcePod, "po": ResourcePod,
	"job": ResourceJob, "jobs": ResourceJob,
	"service": ResourceService, "services": ResourceService, "svc": ResourceService,
	"node": ResourceNode, "nodes": ResourceNode, "no": ResourceNode,
	"namespace": ResourceNamespace, "namespaces": ResourceNamespace, "ns": ResourceNamespace,
}

// ParseResource reads KIND/NAME, such as deployment/api, where KIND may also be
// spelt as kubectl takes it, or all. The error is a phrase that says what it must be.
func ParseResource(text string) (kind, name string, err error) {
	if text == ResourceAll {
		return ResourceAll, "", nil
	}
	spelt, name, _ := strings.Cut(text, "/")
	kind, known := resourceNames[strings.ToLower(spelt)]
	if !known || name == "" || strings.ContainsAny(name, "/ \t") {
		kinds := slices.Compact(slices.Sorted(maps.Values(resourceNames)))
		return "", "", fmt.Errorf("must be KIND/NAME, such as deployment/api, with a kind of %s, or all", strings.Join(kinds, ", "))
	}
	return kind, name, nil
}
