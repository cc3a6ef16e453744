package kubernetes

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestNetworkObjectsAreRemapped(t *testing.T) {
	t.Parallel()
	requireRemapped(t, map[string]remapping{
		"service": {typeServices, elsewhere, `
apiVersion: v1
kind: Service
metadata:
  name: a
  namespace: shop
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"spec":{"ports":[{"port":80,"nodePort":30080}]}}'}
spec:
  type: NodePort
  clusterIP: 10.0.0.7
  clusterIPs: [10.0.0.7]
  healthCheckNodePort: 30999
  externalIPs: [192.0.2.1]
  ports: [{port: 80, nodePort: 30080}, {port: 81, nodePort: 30081}]`, `
apiVersion: v1
kind: Service
metadata:
  name: a
  namespace: shop-copy
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"spec":{"ports":[{"port":80,"nodePort":30080}]}}'}
spec: {type: NodePort, externalIPs: [192.0.2.1], ports: [{port: 80, nodePort: 30080}, {port: 81}]}`},
		"headless service": {typeServices, elsewhere,
			`{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}, spec: {clusterIP: None, clusterIPs: [None]}}`,
			`{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop-copy}, spec: {clusterIP: None, clusterIPs: [None]}}`},
		"load balancer in an environment": {typeServices, apart, `
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop, annotations: {external-dns.alpha.kubernetes.io/hostname: shop.example.com, team: x}}
spec:
  type: LoadBalancer
  clusterIP: 10.0.0.7
  externalIPs: [192.0.2.1]
  externalTrafficPolicy: Local
  allocateLoadBalancerNodePorts: true
  loadBalancerIP: 192.0.2.2
  loadBalancerClass: x
  loadBalancerSourceRanges: [192.0.2.0/24]
  ports: [{port: 80, nodePort: 30080}]`, `
apiVersion: v1
kind: Service
metadata: {name: a, namespace: d1-shop, annotations: {team: x}}
spec: {type: ClusterIP, ports: [{port: 80}]}`},
		"ingress in an environment": {typeIngresses, apart, `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {cert-manager.io/cluster-issuer: acme}}
spec:
  rules: [{host: shop.example.com}, {host: '*.example.com'}, {}]
  tls: [{hosts: [shop.example.com], secretName: s}]`, `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: d1-shop}
spec:
  rules: [{host: shop-example-com.drill.invalid}, {host: '*.example-com.drill.invalid'}, {host: web-d1-shop.drill.invalid}]
  tls: [{hosts: [shop-example-com.drill.invalid], secretName: s}]`},
		"ingress for every host in an environment": {typeIngresses, apart, `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {defaultBackend: {service: {name: a}}}`, `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: d1-shop}
spec: {rules: [{host: web-d1-shop.drill.invalid, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a}}}]}}]}`},
		"ingress elsewhere": {typeIngresses, elsewhere,
			`{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a, namespace: shop}, spec: {rules: [{host: a.example.com}]}}`,
			`{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a, namespace: shop-copy}, spec: {rules: [{host: a.example.com}]}}`},
		"route in an environment": {schema.GroupResource{Group: groupGateway, Resource: "httproutes"}, apart,
			`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: a, namespace: shop}, spec: {hostnames: [a.example.com]}}`,
			`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: a, namespace: d1-shop}, spec: {hostnames: [a-example-com.drill.invalid]}}`},
		"policy elsewhere": {typePolicies, elsewhere, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}]}]
  egress: [{to: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [shop, dns]}]}}]}, {}]`, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop-copy}
spec:
  ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop-copy}}}]}]
  egress: [{to: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [shop-copy, dns]}]}}]}, {}]`},
		"policy in an environment stays in it": {typePolicies, apart, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  policyTypes: [Ingress, Egress]
  ingress:
  - {}
  - {from: [], ports: [{port: 80}]}
  - from: [{ipBlock: {cidr: 0.0.0.0/0}}]
  - from: [{ipBlock: {cidr: 0.0.0.0/0}}, {podSelector: {}}, {namespaceSelector: {}, podSelector: {}}, {namespaceSelector: {matchLabels: {team: x}}}]
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}, {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]
  egress:
  - {}
  - to: [{ipBlock: {cidr: 0.0.0.0/0}}]
  - to: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [pay, dns]}]}}]
  - to: [{ipBlock: {cidr: 0.0.0.0/0}}, {podSelector: {}}, {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pay}}}, {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: dns}}}]`, `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: d1-shop}
spec:
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{namespaceSelector: {matchLabels: {lifeboat-dr.github.io/environment: d1}}}]
  - {from: [{namespaceSelector: {matchLabels: {lifeboat-dr.github.io/environment: d1}}}], ports: [{port: 80}]}
  - from:
    - {podSelector: {}}
    - {namespaceSelector: {matchLabels: {lifeboat-dr.github.io/environment: d1}}, podSelector: {}}
    - {namespaceSelector: {matchLabels: {team: x, lifeboat-dr.github.io/environment: d1}}}
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: d1-shop}}}]
  egress:
  - to: [{namespaceSelector: {matchLabels: {lifeboat-dr.github.io/environment: d1}}}]
  - to: [{namespaceSelector: {matchLabels: {lifeboat-dr.github.io/environment: d1}, matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [d1-pay, dns]}]}}]
  - to: [{podSelector: {}}, {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: d1-pay}}}]`},
	})
}

func TestLongNamesStayApart(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60)
	one, two := apart.host(long+".example.com", ""), apart.host(long+".example.org", "")
	for _, host := range []string{one, two} {
		if label, _, _ := strings.Cut(host, "."); len(label) > maxHostLabel || !strings.HasPrefix(label, long[:30]) {
			t.Errorf("host %s", host)
		}
	}
	if one == two {
		t.Errorf("two hosts became %s", one)
	}
	if name := bindingName(strings.Repeat("b", maxName), "d1"); len(name) > maxName || !strings.HasSuffix(name, "-d1") {
		t.Errorf("a name of %d bytes: %s", len(name), name)
	}
}

func TestAnEnvironmentWithoutADomainTakesNoHosts(t *testing.T) {
	t.Parallel()
	without := apart
	without.IngressDomain = ""
	for name, c := range map[string]struct {
		of   schema.GroupResource
		kind string
		want bool
	}{
		"ingress":  {typeIngresses, "Ingress", true},
		"route":    {schema.GroupResource{Group: groupGateway, Resource: "httproutes"}, "HTTPRoute", true},
		"gateway":  {schema.GroupResource{Group: groupGateway, Resource: "gateways"}, "Gateway", true},
		"no hosts": {schema.GroupResource{Group: groupGateway, Resource: "tcproutes"}, "TCPRoute", false},
		"service":  {typeServices, "Service", false},
	} {
		text := "{apiVersion: v1, kind: " + c.kind + ", metadata: {name: a, namespace: shop}, spec: {}}"
		if _, err := without.remap(fromYAML(t, c.of, text)); fault.Is(err, fault.Invalid) != c.want || err == nil == c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
