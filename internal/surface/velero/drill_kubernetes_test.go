//go:build kubernetes

package velero

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func veleroMissing(t *testing.T) {
	s := surfaceOf(t, "missing", &surface.Velero{}, "default")
	_, err := s.Probe(t.Context())
	refused(t, err, fault.Unsupported, "Velero is not on this cluster", "install Velero 1.16 or later")
	_, err = s.Hold(t.Context())
	refused(t, err, fault.Unsupported)
	_, err = s.Keep(t.Context())
	refused(t, err, fault.Unsupported)
}

func veleroSilent(t *testing.T, _ *bench) {
	empty := kube.Namespace(t)
	_, err := surfaceOf(t, "silent", &surface.Velero{Namespace: empty}, "default").Probe(t.Context())
	refused(t, err, fault.Unsupported, "no Deployment velero in namespace "+empty)
	_, err = surfaceOf(t, "silent", &surface.Velero{Namespace: "nowhere"}, "default").Probe(t.Context())
	refused(t, err, fault.Unsupported, "namespace nowhere, which does not exist")
}

// veleroDrill takes a point of two namespaces, and restores it into an environment.
func veleroDrill(t *testing.T, b *bench) {
	shop, pay := application(t, 31001), application(t, 31002)
	s := b.surface(t, "drill", nil, shop, pay)
	probed, err := s.Probe(t.Context())
	if err != nil || probed.Product != "Velero" || probed.Version != servers.VeleroVersion {
		t.Fatalf("%+v, %v", probed, err)
	}
	before := time.Now().Add(-time.Second)
	view, err := s.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if moment := view.(surface.Dated).Moment(); moment.Before(before.Truncate(time.Second)) || moment.After(time.Now()) {
		t.Errorf("the moment is %s", moment)
	}
	// Velero does not copy volumes that are folders of a node, as they are here.
	missing := strings.Join(view.(surface.Partial).Missing(), "\n")
	for _, namespace := range []string{shop, pay} {
		if !strings.Contains(missing, "the volume of claim "+namespace+"/data is not in the backup") {
			t.Errorf("missing: %s", missing)
		}
	}
	point := surfacetest.Dump(t, s, view)
	if err := view.Check(t.Context()); err != nil {
		t.Error(err)
	}
	namespaces, err := s.InPoint(point.Parts())
	if err != nil || !slices.Equal(namespaces, slices.Sorted(slices.Values([]string{shop, pay}))) {
		t.Errorf("in the point: %v, %v", namespaces, err)
	}
	if len(point.Fingerprint()) != 2*8 {
		t.Errorf("the fingerprint has %v", point.Fingerprint())
	}
	for name, text := range point.Data {
		if strings.Contains(string(text), "hunter2") {
			t.Errorf("part %s has the value of a secret", name)
		}
	}
	claims := surface.Target{URL: environmentOf(t, "d-claims", shop, pay).URL, Selection: surface.Selection{Resources: []string{"pvc"}}}
	refused(t, s.Begin(t.Context(), claims, point), fault.Invalid, "empty volumes", "choose pods, too")

	target := environmentOf(t, "d-drill", shop, pay)
	surfacetest.Restore(t, s, target, point)
	insideOnly(t, placeOf(t, target).Namespaces[shop])
	if err := s.Begin(t.Context(), target, point); err != nil {
		t.Errorf("begun again: %v", err)
	}
	if n := len(restoresInto(t, b, "lifeboat-d-drill")); n != 1 {
		t.Errorf("%d Restores were made", n)
	}
	if err := s.Finish(t.Context(), target, point); err != nil {
		t.Errorf("finished again: %v", err)
	}
	if err := kube.Client.Resource(core("configmaps"), placeOf(t, target).Namespaces[pay]).Delete(t.Context(), "settings", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	target.Expected = point.Fingerprint()
	got, err := s.Fingerprint(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if found := point.Fingerprint().Compare(got); len(found) != 1 || found[0].Problem != "missing" || found[0].Name != pay+"/configmaps/settings" {
		t.Errorf("one config map was removed, and the difference is %v", found)
	}
}

// insideOnly looks at what an environment must not let out.
func insideOnly(t *testing.T, namespace string) {
	t.Helper()
	service := look(t, core("services"), namespace, "web")
	if kind, _, _ := unstructured.NestedString(service.Object, "spec", "type"); kind != "ClusterIP" {
		t.Errorf("the service is a %s", kind)
	}
	ports, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
	if len(ports) != 2 || ports[0].(map[string]any)["nodePort"] != nil {
		t.Errorf("its ports are %v", ports)
	}
	if len(service.GetAnnotations()) != 0 {
		t.Errorf("its annotations are %v", service.GetAnnotations())
	}
	ingress := look(t, networking("ingresses"), namespace, "web")
	rules, _, _ := unstructured.NestedSlice(ingress.Object, "spec", "rules")
	if host := rules[0].(map[string]any)["host"]; host != "shop-example-com.drill.invalid" {
		t.Errorf("the ingress has host %v", host)
	}
	policy := look(t, networking("networkpolicies"), namespace, "out")
	if egress, _, _ := unstructured.NestedSlice(policy.Object, "spec", "egress"); len(egress) != 0 {
		t.Errorf("the policy lets %v out", egress)
	}
	claim := look(t, core("persistentvolumeclaims"), namespace, "data")
	volume, _, _ := unstructured.NestedString(claim.Object, "spec", "volumeName")
	if volume != "" {
		found := look(t, core("persistentvolumes"), "", volume)
		if by, _, _ := unstructured.NestedString(found.Object, "spec", "claimRef", "namespace"); by != namespace {
			t.Errorf("the claim has the volume of namespace %s", by)
		}
	}
}

func restoresInto(t testing.TB, b *bench, target string) []unstructured.Unstructured {
	t.Helper()
	found, err := kube.Client.Resource(restores.gvr(), b.Namespace).List(t.Context(), metav1.ListOptions{LabelSelector: labelTarget + "=" + target})
	if err != nil {
		t.Fatal(err)
	}
	return found.Items
}
