package kubernetes

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	groupGateway = "gateway.networking.k8s.io"
	// annotationApplied has the manifest that kubectl applied last.
	annotationApplied = "kubectl.kubernetes.io/last-applied-configuration"
	// maxHostLabel is how long one label of a host name may be (RFC 1035).
	maxHostLabel = 63
)

// reachesOut tells the annotations by which controllers give a restored
// service or ingress a name, a certificate or an address outside.
var reachesOut = hasPrefix(
	"external-dns.", "dns.alpha.kubernetes.io/", "cert-manager.io/", "acme.cert-manager.io/", "kubernetes.io/tls-acme",
	"service.beta.kubernetes.io/", "service.kubernetes.io/", "alb.ingress.kubernetes.io/", "cloud.google.com/",
	"networking.gke.io/", "metallb.io/", "metallb.universe.tf/", "tailscale.com/", "nginx.ingress.kubernetes.io/server-alias",
)

// remapService takes the addresses that a cluster has given. In an environment
// a service is reachable inside the cluster only.
func remapService(r remapper, body *unstructured.Unstructured) {
	spec := fieldsOf(body.Object, "spec")
	if textAt(spec, "clusterIP") != "None" {
		drop(spec, "clusterIP", "clusterIPs")
	}
	delete(spec, "healthCheckNodePort")
	asked := askedNodePorts(body)
	for _, port := range mapsOf(spec, "ports") {
		if number, _ := port["nodePort"].(int64); r.isolated() || !asked[number] {
			delete(port, "nodePort")
		}
	}
	if !r.isolated() {
		return
	}
	dropAnnotations(body, reachesOut)
	if kind := textAt(spec, "type"); kind == "LoadBalancer" || kind == "NodePort" {
		spec["type"] = "ClusterIP"
	}
	drop(spec, "externalIPs", "externalTrafficPolicy", "allocateLoadBalancerNodePorts",
		"loadBalancerIP", "loadBalancerClass", "loadBalancerSourceRanges")
}

// askedNodePorts are the node ports that somebody has asked for, by what
// kubectl notes; all others were given by the server.
func askedNodePorts(body *unstructured.Unstructured) map[int64]bool {
	out := map[int64]bool{}
	applied, err := decode([]byte(body.GetAnnotations()[annotationApplied]))
	if err != nil {
		return out
	}
	for _, port := range mapsOf(applied.Object, "spec", "ports") {
		if number, _ := port["nodePort"].(int64); number > 0 {
			out[number] = true
		}
	}
	return out
}

// hasHosts reports whether an object may answer for a host: were it that of
// what is live, an environment would answer in its stead.
func hasHosts(o Object) bool {
	switch o.Body.GetKind() {
	case "HTTPRoute", "GRPCRoute", "TLSRoute", "Gateway":
		return o.Resource.Group == groupGateway
	default:
		return o.Resource == typeIngresses
	}
}

// remapIngress gives the hosts of an ingress names of their own in an environment.
func remapIngress(r remapper, body *unstructured.Unstructured) {
	if !r.isolated() {
		return
	}
	dropAnnotations(body, reachesOut)
	spec := fieldsOf(body.Object, "spec")
	own := body.GetName() + "-" + body.GetNamespace()
	for _, rule := range mapsOf(spec, "rules") {
		rule["host"] = r.host(textAt(rule, "host"), own)
	}
	for _, tls := range mapsOf(spec, "tls") {
		r.hosts(tls, "hosts", own)
	}
	// An ingress that takes whatever nobody else takes would do so for the whole cluster.
	if backend := spec["defaultBackend"]; backend != nil && len(listAt(spec, "rules")) == 0 {
		delete(spec, "defaultBackend")
		spec["rules"] = []any{map[string]any{
			"host": r.host("", own),
			"http": map[string]any{"paths": []any{map[string]any{"path": "/", "pathType": "Prefix", "backend": backend}}},
		}}
	}
}

// remapRoute does for routes and gateways of the Gateway API what remapIngress does.
func remapRoute(r remapper, body *unstructured.Unstructured) {
	if !r.isolated() {
		return
	}
	dropAnnotations(body, reachesOut)
	spec := fieldsOf(body.Object, "spec")
	own := body.GetName() + "-" + body.GetNamespace()
	switch body.GetKind() {
	case "HTTPRoute", "GRPCRoute", "TLSRoute":
		if len(listAt(spec, "hostnames")) == 0 && spec != nil {
			spec["hostnames"] = []any{""}
		}
		r.hosts(spec, "hostnames", own)
	case "Gateway":
		for _, listener := range mapsOf(spec, "listeners") {
			listener["hostname"] = r.host(textAt(listener, "hostname"), own)
		}
	}
}

func (r remapper) hosts(from map[string]any, field, own string) {
	list := listAt(from, field)
	for i, host := range list {
		if text, is := host.(string); is {
			list[i] = r.host(text, own)
		}
	}
}

// host is the name of a host under the place's domain: shop.example.com becomes
// shop-example-com.DOMAIN, and *.example.com becomes *.example-com.DOMAIN. An
// empty one, which stands for every host, gets own as its name.
func (r remapper) host(of, own string) string {
	rest, wildcard := strings.CutPrefix(of, "*.")
	if rest == "" {
		rest = own
	}
	label := strings.ReplaceAll(rest, ".", "-")
	if len(label) > maxHostLabel {
		label = shortName(label, maxHostLabel)
	}
	if label += "." + r.IngressDomain; wildcard {
		label = "*." + label
	}
	return label
}
