package kubernetes

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The types that this package tells apart.
var (
	typePods            = schema.GroupResource{Group: groupCore, Resource: "pods"}
	typeServices        = schema.GroupResource{Group: groupCore, Resource: "services"}
	typeEndpoints       = schema.GroupResource{Group: groupCore, Resource: "endpoints"}
	typeSecrets         = schema.GroupResource{Group: groupCore, Resource: "secrets"}
	typeConfigMaps      = schema.GroupResource{Group: groupCore, Resource: "configmaps"}
	typeServiceAccounts = schema.GroupResource{Group: groupCore, Resource: "serviceaccounts"}
	typeClaims          = schema.GroupResource{Group: groupCore, Resource: "persistentvolumeclaims"}
	typeVolumes         = schema.GroupResource{Group: groupCore, Resource: "persistentvolumes"}
	typeQuotas          = schema.GroupResource{Group: groupCore, Resource: "resourcequotas"}
	typeNamespaces      = schema.GroupResource{Group: groupCore, Resource: "namespaces"}
	typeReplicaSets     = schema.GroupResource{Group: groupApps, Resource: "replicasets"}
	typeDeployments     = schema.GroupResource{Group: groupApps, Resource: "deployments"}
	typeDaemonSets      = schema.GroupResource{Group: groupApps, Resource: "daemonsets"}
	typeStatefulSets    = schema.GroupResource{Group: groupApps, Resource: "statefulsets"}
	typeJobs            = schema.GroupResource{Group: groupBatch, Resource: "jobs"}
	typeCronJobs        = schema.GroupResource{Group: groupBatch, Resource: "cronjobs"}
	typeSlices          = schema.GroupResource{Group: groupDiscovery, Resource: "endpointslices"}
	typeLeases          = schema.GroupResource{Group: groupCoordination, Resource: "leases"}
	typeIngresses       = schema.GroupResource{Group: groupNetwork, Resource: "ingresses"}
	typePolicies        = schema.GroupResource{Group: groupNetwork, Resource: "networkpolicies"}
	typeIngressClasses  = schema.GroupResource{Group: groupNetwork, Resource: "ingressclasses"}
	typeStorageClasses  = schema.GroupResource{Group: groupStorage, Resource: "storageclasses"}
	typePriorities      = schema.GroupResource{Group: groupSchedule, Resource: "priorityclasses"}
	typeRoleBindings    = schema.GroupResource{Group: groupRBAC, Resource: "rolebindings"}
	typeClusterRoles    = schema.GroupResource{Group: groupRBAC, Resource: "clusterroles"}
	typeClusterBindings = schema.GroupResource{Group: groupRBAC, Resource: "clusterrolebindings"}
	typeDefinitions     = schema.GroupResource{Group: groupCRD, Resource: "customresourcedefinitions"}
)

// unrestored are types of which nothing is ever restored: events are past,
// leases belong to processes, and some things to nodes; snapshots of volumes are
// in a storage system, and are deleted there with what stands for them here. What takes part in the
// requests of a whole cluster would stop it where its own server is not there.
var unrestored = []schema.GroupResource{
	{Group: groupCore, Resource: "events"}, {Group: groupEvents, Resource: "events"}, typeLeases,
	{Group: groupCore, Resource: "nodes"}, {Group: groupStorage, Resource: "csinodes"},
	{Group: groupStorage, Resource: "csistoragecapacities"}, {Group: groupStorage, Resource: "volumeattachments"},
	{Group: "certificates.k8s.io", Resource: "podcertificaterequests"}, typeSnapshotContents,
	{Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations"},
	{Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations"},
	{Group: "apiregistration.k8s.io", Resource: "apiservices"},
}

const (
	annotationMirror       = "kubernetes.io/config.mirror"
	annotationLeader       = "control-plane.alpha.kubernetes.io/leader"
	annotationTriggered    = "endpoints.kubernetes.io/last-change-trigger-time"
	annotationAccountName  = "kubernetes.io/service-account.name"
	annotationAccountUID   = "kubernetes.io/service-account.uid"
	labelEndpointsManager  = "endpoints.kubernetes.io/managed-by"
	labelSlicesManager     = "endpointslice.kubernetes.io/managed-by"
	ofKubernetes           = ".k8s.io"
	secretTypeAccountToken = "kubernetes.io/service-account-token"
	rootCertificates       = "kube-root-ca.crt"
	// generatedSuffix is how many characters end a name that Kubernetes has made.
	generatedSuffix = 5
)

// remade reports whether a restore leaves an object of a point out: the cluster
// makes it itself, it is over, or it is of a type of which nothing is restored.
// It depends on the object alone, as it was read.
func remade(o Object) bool {
	if slices.Contains(unrestored, o.Resource) || ownedByController(o) {
		return true
	}
	annotations := o.Body.GetAnnotations()
	switch o.Resource {
	case typePods:
		_, mirror := annotations[annotationMirror]
		phase := textAt(o.Body.Object, "status", "phase")
		return mirror || phase == "Succeeded" || phase == "Failed"
	case typeJobs:
		return conditionIs(o.Body, "Complete", "True") || conditionIs(o.Body, "Failed", "True")
	case typeEndpoints:
		return managedEndpoints(o)
	case typeSlices:
		return strings.HasSuffix(o.Body.GetLabels()[labelSlicesManager], ofKubernetes)
	case typeServices:
		return apiServerService(o)
	case typeSecrets:
		return systemToken(o)
	case typeConfigMaps:
		return o.Name == rootCertificates
	case typeClusterRoles, typeClusterBindings:
		return o.Body.GetLabels()["kubernetes.io/bootstrapping"] != "" || strings.HasPrefix(o.Name, "system:")
	case typePriorities:
		return strings.HasPrefix(o.Name, "system-")
	default:
		return false
	}
}

// leftOut reports whether a restore passes an object of a point by: the cluster
// makes it. The default service account it does make, but people give that the
// secrets to pull images with.
func leftOut(o Object) bool {
	if o.Resource == typeServiceAccounts && o.Name == metav1.NamespaceDefault {
		return len(listAt(o.Body.Object, "imagePullSecrets")) == 0
	}
	return remade(o)
}

// ownedByController reports whether a controller makes an object again: what is
// restored in its stead would be a second one, or one that nobody owns. What an
// operator makes for a custom resource it need not make as it was, though:
// secrets, config maps and claims hold state, so these are restored.
func ownedByController(o Object) bool {
	owner := metav1.GetControllerOfNoCopy(o.Body)
	if owner == nil {
		return false
	}
	group, err := schema.ParseGroupVersion(owner.APIVersion)
	builtin := err == nil && slices.Contains(builtinGroups, group.Group)
	switch o.Resource {
	case typeClaims:
		// One of a stateful set is its data; one of a pod comes and goes with it.
		return builtin && owner.Kind == "Pod"
	case typeSecrets, typeConfigMaps:
		return builtin
	default:
		return true
	}
}

// systemToken reports whether a secret is one that older Kubernetes made for
// each service account by itself: ACCOUNT-token-12345.
func systemToken(o Object) bool {
	account := o.Body.GetAnnotations()[annotationAccountName]
	return o.Body.Object["type"] == secretTypeAccountToken && isTokenName(o.Name, account)
}

func isTokenName(name, account string) bool {
	suffix, itself := strings.CutPrefix(name, account+"-token-")
	return account != "" && itself && len(suffix) == generatedSuffix
}

// managedEndpoints reports whether endpoints are those of a service's pods, or
// a lease of older programs. Their controller marks them differently in every version.
func managedEndpoints(o Object) bool {
	annotations := o.Body.GetAnnotations()
	_, leader := annotations[annotationLeader]
	_, triggered := annotations[annotationTriggered]
	if leader || triggered || o.Body.GetLabels()[labelEndpointsManager] != "" || apiServerService(o) {
		return true
	}
	subsets := mapsOf(o.Body.Object, "subsets")
	return len(subsets) == 0 || slices.ContainsFunc(subsets, func(subset map[string]any) bool {
		return slices.ContainsFunc(append(mapsOf(subset, "addresses"), mapsOf(subset, "notReadyAddresses")...), func(address map[string]any) bool {
			return textAt(address, "targetRef", "kind") == "Pod"
		})
	})
}

// apiServerService reports whether this is how the API server makes itself known.
func apiServerService(o Object) bool {
	return o.Namespace == metav1.NamespaceDefault && o.Name == "kubernetes"
}

// conditionIs reports whether a status has a condition as it is given.
func conditionIs(body *unstructured.Unstructured, kind, status string) bool {
	return slices.ContainsFunc(mapsOf(body.Object, "status", "conditions"), func(condition map[string]any) bool {
		return condition["type"] == kind && condition["status"] == status
	})
}
