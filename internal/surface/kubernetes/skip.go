package kubernetes

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

// The API groups that are a Kubernetes server's own, beside those that order.go names.
const (
	groupEvents       = "events.k8s.io"
	groupExtensions   = "extensions"
	groupCoordination = "coordination.k8s.io"
)

// builtinGroups are those that Kubernetes itself serves. Every other group is
// that of custom resources, or of a server behind the API server.
var builtinGroups = []string{
	groupCore, groupApps, groupBatch, groupRBAC, groupStorage, groupSchedule, groupNetwork, groupCRD, groupDiscovery,
	groupEvents, groupExtensions, groupCoordination, "autoscaling", "policy", "admissionregistration.k8s.io",
	"apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "certificates.k8s.io",
	"flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io", "node.k8s.io", "resource.k8s.io", "storagemigration.k8s.io",
}

// neverInPoint reports whether a type is in no point: events tell of what has
// happened, and nobody can make it happen again.
func neverInPoint(of schema.GroupResource) bool {
	return of.Resource == "events" && (of.Group == groupCore || of.Group == groupEvents)
}

// skipped reports whether an object is in no point, and in no inventory: it is
// being deleted, or it is a node's, which is another in another cluster.
func skipped(o Object) bool {
	if o.Body.GetDeletionTimestamp() != nil {
		return true
	}
	switch o.Resource {
	case typePods:
		_, mirror := o.Body.GetAnnotations()[annotationMirror]
		return mirror
	case typeLeases:
		return slices.ContainsFunc(o.Body.GetOwnerReferences(), func(r metav1.OwnerReference) bool {
			return r.Kind == "Node" && r.APIVersion == "v1"
		})
	default:
		return false
	}
}

// inventoried reports whether an object belongs into the fingerprint of a
// point: a restore brings it back, and not every namespace has it by itself.
func inventoried(o Object) bool {
	switch {
	case o.Resource == typeServiceAccounts && o.Name == metav1.NamespaceDefault:
		return false
	case slices.Contains(ofNodes, o.Resource):
		return false
	default:
		return !remade(o)
	}
}

// ofNodes are types of which the drivers and agents on a cluster's nodes make
// what they need.
var ofNodes = []schema.GroupResource{
	{Group: groupStorage, Resource: "csistoragecapacities"},
	{Group: "certificates.k8s.io", Resource: "podcertificaterequests"},
}

// unexpected reports whether an object that a copy has and its point has not
// is to be told of. What controllers own, and what the environment of the copy
// has brought, is not.
func unexpected(o Object) bool {
	if _, own := o.Body.GetLabels()[cluster.LabelEnvironment]; own {
		return false
	}
	return inventoried(o) && metav1.GetControllerOfNoCopy(o.Body) == nil
}
