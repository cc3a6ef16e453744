//go:build kubernetes

package kubernetes

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestSurface(t *testing.T) {
	t.Parallel()
	shop, pay := kube.Namespace(t), kube.Namespace(t)
	surfacetest.Run(t, surfacetest.Harness{
		Surface: protecting(t, shop, pay),
		Fill: func(t testing.TB) {
			fill(t, shop)
			kube.Apply(t, pay, "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: b}}")
			awaitBound(t, shop, "data")
		},
		Change:    func(t testing.TB) { merge(t, typeConfigMaps, shop, "settings", `{"data":{"size":"4"}}`) },
		NewTarget: func(t testing.TB) surface.Target { return into(t, shop, pay) },
		Occupy: func(t testing.TB, of surface.Target) {
			to := target(t, of, shop)
			create(t, namespacesResource, "", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": to}})
			kube.Apply(t, to, "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {size: other, more: x}}")
		},
		OneShot: true,
		Left:    func(testing.TB) []string { return nil },
	})
}

// awaitBound waits until a claim has its volume.
func awaitBound(t testing.TB, namespace, name string) {
	t.Helper()
	servers.Eventually(t, "claim "+name+" is bound", func() error {
		if phase := textAt(get(t, typeClaims, namespace, name).Object, "status", "phase"); phase != "Bound" {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
}

func TestAnEnvironmentIsApartFromWhatIsLive(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	merge(t, typeServiceAccounts, shop, "default", `{"imagePullSecrets":[{"name":"registry"}]}`)
	fill(t, shop)
	awaitBound(t, shop, "data")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	live := versions(t, shop)
	to, place := apartFrom(t, shop)
	copied := place.Namespaces[shop]
	binding := shop + "-viewer-" + place.ID
	surfacetest.Restore(t, s, to, point)

	if diff := cmp.Diff(live, versions(t, shop)); diff != "" {
		t.Errorf("the live namespace was changed: %s", diff)
	}
	service := get(t, typeServices, copied, "web")
	if kind := textAt(service.Object, "spec", "type"); kind != "ClusterIP" || len(service.GetAnnotations()) > 0 {
		t.Errorf("a service of type %s with annotations %v", kind, service.GetAnnotations())
	}
	for _, rule := range mapsOf(get(t, typeIngresses, copied, "web").Object, "spec", "rules") {
		if rule["host"] != "shop-example-com.drill.invalid" {
			t.Errorf("host %v", rule["host"])
		}
	}
	egress := mapsOf(get(t, typePolicies, copied, "web").Object, "spec", "egress")
	if len(egress) != 1 || len(listAt(egress[0], "to")) != 1 {
		t.Errorf("egress %v", egress)
	}
	volume, old := textAt(get(t, typeClaims, copied, "data").Object, "spec", "volumeName"), textAt(get(t, typeClaims, shop, "data").Object, "spec", "volumeName")
	if volume == "" || volume == old {
		t.Errorf("the claim has volume %q, that of the live one is %q", volume, old)
	}
	if isThere(t, typeClusterBindings, "", binding) {
		t.Error("the copy's accounts have rights on the cluster")
	}
	bound := get(t, typeRoleBindings, copied, binding)
	subjects := mapsOf(bound.Object, "subjects")
	if bound.GetLabels()[cluster.LabelEnvironment] != place.ID || len(subjects) != 1 || subjects[0]["namespace"] != copied {
		t.Errorf("labels %v, subjects %v", bound.GetLabels(), subjects)
	}
	servers.Eventually(t, "the default service account has its secrets to pull images with", func() error {
		if list := listAt(get(t, typeServiceAccounts, copied, "default").Object, "imagePullSecrets"); len(list) != 1 {
			return fmt.Errorf("it has %v", list)
		}
		return nil
	})
	servers.Eventually(t, "the token is signed for its new account", func() error {
		if token := textAt(get(t, typeSecrets, copied, "long-lived").Object, "data", "token"); token == "" {
			return fmt.Errorf("it is empty")
		}
		return nil
	})
}

func TestAnEnvironmentMustBeWhatItSays(t *testing.T) {
	t.Parallel()
	shop, live := kube.Namespace(t), kube.Namespace(t)
	kube.Apply(t, shop, "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	place := cluster.Place{Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, ID: "drill", Namespaces: map[string]string{shop: live}}
	if err := s.Begin(t.Context(), surface.Target{URL: place.URL()}, point); !fault.Is(err, fault.Conflict) {
		t.Errorf("a namespace without the environment's label: %v", err)
	}
	place.Namespaces = map[string]string{"other": live}
	to, _ := apartFrom(t, "other")
	if err := s.Begin(t.Context(), to, point); !fault.Is(err, fault.Invalid) {
		t.Errorf("an environment without a namespace for the point's: %v", err)
	}
	to, made := apartFrom(t, shop)
	own := &unstructured.Unstructured{Object: labelledOf(made.ID)}
	_, err := kube.Client.Resource(versionOf(typeConfigMaps), made.Namespaces[shop]).Create(t.Context(), own, metav1.CreateOptions{FieldManager: "lifeboat-environment"})
	if err != nil {
		t.Fatal(err)
	}
	to.Conflict = surface.ConflictUpdate
	if err := s.Begin(t.Context(), to, point); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "belongs to the environment") {
		t.Errorf("an object of the environment's own in the way: %v", err)
	}
}

func labelledOf(id string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"own": "x"}, "metadata": map[string]any{
		"name": "settings", "labels": map[string]any{cluster.LabelEnvironment: id},
	}}
}

func TestFinishWaitsForClaimsThatAreBoundAtOnce(t *testing.T) {
	t.Parallel()
	for mode, waits := range map[string]bool{"Immediate": true, "WaitForFirstConsumer": false} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			shop := kube.Namespace(t)
			create(t, classesResource, "", map[string]any{
				"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": map[string]any{"name": shop + "-never"},
				"provisioner": "example.com/nobody", "volumeBindingMode": mode,
			})
			kube.Apply(t, shop, `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data},
 spec: {storageClassName: `+shop+`-never, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}`)
			s := protecting(t, shop)
			point := surfacetest.Take(t, s)
			if !waits {
				if err := s.Finish(t.Context(), surface.Target{}, point); err != nil {
					t.Errorf("a claim that waits for a pod: %v", err)
				}
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*pollEvery)
			defer cancel()
			if err := s.Finish(ctx, surface.Target{}, point); !fault.Is(err, fault.Unavailable) {
				t.Errorf("a claim that nobody binds: %v", err)
			}
		})
	}
}
