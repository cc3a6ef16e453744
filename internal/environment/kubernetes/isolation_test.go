package kubernetes

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
)

var looked = inspected{place: "d-1", copies: map[string]string{"lifeboat-d-1-shop": "shop"}}

func peer(labels map[string]string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: labels}}
}

func TestWhichNetworkPoliciesOpenAnEnvironment(t *testing.T) {
	t.Parallel()
	const in, out = "lets traffic in from outside", "lets traffic out"
	var (
		pods   = networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}}
		ours   = peer(map[string]string{cluster.LabelEnvironment: "d-1"})
		byName = peer(map[string]string{corev1.LabelMetadataName: "lifeboat-d-1-shop"})
		live   = peer(map[string]string{corev1.LabelMetadataName: "shop"})
		other  = peer(map[string]string{cluster.LabelEnvironment: "d-2"})
		all    = peer(nil)
		dns    = peer(map[string]string{corev1.LabelMetadataName: dnsNamespace})
		block  = func(cidr string) networkingv1.NetworkPolicyPeer {
			return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr}}
		}
		port = func(n int32) []networkingv1.NetworkPolicyPort {
			number := intstr.FromInt32(n)
			return []networkingv1.NetworkPolicyPort{{Port: &number}}
		}
		from = func(peers ...networkingv1.NetworkPolicyPeer) networkingv1.NetworkPolicySpec {
			return networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{From: peers}}}
		}
		to = func(ports []networkingv1.NetworkPolicyPort, peers ...networkingv1.NetworkPolicyPeer) networkingv1.NetworkPolicySpec {
			return networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{To: peers, Ports: ports}}}
		}
	)
	ingressOnly := to(nil, all)
	ingressOnly.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	both := from()
	both.Egress = to(nil).Egress
	e := &Environment{config: environment.Cluster{AllowEgress: []string{"10.1.0.0/16"}}}
	for name, c := range map[string]struct {
		spec networkingv1.NetworkPolicySpec
		want string
	}{
		"denies all":                   {networkingv1.NetworkPolicySpec{}, ""},
		"in from its own":              {from(pods, ours, byName), ""},
		"in from the live one":         {from(pods, live), in},
		"in from another environment":  {from(other), in},
		"in from every namespace":      {from(all), in},
		"in from a network":            {from(block("10.1.2.0/24")), in},
		"in from everywhere":           {from(), in},
		"out to its own":               {to(nil, pods, ours, byName), ""},
		"out to an allowed network":    {to(nil, block("10.1.2.0/24")), ""},
		"out to a wider network":       {to(nil, block("10.0.0.0/8")), out},
		"out to the live one":          {to(nil, live), out},
		"out to everywhere":            {to(nil), out},
		"out to DNS":                   {to(port(53), dns), ""},
		"out to more than DNS":         {to(nil, dns), out},
		"out to another port of DNS's": {to(port(443), dns), out},
		"rules that don't apply":       {ingressOnly, ""},
		"in and out":                   {both, in + " and " + out},
		"Lifeboat's own":               {policySpec("d-1", []string{"10.1.0.0/16"}), ""},
	} {
		if got := e.opens(looked, c.spec); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestHostsOutsideOfADomain(t *testing.T) {
	t.Parallel()
	rules := func(hosts ...string) (out []networkingv1.IngressRule) {
		for _, h := range hosts {
			out = append(out, networkingv1.IngressRule{Host: h})
		}
		return out
	}
	for name, c := range map[string]struct {
		spec networkingv1.IngressSpec
		want []string
	}{
		"its own":        {networkingv1.IngressSpec{Rules: rules("a.drill.invalid", "*.drill.invalid", "drill.invalid")}, nil},
		"a live one":     {networkingv1.IngressSpec{Rules: rules("shop.example.com", "notdrill.invalid")}, []string{"ns/i answers for notdrill.invalid", "ns/i answers for shop.example.com"}},
		"no host":        {networkingv1.IngressSpec{Rules: rules("")}, []string{"ns/i answers for every host"}},
		"a default":      {networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{}}, []string{"ns/i answers for every host"}},
		"a certificate":  {networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{Hosts: []string{"shop.example.com"}}}}, []string{"ns/i answers for shop.example.com"}},
		"nothing at all": {},
	} {
		i := networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "i"}, Spec: c.spec}
		if diff := cmp.Diff(c.want, hostsOutside(i, "drill.invalid")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestSubjectsOfAnEnvironment(t *testing.T) {
	t.Parallel()
	for s, want := range map[rbacv1.Subject]bool{
		{Kind: "ServiceAccount", Namespace: "lifeboat-d-1-shop", Name: "api"}:         true,
		{Kind: "ServiceAccount", Namespace: "shop", Name: "api"}:                      false,
		{Kind: "User", Name: "system:serviceaccount:lifeboat-d-1-shop:api"}:           true,
		{Kind: "User", Name: "system:serviceaccount:shop:api"}:                        false,
		{Kind: "User", Name: "lifeboat-d-1-shop"}:                                     false,
		{Kind: "Group", Name: "system:serviceaccounts:lifeboat-d-1-shop"}:             true,
		{Kind: "Group", Name: "system:serviceaccounts"}:                               false,
		{Kind: "Group", Name: "system:authenticated", Namespace: "lifeboat-d-1-shop"}: false,
	} {
		if got := isSubject(looked, s); got != want {
			t.Errorf("%+v: %v", s, got)
		}
	}
}

func TestVolumesWithTheSameStorage(t *testing.T) {
	t.Parallel()
	volume := func(source corev1.PersistentVolumeSource) corev1.PersistentVolume {
		return corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: source}}
	}
	csi := func(driver, handle, fs string) corev1.PersistentVolume {
		return volume(corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: handle, FSType: fs}})
	}
	nfs := func(path string) corev1.PersistentVolume {
		return volume(corev1.PersistentVolumeSource{NFS: &corev1.NFSVolumeSource{Server: "s", Path: path}})
	}
	for name, c := range map[string]struct {
		a, b corev1.PersistentVolume
		same bool
	}{
		"one CSI volume, described in two ways": {csi("d", "v", "ext4"), csi("d", "v", "xfs"), true},
		"two CSI volumes":                       {csi("d", "v", ""), csi("d", "w", ""), false},
		"one export":                            {nfs("/a"), nfs("/a"), true},
		"two exports":                           {nfs("/a"), nfs("/b"), false},
	} {
		a, err := storageOf(c.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := storageOf(c.b)
		if err != nil || (a == b) != c.same {
			t.Errorf("%s: %q %q %v", name, a, b, err)
		}
	}
}
