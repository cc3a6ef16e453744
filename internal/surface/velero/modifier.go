package velero

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// modifiers are Velero's resource modifiers, version v1: what a Restore changes
// of resources on their way. Namespaces and names are those of the Backup.
type modifiers struct {
	Version string `json:"version"`
	Rules   []rule `json:"resourceModifierRules"`
}

type rule struct {
	Conditions   conditions   `json:"conditions"`
	MergePatches []mergePatch `json:"mergePatches"`
}

type conditions struct {
	GroupResource     string   `json:"groupResource"`
	Namespaces        []string `json:"namespaces,omitempty"`
	ResourceNameRegex string   `json:"resourceNameRegex,omitempty"`
	Matches           []match  `json:"matches,omitempty"`
}

type match struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

type mergePatch struct {
	PatchData string `json:"patchData"`
}

const modifiersVersion = "v1"

// modify writes the ConfigMap of a Restore into an environment. It has the name
// of the Restore, and goes with Finish.
func (d destination) modify(ctx context.Context, named metav1.ObjectMeta, of backup, loose bool) error {
	rules, err := d.rules(loose)
	if err != nil {
		return err
	}
	err = d.contents(ctx, of, func(o *unstructured.Unstructured) error {
		patch := d.reworked(o)
		if patch == nil {
			return nil
		}
		made, err := newRule(conditions{
			GroupResource: typesReworked[o.GetKind()], Namespaces: []string{o.GetNamespace()},
			ResourceNameRegex: "^" + regexp.QuoteMeta(o.GetName()) + "$",
		}, patch)
		rules = append(rules, made)
		return err
	})
	if err != nil {
		return err
	}
	text, err := jsonText(modifiers{modifiersVersion, rules})
	if err != nil {
		return err
	}
	content, err := encode(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]string{"modifiers.yaml": text},
		"metadata": map[string]any{"name": named.Name, "namespace": d.namespace, "labels": named.Labels},
	})
	if err != nil {
		return err
	}
	client := d.Resource(configMapsResource, d.namespace)
	err = cluster.Failure(client.Delete(ctx, named.Name, metav1.DeleteOptions{}), "replace ConfigMap %s", named.Name)
	if err != nil && !fault.Is(err, fault.Missing) {
		return err
	}
	_, err = client.Create(ctx, content, metav1.CreateOptions{})
	return cluster.Failure(err, "make ConfigMap %s with what the Restore changes", named.Name)
}

// rules are those that need no look into the Backup.
func (d destination) rules(loose bool) ([]rule, error) {
	// Policies add up: one that lets something out would undo the environment's own.
	closed, err := newRule(conditions{GroupResource: "networkpolicies.networking.k8s.io"}, object1("egress", nil))
	if err != nil {
		return nil, err
	}
	out := []rule{closed}
	const claims = "persistentvolumeclaims"
	if loose {
		made, err := newRule(conditions{GroupResource: claims}, object1("volumeName", nil))
		if err != nil {
			return nil, err
		}
		out = append(out, made)
	}
	for _, from := range slices.Sorted(maps.Keys(d.StorageClasses)) {
		// In quotes, a class named 1 is no number.
		when := []match{{Path: "/spec/storageClassName", Value: `"` + from + `"`}}
		made, err := newRule(conditions{GroupResource: claims, Matches: when}, object1("storageClassName", d.StorageClasses[from]))
		if err != nil {
			return nil, err
		}
		out = append(out, made)
	}
	return out, nil
}

// object1 is a patch of one field of a spec.
func object1(field string, value any) map[string]any {
	return map[string]any{"spec": map[string]any{field: value}}
}

func newRule(when conditions, patch map[string]any) (rule, error) {
	text, err := jsonText(patch)
	return rule{when, []mergePatch{{text}}}, err
}

// typesReworked are the types of which each resource needs a rule of its own.
var typesReworked = map[string]string{"Service": "services", "Ingress": "ingresses.networking.k8s.io"}

// outward tells the annotations by which controllers give a service or an
// ingress a name, a certificate or an address outside.
var outward = []string{
	"external-dns.", "dns.alpha.kubernetes.io/", "cert-manager.io/", "acme.cert-manager.io/", "kubernetes.io/tls-acme",
	"service.beta.kubernetes.io/", "service.kubernetes.io/", "alb.ingress.kubernetes.io/", "cloud.google.com/",
	"networking.gke.io/", "metallb.io/", "metallb.universe.tf/", "tailscale.com/", "nginx.ingress.kubernetes.io/server-alias",
}

// reworked is the merge patch (RFC 7396) that a resource of a Backup needs in an
// environment; nil for none.
func (d destination) reworked(o *unstructured.Unstructured) map[string]any {
	out := map[string]any{}
	dropped := map[string]any{}
	for name := range o.GetAnnotations() {
		if slices.ContainsFunc(outward, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			dropped[name] = nil
		}
	}
	if len(dropped) > 0 {
		out["metadata"] = map[string]any{"annotations": dropped}
	}
	spec, _ := o.Object["spec"].(map[string]any)
	var changed map[string]any
	switch o.GetKind() {
	case "Service":
		changed = serviceInside(spec)
	case "Ingress":
		changed = d.ingressElsewhere(spec, o.GetName()+"-"+o.GetNamespace())
	}
	if len(changed) > 0 {
		out["spec"] = changed
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// serviceInside makes a service one that is reachable inside the cluster only.
func serviceInside(spec map[string]any) map[string]any {
	out := map[string]any{}
	for _, field := range []string{
		"externalIPs", "externalTrafficPolicy", "allocateLoadBalancerNodePorts", "healthCheckNodePort",
		"loadBalancerIP", "loadBalancerClass", "loadBalancerSourceRanges",
	} {
		if _, set := spec[field]; set {
			out[field] = nil
		}
	}
	if spec["type"] != "LoadBalancer" && spec["type"] != "NodePort" {
		return out
	}
	out["type"] = "ClusterIP"
	ports, _ := spec["ports"].([]any)
	var inside []any
	for _, one := range ports {
		port, _ := one.(map[string]any)
		port = maps.Clone(port)
		delete(port, "nodePort")
		inside = append(inside, port)
	}
	if inside != nil {
		out["ports"] = inside
	}
	return out
}

// ingressElsewhere gives an ingress hosts under the place's domain. One that
// takes whatever nobody else takes gets a host, too: own.
func (d destination) ingressElsewhere(spec map[string]any, own string) map[string]any {
	if d.IngressDomain == "" {
		return nil
	}
	out := map[string]any{}
	rules := d.hosted(spec["rules"], own)
	if backend := spec["defaultBackend"]; backend != nil && len(rules) == 0 {
		out["defaultBackend"] = nil
		path := map[string]any{"path": "/", "pathType": "Prefix", "backend": backend}
		rules = []any{map[string]any{"host": d.host("", own), "http": map[string]any{"paths": []any{path}}}}
	}
	if len(rules) > 0 {
		out["rules"] = rules
	}
	if tls, _ := spec["tls"].([]any); len(tls) > 0 {
		var renamed []any
		for _, one := range tls {
			entry, _ := one.(map[string]any)
			entry = maps.Clone(entry)
			hosts, _ := entry["hosts"].([]any)
			var under []any
			for _, host := range hosts {
				text, _ := host.(string)
				under = append(under, d.host(text, own))
			}
			if under != nil {
				entry["hosts"] = under
			}
			renamed = append(renamed, entry)
		}
		out["tls"] = renamed
	}
	return out
}

func (d destination) hosted(from any, own string) []any {
	rules, _ := from.([]any)
	var out []any
	for _, one := range rules {
		entry := map[string]any{}
		if given, is := one.(map[string]any); is {
			maps.Copy(entry, given)
		}
		host, _ := entry["host"].(string)
		entry["host"] = d.host(host, own)
		out = append(out, entry)
	}
	return out
}

// maxHostLabel is how long one label of a host may be (RFC 1035).
const maxHostLabel = 63

// host is a host under the place's domain: shop.example.com becomes
// shop-example-com.DOMAIN, and *.example.com becomes *.example-com.DOMAIN.
func (d destination) host(of, own string) string {
	rest, wildcard := strings.CutPrefix(of, "*.")
	if rest == "" {
		rest = own
	}
	name := strings.ReplaceAll(rest, ".", "-")
	if len(name) > maxHostLabel {
		name = strings.TrimRight(name[:maxHostLabel-digestLength-1], "-") + "-" + seal.SHA256([]byte(name))[:digestLength]
	}
	if name += "." + d.IngressDomain; wildcard {
		return "*." + name
	}
	return name
}

// jsonText is a text that Velero reads as YAML, which JSON is.
func jsonText(of any) (string, error) {
	text, err := json.Marshal(of)
	return string(text), err
}
