package kubernetes

import "k8s.io/apimachinery/pkg/runtime/schema"

// The groups whose types the order of a restore names.
const (
	groupCore      = ""
	groupApps      = "apps"
	groupBatch     = "batch"
	groupRBAC      = "rbac.authorization.k8s.io"
	groupStorage   = "storage.k8s.io"
	groupSnapshots = "snapshot.storage.k8s.io"
	groupSchedule  = "scheduling.k8s.io"
	groupNetwork   = "networking.k8s.io"
	groupCRD       = "apiextensions.k8s.io"
	groupDiscovery = "discovery.k8s.io"
)

// restoreOrder has the types whose place in a restore matters, the first to be
// restored first: what others refer to comes before what refers to it, and
// pods come after everything that they mount, and before what would make
// them anew.
var restoreOrder = []schema.GroupResource{
	{Group: groupCRD, Resource: "customresourcedefinitions"},
	{Group: groupCore, Resource: "namespaces"},
	{Group: groupStorage, Resource: "storageclasses"},
	{Group: groupSnapshots, Resource: "volumesnapshotclasses"},
	{Group: groupSnapshots, Resource: "volumesnapshotcontents"},
	{Group: groupSnapshots, Resource: "volumesnapshots"},
	{Group: groupCore, Resource: "persistentvolumes"},
	{Group: groupCore, Resource: "persistentvolumeclaims"},
	{Group: groupRBAC, Resource: "clusterroles"},
	{Group: groupRBAC, Resource: "roles"},
	{Group: groupCore, Resource: "serviceaccounts"},
	{Group: groupRBAC, Resource: "clusterrolebindings"},
	{Group: groupRBAC, Resource: "rolebindings"},
	{Group: groupCore, Resource: "secrets"},
	{Group: groupCore, Resource: "configmaps"},
	{Group: groupCore, Resource: "limitranges"},
	{Group: groupSchedule, Resource: "priorityclasses"},
	{Group: groupNetwork, Resource: "ingressclasses"},
	{Group: groupCore, Resource: "pods"},
	{Group: groupApps, Resource: "replicasets"},
	{Group: groupCore, Resource: "endpoints"},
	{Group: groupCore, Resource: "services"},
}

var placeInOrder = func() map[schema.GroupResource]int {
	places := make(map[schema.GroupResource]int, len(restoreOrder))
	for i, of := range restoreOrder {
		places[of] = i
	}
	return places
}()

// order is a type's place in a restore: what has a lower one is restored
// before what has a higher one. All types whose place does not matter have the
// same, and are restored in alphabetical order. Quotas come after all of them:
// they would refuse what comes after them until they are counted.
func order(of schema.GroupResource) int {
	if of == typeQuotas {
		return len(restoreOrder) + 1
	}
	if place, named := placeInOrder[of]; named {
		return place
	}
	return len(restoreOrder)
}
