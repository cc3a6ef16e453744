package kubernetes

import (
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/environment"
)

// Limits say what namespaces of one cluster do not keep apart.
func (e *Environment) Limits() []string {
	return []string{
		"network policies are enforced by the cluster's network plug-in alone: that they are there was looked at, and no connection was tried",
		"the copies may ask the cluster's DNS, which may ask on outside of the cluster",
		"the copies share the nodes, the API server and the storage of their cluster with what else is on it",
		"what a binding for the whole cluster gives to service accounts, their copies have in their own namespace alone: a copy that needs nodes, other namespaces or anything else of the cluster fails at that",
		"routes into the cluster other than Services and Ingresses (those of a gateway or a service mesh) were not looked at",
		"a volume that was not provisioned for a claim of the environment stays with its data when the environment is removed",
		"the copies can't reach databases that were restored on the worker's host, and no Secret or ConfigMap is rewritten to the address of a restored database: what needs its database fails in the copy",
		"databases of CloudNativePG are not restored as custom resources: they are not in the copy, and were not compared",
		e.customLimit(),
	}
}

// customLimit says which custom resources the copies do not have.
func (e *Environment) customLimit() string {
	const left = "custom resources of types that the cluster has itself are not in the copies, where live operators would act on them, and were not compared"
	switch allowed := e.config.CustomResources; {
	case slices.Contains(allowed, environment.EveryCustom):
		return "live operators of the cluster act on the copies' custom resources, too: customResources allows all of them"
	case len(allowed) > 0:
		return left + "; except for those of " + strings.Join(allowed, ", ") + ", on which live operators act in the copies, too"
	default:
		return left
	}
}
