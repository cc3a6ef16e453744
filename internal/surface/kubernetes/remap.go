package kubernetes

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// remapper turns objects of a point into those that a restore sends: without
// what belonged to the server that they were read from, and with the names
// that the place gives them.
//
// References to namespaces are rewritten in subjects of bindings and in the
// namespaceSelectors of NetworkPolicies that go by kubernetes.io/metadata.name.
// Those in other fields stay: in host names, environment variables, arguments,
// custom resources.
type remapper struct{ cluster.Place }

// isolated reports whether the place is an environment apart from what is live.
func (r remapper) isolated() bool { return r.ID != "" }

// namespace is the one of the target that stands for one of the point;
// fault.Invalid where an environment has none.
func (r remapper) namespace(of string) (string, error) {
	if of == "" {
		return "", nil
	}
	if to, named := r.Namespaces[of]; named {
		return to, nil
	}
	if r.isolated() {
		return "", fault.New(fault.Invalid, "environment %s has no namespace for %s: it was made for other namespaces than the point holds", r.ID, of)
	}
	return of, nil
}

// remapTypes says what has to change in objects of single types, beside what
// has to in all of them.
var remapTypes = map[schema.GroupResource]func(remapper, *unstructured.Unstructured){
	typeNamespaces:      remapNamespace,
	typeServices:        remapService,
	typeIngresses:       remapIngress,
	typePolicies:        remapPolicy,
	typeClaims:          remapClaim,
	typeVolumes:         remapVolume,
	typeStorageClasses:  remapDefaultClass,
	typeIngressClasses:  remapDefaultClass,
	typePriorities:      remapPriority,
	typeServiceAccounts: remapAccount,
	typeSecrets:         remapSecret,
	typeRoleBindings:    remapBinding,
	typeClusterBindings: remapBinding,
	typeClusterRoles:    remapClusterRole,
	typePods:            remapPod,
	typeJobs:            remapJob,
	typeCronJobs:        remapTemplates,
	typeDeployments:     remapTemplates,
	typeDaemonSets:      remapTemplates,
	typeStatefulSets:    remapTemplates,
	typeReplicaSets:     remapTemplates,
}

// remap changes the body of an object of a point into what a restore sends,
// and returns it. Its namespace becomes that of the target. An environment
// without a domain takes nothing that has hosts: fault.Invalid.
func (r remapper) remap(o Object) (*unstructured.Unstructured, error) {
	to, err := r.namespace(o.Namespace)
	if err != nil {
		return nil, err
	}
	if r.isolated() && r.IngressDomain == "" && hasHosts(o) {
		return nil, fault.New(fault.Invalid, "%s would answer for the hosts of what is live: give the environment an ingressDomain", o)
	}
	body := o.Body
	r.strip(body)
	if to != "" {
		body.SetNamespace(to)
	}
	if of, special := remapTypes[o.Resource]; special {
		of(r, body)
	}
	if o.Resource.Group == groupGateway {
		remapRoute(r, body)
	}
	return body, nil
}

// annotationsOfServers are those that servers and their controllers write, of
// an object's own history.
var annotationsOfServers = []string{
	"deployment.kubernetes.io/revision", "deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas",
	"deprecated.daemonset.template.generation", "batch.kubernetes.io/job-tracking",
	"endpoints.kubernetes.io/last-change-trigger-time",
}

// strip leaves of the metadata what a person has chosen, and removes the
// status. Finalizers stay, but in an environment, where the controllers that
// take them away again may not be.
func (r remapper) strip(body *unstructured.Unstructured) {
	delete(body.Object, "status")
	kept := map[string]any{"name": body.GetName()}
	old, _ := body.Object["metadata"].(map[string]any)
	for _, field := range []string{"labels", "annotations", "finalizers"} {
		if value, there := old[field]; there && (field != "finalizers" || !r.isolated()) {
			kept[field] = value
		}
	}
	if old["namespace"] != nil {
		kept["namespace"] = old["namespace"]
	}
	body.Object["metadata"] = kept
	dropAnnotations(body, isOneOf(annotationsOfServers))
}

func dropAnnotations(body *unstructured.Unstructured, unwanted func(name string) bool) {
	dropKeys(body, "annotations", unwanted)
}

func dropLabels(body *unstructured.Unstructured, unwanted func(name string) bool) {
	dropKeys(body, "labels", unwanted)
}

func dropKeys(body *unstructured.Unstructured, field string, unwanted func(name string) bool) {
	metadata := fieldsOf(body.Object, "metadata")
	of := fieldsOf(metadata, field)
	for name := range of {
		if unwanted(name) {
			delete(of, name)
		}
	}
	if len(of) == 0 {
		delete(metadata, field)
	}
}

// isOneOf makes a function that says whether a name is one of some.
func isOneOf(names []string) func(string) bool {
	return func(name string) bool { return slices.Contains(names, name) }
}

// hasPrefix makes a function that says whether a name begins with one of some texts.
func hasPrefix(texts ...string) func(string) bool {
	return func(name string) bool {
		for _, text := range texts {
			if strings.HasPrefix(name, text) {
				return true
			}
		}
		return false
	}
}

// listAt is the list at a path of fields, or nil.
func listAt(from map[string]any, path ...string) []any {
	last := len(path) - 1
	out, _ := fieldsOf(from, path[:last]...)[path[last]].([]any)
	return out
}

// textAt is the text at a path of fields, or empty.
func textAt(from map[string]any, path ...string) string {
	last := len(path) - 1
	out, _ := fieldsOf(from, path[:last]...)[path[last]].(string)
	return out
}
