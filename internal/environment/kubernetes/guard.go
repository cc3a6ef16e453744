package kubernetes

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The annotations of a namespace that was made.
const (
	annotationID        = cluster.AnnotationEnvironment
	annotationPrefix    = "lifeboat-dr.github.io/prefix"
	annotationSurface   = "lifeboat-dr.github.io/surface"
	annotationPoint     = "lifeboat-dr.github.io/point"
	annotationNamespace = "lifeboat-dr.github.io/namespace"
)

// The names of what guards a namespace. A point may have objects of its own of
// any other name.
const (
	policyName = "lifeboat-isolation"
	limitsName = "lifeboat-limits"
)

// levelLabel says which pods Kubernetes lets into a namespace. Level baseline
// keeps out those that would be outside whatever a network policy says: pods in
// the network of their node, or with its folders or devices.
const (
	levelLabel    = "pod-security.kubernetes.io/enforce"
	levelBaseline = "baseline"
)

// dnsNamespace is where the cluster's DNS is looked for.
const dnsNamespace = "kube-system"

const dnsPort = 53

// guarded is the copy of one namespace that is to be made.
type guarded struct {
	config    environment.Cluster
	place     string
	id        string
	name, old string
	of        environment.Origin
}

// manifest is an object that is applied.
type manifest struct {
	resource schema.GroupVersionResource
	content  map[string]any
}

func (g guarded) namespace() manifest {
	labels := map[string]any{
		cluster.LabelEnvironment: g.place,
		levelLabel:               levelBaseline,
		"pod-security.kubernetes.io/enforce-version": "latest",
	}
	for name, value := range g.config.Labels {
		labels[name] = value
	}
	return manifest{namespaces, map[string]any{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{
			"name": g.name, "labels": labels,
			"annotations": map[string]any{
				annotationID: g.id, annotationPrefix: g.config.Prefix, annotationNamespace: g.old,
				annotationSurface: g.of.Surface, annotationPoint: g.of.Point,
			},
		},
	}}
}

// within are the objects that keep the namespace apart and bounded.
func (g guarded) within() ([]manifest, error) {
	hard := map[string]any{}
	for name, value := range g.config.Allowed() {
		hard[name] = value
	}
	policy := policySpec(g.place, g.config.AllowEgress)
	spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&policy)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "write a network policy")
	}
	out := []manifest{
		g.object(networkPolicies, "NetworkPolicy", policyName, map[string]any{"spec": spec}),
		g.object(quotas, "ResourceQuota", limitsName, map[string]any{"spec": map[string]any{"hard": hard}}),
		// Nothing in the copies gets a token that it does not ask for.
		g.object(serviceAccounts, "ServiceAccount", "default", map[string]any{"automountServiceAccountToken": false}),
	}
	if limits := g.limits(); limits != nil {
		out = append(out, g.object(limitRanges, "LimitRange", limitsName, map[string]any{"spec": map[string]any{"limits": []any{limits}}}))
	}
	return out, nil
}

// limits are what a container asks for that says nothing itself, where the
// quota would refuse it otherwise. A LimitRange of the point's own may ask for
// more than that, and pods would get either: there are none without need.
func (g guarded) limits() map[string]any {
	asks, most := map[string]any{}, map[string]any{}
	for name, few := range map[string][2]string{"cpu": {"10m", "1"}, "memory": {"32Mi", "1Gi"}} {
		_, plain := g.config.Quota[name]
		_, requests := g.config.Quota["requests."+name]
		_, limits := g.config.Quota["limits."+name]
		if plain || requests || limits {
			asks[name] = few[0]
		}
		if limits {
			most[name] = few[1]
		}
	}
	if len(asks) == 0 {
		return nil
	}
	out := map[string]any{"type": "Container", "defaultRequest": asks}
	if len(most) > 0 {
		out["default"] = most
	}
	return out
}

func (g guarded) object(resource schema.GroupVersionResource, kind, name string, content map[string]any) manifest {
	content["apiVersion"], content["kind"] = resource.GroupVersion().String(), kind
	content["metadata"] = map[string]any{
		"name": name, "namespace": g.name, "labels": map[string]any{cluster.LabelEnvironment: g.place},
		"annotations": map[string]any{annotationID: g.id},
	}
	return manifest{resource, content}
}

// policySpec lets nothing in but from the environment's own namespaces, and
// nothing out but to those, to the cluster's DNS and to the networks that are allowed.
func policySpec(place string, allowed []string) networkingv1.NetworkPolicySpec {
	selects := func(label, value string) []networkingv1.NetworkPolicyPeer {
		return []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{label: value}}}}
	}
	port := func(protocol corev1.Protocol) networkingv1.NetworkPolicyPort {
		number := intstr.FromInt32(dnsPort)
		return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &number}
	}
	own := selects(cluster.LabelEnvironment, place)
	spec := networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		Ingress:     []networkingv1.NetworkPolicyIngressRule{{From: own}},
		Egress: []networkingv1.NetworkPolicyEgressRule{
			{To: own},
			{
				To:    selects(corev1.LabelMetadataName, dnsNamespace),
				Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolUDP), port(corev1.ProtocolTCP)},
			},
		},
	}
	for _, network := range allowed {
		spec.Egress = append(spec.Egress, networkingv1.NetworkPolicyEgressRule{
			To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: network}}},
		})
	}
	return spec
}

// untilCounted waits until the quotas of namespaces are counted: Kubernetes does
// not hold anybody to one before.
func (e *Environment) untilCounted(ctx context.Context, of []string) error {
	waitsFor, err := until(ctx, func() ([]string, error) {
		var left []string
		for _, name := range of {
			found, err := e.client.Resource(quotas, name).Get(ctx, limitsName, metav1.GetOptions{})
			if err != nil {
				return nil, cluster.Failure(err, "read the quota of %s", name)
			}
			var quota corev1.ResourceQuota
			if err := convert(*found, &quota); err != nil {
				return nil, err
			}
			if len(quota.Status.Used) == 0 || !equality.Semantic.DeepEqual(quota.Status.Hard, quota.Spec.Hard) {
				left = append(left, "quota of "+name)
			}
		}
		return left, nil
	})
	if err != nil || len(waitsFor) == 0 {
		return err
	}
	return fault.New(fault.Unavailable, "the cluster's controllers have not counted the %s: see that they run", strings.Join(waitsFor, ", "))
}
