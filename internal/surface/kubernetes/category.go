package kubernetes

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The categories of an inventory: the kinds of a fingerprint's entries.
const (
	categoryWorkload  = "workload"
	categoryService   = "service"
	categorySecret    = "secret"
	categoryConfigMap = "configmap"
	categoryIngress   = "ingress"
	categoryVolume    = "volume"
	categoryAccess    = "access"
	categoryCustom    = "custom"
	categoryOther     = "other"
)

// categories has the types that belong to one by name; twins of older API
// groups are in the same one.
var categories = map[string][]schema.GroupResource{
	categoryWorkload: {
		typePods, typeJobs, {Resource: "replicationcontrollers"}, {Resource: "podtemplates"}, typeCronJobs,
		typeDeployments, typeStatefulSets, typeDaemonSets, typeReplicaSets,
		{Group: groupExtensions, Resource: "deployments"}, {Group: groupExtensions, Resource: "daemonsets"},
		{Group: groupExtensions, Resource: "replicasets"},
	},
	categoryService:   {typeServices, typeEndpoints, typeSlices},
	categorySecret:    {typeSecrets},
	categoryConfigMap: {typeConfigMaps},
	categoryIngress: {
		typeIngresses, {Group: groupExtensions, Resource: "ingresses"},
		typeIngressClasses,
	},
	categoryVolume: {
		typeClaims, typeVolumes, typeStorageClasses,
		{Group: groupSnapshots, Resource: "volumesnapshots"}, {Group: groupSnapshots, Resource: "volumesnapshotclasses"},
		{Group: groupSnapshots, Resource: "volumesnapshotcontents"},
	},
	categoryAccess: {
		typeServiceAccounts, {Group: groupRBAC, Resource: "roles"}, typeRoleBindings,
		typeClusterRoles, typeClusterBindings,
	},
	categoryCustom: {typeDefinitions},
}

var categoryOfType = func() map[schema.GroupResource]string {
	out := map[schema.GroupResource]string{}
	for category, types := range categories {
		for _, of := range types {
			out[of] = category
		}
	}
	return out
}()

// category is where an inventory has a type: what is in none by name is custom
// where Kubernetes does not serve its group itself.
func category(of schema.GroupResource) string {
	named, known := categoryOfType[of]
	switch {
	case known:
		return named
	case slices.Contains(builtinGroups, of.Group):
		return categoryOther
	default:
		return categoryCustom
	}
}
