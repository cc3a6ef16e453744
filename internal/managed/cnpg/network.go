package cnpg

import (
	"context"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// policy lets the pods of a copy reach DNS, the API server, each other and the
// object store, and nothing else: a restored database has subscriptions, foreign
// servers and programs' connections that were meant for production.
func (s *Service) policy(ctx context.Context, r managed.Request, from origin) (piece, error) {
	selected := map[string]any{}
	if !s.own() {
		selected = map[string]any{"matchLabels": map[string]any{labelCluster: clusterName(r.Name)}}
	}
	api, err := s.apiServer(ctx)
	if err != nil {
		return piece{}, err
	}
	egress := []any{
		map[string]any{"ports": []any{port("UDP", 53), port("TCP", 53)}},
		map[string]any{"to": []any{map[string]any{"podSelector": selected}}},
	}
	egress = append(egress, api...)
	store, err := s.toStore(ctx, from)
	if err != nil {
		return piece{}, err
	}
	egress = append(egress, store...)
	return piece{policies, s.mark(r, "networking.k8s.io/v1", "NetworkPolicy", clusterName(r.Name), map[string]any{"spec": map[string]any{
		"podSelector": selected,
		"policyTypes": []any{"Egress"},
		"egress":      egress,
	}})}, nil
}

// apiServer are the rules for the API server, which the instance manager in
// every pod of CloudNativePG asks: its Service, and what is behind it.
func (s *Service) apiServer(ctx context.Context) ([]any, error) {
	const name, namespace = "kubernetes", "default"
	var out []any
	service, err := s.find(ctx, services, namespace, name)
	if err != nil {
		return nil, err
	}
	if service != nil {
		ip, _, _ := unstructured.NestedString(service.Object, "spec", "clusterIP")
		out = append(out, toAddress(ip, portsOf(service, "spec", "ports"))...)
	}
	behind, err := s.list(ctx, endpointSlices, namespace, "kubernetes.io/service-name="+name)
	if err != nil {
		return nil, err
	}
	return append(out, toEndpoints(behind)...), nil
}

// toEndpoints are the rules for what is behind a Service.
func toEndpoints(behind []unstructured.Unstructured) []any {
	var out []any
	for _, slice := range behind {
		endpoints, _, _ := unstructured.NestedSlice(slice.Object, "endpoints")
		for _, e := range endpoints {
			e, _ := e.(map[string]any)
			addresses, _, _ := unstructured.NestedStringSlice(e, "addresses")
			for _, address := range addresses {
				out = append(out, toAddress(address, portsOf(&slice, "ports"))...)
			}
		}
	}
	return out
}

func portsOf(o *unstructured.Unstructured, fields ...string) []any {
	list, _, _ := unstructured.NestedSlice(o.Object, fields...)
	var out []any
	for _, p := range list {
		p, _ := p.(map[string]any)
		if n, ok := p["port"].(int64); ok {
			out = append(out, port("TCP", n))
		}
	}
	return out
}

func port(protocol string, number int64) map[string]any {
	return map[string]any{"protocol": protocol, "port": number}
}

// toAddress is the rule for one address; there is none for what is no address.
func toAddress(address string, ports []any) []any {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return nil
	}
	rule := map[string]any{"to": []any{block(netip.PrefixFrom(ip, ip.BitLen()).String())}}
	if len(ports) > 0 {
		rule["ports"] = ports
	}
	return []any{rule}
}

func block(cidr string) map[string]any {
	return map[string]any{"ipBlock": map[string]any{"cidr": cidr}}
}

// toStore are the rules for the object store: what is configured; or else the
// pods of a Service, an address, or, as a policy knows no names of hosts, the
// store's port wherever it is.
func (s *Service) toStore(ctx context.Context, from origin) ([]any, error) {
	if len(s.config.EgressCIDRs) > 0 {
		var to []any
		for _, cidr := range s.config.EgressCIDRs {
			to = append(to, block(cidr))
		}
		return []any{map[string]any{"to": to}}, nil
	}
	host, number := endpoint(from)
	if _, err := netip.ParseAddr(host); err == nil {
		return toAddress(host, []any{port("TCP", number)}), nil
	}
	namespace, name, ok := inCluster(host, s.config.Namespace)
	if !ok {
		return []any{map[string]any{"ports": []any{port("TCP", number)}}}, nil
	}
	found, err := s.find(ctx, services, namespace, name)
	if err != nil {
		return nil, err
	}
	if found != nil && !selecting(found) {
		behind, err := s.list(ctx, endpointSlices, namespace, "kubernetes.io/service-name="+name)
		return toEndpoints(behind), err
	}
	return toService(namespace, found, number), nil
}

// selecting reports whether a Service has pods; others have endpoints that
// somebody has written down.
func selecting(service *unstructured.Unstructured) bool {
	selector, _, _ := unstructured.NestedMap(service.Object, "spec", "selector")
	return len(selector) > 0
}

// toService is the rule for the pods of a Service, at the port that is theirs.
// Without the Service, which may be still to come, it is the port that is asked
// for, of the namespace.
func toService(namespace string, service *unstructured.Unstructured, number int64) []any {
	pods := map[string]any{"namespaceSelector": map[string]any{
		"matchLabels": map[string]any{"kubernetes.io/metadata.name": namespace},
	}}
	to := map[string]any{"protocol": "TCP", "port": any(number)}
	if service != nil {
		selector, _, _ := unstructured.NestedMap(service.Object, "spec", "selector")
		pods["podSelector"] = map[string]any{"matchLabels": selector}
		// A headless Service's port is that of its pods.
		headless, _, _ := unstructured.NestedString(service.Object, "spec", "clusterIP")
		ports, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
		for _, p := range ports {
			p, _ := p.(map[string]any)
			if target := p["targetPort"]; p["port"] == number && target != nil && target != int64(0) && headless != "None" {
				to["port"] = target
			}
		}
	}
	return []any{map[string]any{"to": []any{pods}, "ports": []any{to}}}
}

// endpoint is the host and the port of an object store; the host is empty where
// the provider's own is meant.
func endpoint(from origin) (host string, number int64) {
	configuration := from.backups.inTree
	if from.store != nil {
		configuration, _, _ = unstructured.NestedMap(from.store.Object, "spec", "configuration")
	}
	text, _ := configuration["endpointURL"].(string)
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "", 443
	}
	number = 443
	if u.Scheme == "http" {
		number = 80
	}
	if n, err := strconv.ParseInt(u.Port(), 10, 32); err == nil {
		number = n
	}
	return u.Hostname(), number
}

// inCluster reads the namespace and the name of a Service out of its host: NAME,
// or NAME.NAMESPACE.svc with or without the cluster's domain. In front of it may
// be the name of one of its pods.
func inCluster(host, here string) (namespace, name string, ok bool) {
	parts := strings.Split(host, ".")
	if host == "" || host == "localhost" {
		return "", "", false
	}
	if len(parts) == 1 {
		return here, host, true
	}
	for _, at := range []int{2, 3} {
		if len(parts) > at && parts[at] == "svc" {
			return parts[at-1], parts[at-2], true
		}
	}
	return "", "", false
}
