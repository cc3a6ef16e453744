package velero

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func parse(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestServicesAndIngressesStayInside(t *testing.T) {
	t.Parallel()
	d := destination{Place: cluster.Place{ID: "d-1", IngressDomain: "drill.invalid"}}
	for name, c := range map[string]struct{ of, want string }{
		"a load balancer": {
			`{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop",
			"annotations": {"external-dns.alpha.kubernetes.io/hostname": "shop.example.com", "note": "kept"}},
			"spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "loadBalancerIP": "1.2.3.4",
			"ports": [{"name": "a", "port": 80, "nodePort": 30080}, {"name": "b", "port": 81}]}}`,
			`{"metadata": {"annotations": {"external-dns.alpha.kubernetes.io/hostname": null}},
			"spec": {"type": "ClusterIP", "externalTrafficPolicy": null, "loadBalancerIP": null,
			"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}}`,
		},
		"a service inside": {`{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"type": "ClusterIP", "ports": [{"port": 1}]}}`, `null`},
		"external addresses": {
			`{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"externalIPs": ["1.2.3.4"]}}`,
			`{"spec": {"externalIPs": null}}`,
		},
		"hosts": {
			`{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "namespace": "shop"}, "spec": {
			"tls": [{"hosts": ["shop.example.com", "*.example.com"], "secretName": "s"}, {"secretName": "t"}],
			"rules": [{"host": "shop.example.com", "http": {"paths": []}}, {"http": {"paths": []}}]}}`,
			`{"spec": {"tls": [{"hosts": ["shop-example-com.drill.invalid", "*.example-com.drill.invalid"], "secretName": "s"}, {"secretName": "t"}],
			"rules": [{"host": "shop-example-com.drill.invalid", "http": {"paths": []}}, {"host": "web-shop.drill.invalid", "http": {"paths": []}}]}}`,
		},
		"whatever nobody else takes": {
			`{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"defaultBackend": {"service": {"name": "x"}}}}`,
			`{"spec": {"defaultBackend": null, "rules": [{"host": "web-shop.drill.invalid",
			"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "x"}}}]}}]}}`,
		},
	} {
		requireJSON(t, name, d.reworked(parse(t, c.of)), c.want)
	}
	ingress := parse(t, `{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}, "spec": {"rules": [{"host": "a.b"}]}}`)
	if got := (destination{}).reworked(ingress); got != nil {
		t.Errorf("without a domain: %v", got)
	}
	if host := d.host(strings.Repeat("a.", 40)+"com", ""); len(strings.Split(host, ".")[0]) > maxHostLabel || !strings.HasSuffix(host, ".drill.invalid") {
		t.Error(host)
	}
}

func TestClaimsAndPoliciesOfAnEnvironment(t *testing.T) {
	t.Parallel()
	d := destination{Place: cluster.Place{ID: "d-1", StorageClasses: map[string]string{"fast": "standard"}}}
	rules, err := d.rules(true)
	if err != nil {
		t.Fatal(err)
	}
	requireJSON(t, "rules", modifiers{modifiersVersion, rules}, `{"version": "v1", "resourceModifierRules": [
		{"conditions": {"groupResource": "networkpolicies.networking.k8s.io"}, "mergePatches": [{"patchData": "{\"spec\":{\"egress\":null}}"}]},
		{"conditions": {"groupResource": "persistentvolumeclaims"}, "mergePatches": [{"patchData": "{\"spec\":{\"volumeName\":null}}"}]},
		{"conditions": {"groupResource": "persistentvolumeclaims", "matches": [{"path": "/spec/storageClassName", "value": "\"fast\""}]},
		 "mergePatches": [{"patchData": "{\"spec\":{\"storageClassName\":\"standard\"}}"}]}]}`)
	if rules, err = d.rules(false); err != nil || len(rules) != 2 {
		t.Errorf("with snapshots of volumes: %v, %v", rules, err)
	}
}

// tarred makes a Backup's tar file as Velero does.
func tarred(t testing.TB, files ...[2]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, file := range files {
		if err := w.WriteHeader(&tar.Header{Name: file[0], Mode: 0o755, Size: int64(len(file[1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(file[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const aService = `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}}`

func TestOnlyServicesAndIngressesAreRead(t *testing.T) {
	t.Parallel()
	archive := tarred(
		t,
		[2]string{"metadata/version", "1"},
		[2]string{"resources/secrets/namespaces/shop/keys.json", "not even JSON"},
		[2]string{"resources/services/namespaces/shop/web.json", aService},
		[2]string{"resources/services/v1-preferredversion/namespaces/shop/web.json", aService},
		[2]string{"resources/ingresses.networking.k8s.io/namespaces/shop/web.json", `{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}}`},
	)
	var kinds []string
	err := readContents(bytes.NewReader(archive), func(o *unstructured.Unstructured) error {
		kinds = append(kinds, o.GetKind())
		return nil
	})
	if err != nil || strings.Join(kinds, " ") != "Service Ingress" {
		t.Errorf("%v %v", kinds, err)
	}
	for name, bad := range map[string][]byte{
		"no tar file":         []byte(strings.Repeat("x", 2000)),
		"an end in the midst": archive[:2*512+100],
		"no JSON":             tarred(t, [2]string{"resources/services/namespaces/shop/web.json", "{"}),
	} {
		if err := readContents(bytes.NewReader(bad), func(*unstructured.Unstructured) error { return nil }); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReadContents: whatever a store answers, resources are read or refused.
func FuzzReadContents(f *testing.F) {
	f.Add(tarred(f, [2]string{"resources/services/namespaces/shop/web.json", aService}))
	f.Add([]byte("no tar file"))
	d := destination{Place: cluster.Place{ID: "d-1", IngressDomain: "drill.invalid"}}
	f.Fuzz(func(t *testing.T, text []byte) {
		_ = readContents(bytes.NewReader(text), func(o *unstructured.Unstructured) error {
			_, err := jsonText(d.reworked(o))
			return err
		})
	})
}
