package kubernetes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

// openPolicies says where Lifeboat's policy is not as it was made, and which
// other policies let more in or out: policies add up.
func (e *Environment) openPolicies(ctx context.Context, p inspected) ([]string, error) {
	wanted := policySpec(p.place, e.config.AllowEgress)
	guarded := map[string]bool{}
	out, err := e.each(ctx, p, networkPolicies, func(o unstructured.Unstructured) ([]string, error) {
		var policy networkingv1.NetworkPolicy
		if err := convert(o, &policy); err != nil {
			return nil, err
		}
		if policy.Name == policyName {
			guarded[policy.Namespace] = equality.Semantic.DeepEqual(policy.Spec, wanted)
			return nil, nil
		}
		if opens := e.opens(p, policy.Spec); opens != "" {
			return []string{fmt.Sprintf("%s/%s %s", policy.Namespace, policy.Name, opens)}, nil
		}
		return nil, nil
	})
	for name := range p.copies {
		if !guarded[name] {
			out = append(out, name+" does not deny by default")
		}
	}
	return out, err
}

// opens says what a policy lets in or out beyond the environment; empty for nothing.
func (e *Environment) opens(p inspected, spec networkingv1.NetworkPolicySpec) string {
	rulesOf := func(t networkingv1.PolicyType) bool {
		return slices.Contains(spec.PolicyTypes, t) || len(spec.PolicyTypes) == 0
	}
	var opens []string
	if rulesOf(networkingv1.PolicyTypeIngress) {
		for _, rule := range spec.Ingress {
			if len(rule.From) == 0 || slices.ContainsFunc(rule.From, func(peer networkingv1.NetworkPolicyPeer) bool { return !within(p, peer) }) {
				opens = append(opens, "lets traffic in from outside")
			}
		}
	}
	if rulesOf(networkingv1.PolicyTypeEgress) {
		for _, rule := range spec.Egress {
			if len(rule.To) == 0 || slices.ContainsFunc(rule.To, func(peer networkingv1.NetworkPolicyPeer) bool {
				return !within(p, peer) && !e.allowed(peer) && !toDNS(peer, rule.Ports)
			}) {
				opens = append(opens, "lets traffic out")
			}
		}
	}
	return strings.Join(slices.Compact(opens), " and ")
}

// within reports whether a peer is certainly of the environment.
func within(p inspected, peer networkingv1.NetworkPolicyPeer) bool {
	switch {
	case peer.IPBlock != nil:
		return false
	case peer.NamespaceSelector == nil:
		return true
	}
	labels := peer.NamespaceSelector.MatchLabels
	_, copied := p.copies[labels[corev1.LabelMetadataName]]
	return copied || labels[cluster.LabelEnvironment] == p.place
}

// allowed reports whether a peer is in a network that the configuration names.
func (e *Environment) allowed(peer networkingv1.NetworkPolicyPeer) bool {
	if peer.IPBlock == nil {
		return false
	}
	network, err := netip.ParsePrefix(peer.IPBlock.CIDR)
	return err == nil && slices.ContainsFunc(e.config.AllowEgress, func(text string) bool {
		outer, err := netip.ParsePrefix(text)
		return err == nil && outer.Bits() <= network.Bits() && outer.Contains(network.Addr())
	})
}

// toDNS reports whether a rule lets something ask the cluster's DNS, and nothing else.
func toDNS(peer networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) bool {
	return peer.NamespaceSelector != nil && peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName] == dnsNamespace && len(ports) > 0 &&
		!slices.ContainsFunc(ports, func(port networkingv1.NetworkPolicyPort) bool {
			return port.Port == nil || port.Port.IntValue() != dnsPort || port.EndPort != nil
		})
}

// publishedServices are those that are reached from outside the cluster.
func (e *Environment) publishedServices(ctx context.Context, p inspected) ([]string, error) {
	return e.each(ctx, p, services, func(o unstructured.Unstructured) ([]string, error) {
		var s corev1.Service
		if err := convert(o, &s); err != nil {
			return nil, err
		}
		published := s.Spec.Type == corev1.ServiceTypeLoadBalancer || s.Spec.Type == corev1.ServiceTypeNodePort || len(s.Spec.ExternalIPs) > 0
		if !published {
			return nil, nil
		}
		return []string{fmt.Sprintf("%s/%s (%s)", s.Namespace, s.Name, s.Spec.Type)}, nil
	})
}

// openIngresses are those that answer for a host that is not the environment's.
func (e *Environment) openIngresses(ctx context.Context, p inspected) ([]string, error) {
	return e.each(ctx, p, ingresses, func(o unstructured.Unstructured) ([]string, error) {
		var i networkingv1.Ingress
		if err := convert(o, &i); err != nil {
			return nil, err
		}
		return hostsOutside(i, e.config.IngressDomain), nil
	})
}

func hostsOutside(i networkingv1.Ingress, domain string) []string {
	var out []string
	say := func(host string) {
		if host != domain && !strings.HasSuffix(host, "."+domain) {
			out = append(out, fmt.Sprintf("%s/%s answers for %s", i.Namespace, i.Name, host))
		}
	}
	if i.Spec.DefaultBackend != nil {
		say("every host")
	}
	for _, rule := range i.Spec.Rules {
		if rule.Host == "" {
			say("every host")
		} else {
			say(rule.Host)
		}
	}
	for _, tls := range i.Spec.TLS {
		for _, host := range tls.Hosts {
			say(host)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
