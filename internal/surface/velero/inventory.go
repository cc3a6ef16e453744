package velero

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// resourceList is what is in a Backup, as Velero lists it: names, or
// NAMESPACE/NAME, by VERSION/KIND or GROUP/VERSION/KIND.
type resourceList map[string][]string

// maxList bounds what is read of a list: about a million resources.
const maxList = 128 << 20

func readList(r io.Reader) (resourceList, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxList+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxList {
		return nil, fault.New(fault.Unsupported, "Velero's list of resources is longer than %d MB", maxList>>20)
	}
	var out resourceList
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fault.New(fault.Corrupt, "what should be Velero's list of resources is none")
	}
	return out, nil
}

// namespaces are those of which the list has anything, in order.
func (l resourceList) namespaces() []string {
	found := map[string]bool{}
	for _, names := range l {
		for _, name := range names {
			if namespace, _, has := strings.Cut(name, "/"); has {
				found[namespace] = true
			}
		}
	}
	for _, namespace := range l["v1/Namespace"] {
		found[namespace] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// kindOf reads a key of the list.
func kindOf(key string) schema.GroupVersionKind {
	version, kind := cutLast(key, "/")
	parsed, err := schema.ParseGroupVersion(version)
	if err != nil {
		return schema.GroupVersionKind{Kind: kind}
	}
	return parsed.WithKind(kind)
}

// cutLast parts a text where by is for the last time; without it, all is after.
func cutLast(text, by string) (before, after string) {
	if i := strings.LastIndex(text, by); i >= 0 {
		return text[:i], text[i+len(by):]
	}
	return "", text
}

// types are the resources of a list's kinds. A kind that the cluster does not
// know any more has the name that its resource would usually have.
func (v server) types(l resourceList) (map[string]schema.GroupResource, error) {
	out := map[string]schema.GroupResource{}
	for key := range l {
		of := kindOf(key)
		mapping, err := v.Mapper.RESTMapping(of.GroupKind(), of.Version)
		var noMatch *meta.NoKindMatchError
		switch {
		case errors.As(err, &noMatch):
			guess, _ := meta.UnsafeGuessKindToResource(of)
			out[key] = guess.GroupResource()
		case err != nil:
			return nil, cluster.Failure(err, "ask the cluster for its types")
		default:
			out[key] = mapping.Resource.GroupResource()
		}
	}
	return out, nil
}

// item is one resource, as fingerprints name it.
type item struct {
	namespace, name string
	of              schema.GroupResource
}

func (i item) entry() surface.Entry {
	return surface.Entry{Kind: category(i.of), Name: i.namespace + "/" + i.of.String() + "/" + i.name, Count: 1}
}

// inventory is the fingerprint of what a restore brings back of these namespaces.
func inventory(l resourceList, types map[string]schema.GroupResource, namespaces []string) surface.Fingerprint {
	accounts := map[string]bool{}
	for _, name := range l["v1/ServiceAccount"] {
		accounts[name] = true
	}
	seen := map[item]bool{}
	for key, names := range l {
		for _, name := range names {
			namespace, rest, namespaced := strings.Cut(name, "/")
			i := item{namespace, rest, types[key]}
			if namespaced && slices.Contains(namespaces, namespace) && i.compared() && !i.tokenOf(accounts) {
				seen[i] = true
			}
		}
	}
	var out surface.Fingerprint
	for i := range seen {
		out = append(out, i.entry())
	}
	out.Sort()
	return out
}

// uncompared are types of which a copy need not have what the backup had: they
// are made anew by controllers, are over, or are never restored. A list says
// neither whose a pod is nor whether a job has ended.
var uncompared = []schema.GroupResource{
	{Resource: "pods"}, {Group: "apps", Resource: "replicasets"}, {Group: "apps", Resource: "controllerrevisions"},
	{Group: "batch", Resource: "jobs"}, {Resource: "endpoints"}, {Group: "discovery.k8s.io", Resource: "endpointslices"},
	{Resource: "events"}, {Group: "events.k8s.io", Resource: "events"}, {Group: "coordination.k8s.io", Resource: "leases"},
	{Group: "metrics.k8s.io", Resource: "pods"}, {Group: "snapshot.storage.k8s.io", Resource: "volumesnapshots"},
	{Group: "cilium.io", Resource: "ciliumendpoints"},
}

// groupCNPG has the types that can't be restored by Velero: an operator would
// make new databases of them.
const groupCNPG = "postgresql.cnpg.io"

// compared reports whether a copy must have a resource that the backup has.
func (i item) compared() bool {
	switch {
	case slices.Contains(uncompared, i.of), i.of.Group == group, i.of.Group == groupCNPG:
		return false
	case i.of == schema.GroupResource{Resource: "configmaps"}:
		return i.name != "kube-root-ca.crt"
	case i.of == schema.GroupResource{Resource: "serviceaccounts"}:
		// Every namespace has it by itself.
		return i.name != "default"
	default:
		return true
	}
}

var tokenName = regexp.MustCompile(`^(.+)-token-[a-z0-9]{5}$`)

// tokenOf reports whether a secret is a token that Kubernetes makes for an account.
func (i item) tokenOf(accounts map[string]bool) bool {
	found := tokenName.FindStringSubmatch(i.name)
	return i.of == schema.GroupResource{Resource: "secrets"} && found != nil && accounts[i.namespace+"/"+found[1]]
}

// categories has the kinds of a fingerprint's entries; they are those of the
// inventory that a drill of namespaces is asked for.
var categories = map[schema.GroupResource]string{
	{Resource: "replicationcontrollers"}:                           "workload",
	{Resource: "podtemplates"}:                                     "workload",
	{Group: "apps", Resource: "deployments"}:                       "workload",
	{Group: "apps", Resource: "statefulsets"}:                      "workload",
	{Group: "apps", Resource: "daemonsets"}:                        "workload",
	{Group: "batch", Resource: "cronjobs"}:                         "workload",
	{Resource: "services"}:                                         "service",
	{Resource: "secrets"}:                                          "secret",
	{Resource: "configmaps"}:                                       "configmap",
	{Group: "networking.k8s.io", Resource: "ingresses"}:            "ingress",
	{Resource: "persistentvolumeclaims"}:                           "volume",
	{Resource: "serviceaccounts"}:                                  "access",
	{Group: "rbac.authorization.k8s.io", Resource: "roles"}:        "access",
	{Group: "rbac.authorization.k8s.io", Resource: "rolebindings"}: "access",
}

// category is the kind of the entries of a type: what has none by name is
// custom where its group is not one that Kubernetes serves itself.
func category(of schema.GroupResource) string {
	known, has := categories[of]
	switch {
	case has:
		return known
	case builtin[of.Group]:
		return "other"
	default:
		return "custom"
	}
}

// builtin are the groups that Kubernetes serves itself.
var builtin = map[string]bool{
	"": true, "apps": true, "batch": true, "autoscaling": true, "policy": true, "extensions": true,
	"networking.k8s.io": true, "rbac.authorization.k8s.io": true, "storage.k8s.io": true, "discovery.k8s.io": true,
	"coordination.k8s.io": true, "events.k8s.io": true, "scheduling.k8s.io": true, "node.k8s.io": true,
	"resource.k8s.io": true, "certificates.k8s.io": true, "admissionregistration.k8s.io": true,
	"authentication.k8s.io": true, "authorization.k8s.io": true, "flowcontrol.apiserver.k8s.io": true,
}

// Scope implements surface.Scoper.
func (s *Surface) Scope(f surface.Fingerprint, chosen surface.Selection) surface.Fingerprint {
	if len(chosen.Resources) == 0 {
		return f
	}
	var out surface.Fingerprint
	for _, e := range f {
		if of, ok := typeOf(e); ok && selects(chosen.Resources, of) {
			out = append(out, e)
		}
	}
	return out
}

// typeOf is the type that an entry names: NAMESPACE/TYPE/NAME.
func typeOf(e surface.Entry) (schema.GroupResource, bool) {
	parts := strings.SplitN(e.Name, "/", 3)
	if len(parts) != 3 {
		return schema.GroupResource{}, false
	}
	return schema.ParseGroupResource(parts[1]), true
}
