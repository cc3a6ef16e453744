//go:build kubernetes

package kubernetes

import (
	"bytes"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func TestObjectsThatAreRefusedAreNamed(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	s := protecting(t, shop)
	to := surface.Target{URL: cluster.Place{Config: cluster.Config{Kubeconfig: kube.Kubeconfig}}.URL()}
	part := surface.Part{Name: resourcesPart, Role: surface.RoleData}
	load := func(objects map[schema.GroupResource]string) error {
		for of, text := range objects {
			objects[of] = strings.ReplaceAll(text, "SHOP", shop)
		}
		return s.Load(t.Context(), to, part, bytes.NewReader(tarball(t, objects)))
	}
	err := load(map[schema.GroupResource]string{
		typeServices:   "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: SHOP}, spec: {sessionAffinity: hunter2, ports: [{port: 80}]}}",
		typeConfigMaps: "{apiVersion: v1, kind: ConfigMap, metadata: {name: good, namespace: SHOP}, data: {a: b}}",
	})
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "Service "+shop+"/web: the API server refuses its spec.sessionAffinity") ||
		strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an invalid service: %v", err)
	}
	if !isThere(t, typeConfigMaps, shop, "good") {
		t.Error("one that was refused kept another from being restored")
	}
	shops := schema.GroupResource{Group: "nobody.example.com", Resource: "shops"}
	err = load(map[schema.GroupResource]string{shops: "{apiVersion: nobody.example.com/v1, kind: Shop, metadata: {name: a, namespace: SHOP}}"})
	if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), shops.String()) {
		t.Errorf("a type that is not served: %v", err)
	}
	// An autoscaler of a version that is gone fits the newer one, an ingress does not.
	err = load(map[schema.GroupResource]string{
		{Group: "autoscaling", Resource: "horizontalpodautoscalers"}: `
{apiVersion: autoscaling/v2beta2, kind: HorizontalPodAutoscaler, metadata: {name: web, namespace: SHOP}, spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}`,
		typeIngresses: `
{apiVersion: networking.k8s.io/v1beta1, kind: Ingress, metadata: {name: web, namespace: SHOP}, spec: {backend: {serviceName: hunter2, servicePort: 80}}}`,
	})
	if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "Ingress "+shop+"/web") || strings.Contains(err.Error(), "hunter2") ||
		!strings.Contains(err.Error(), "1 object") {
		t.Errorf("types of older versions: %v", err)
	}
	// Server-side apply can't take the same name twice, which a plain request can.
	const twice = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: twice, namespace: SHOP}
spec:
  selector: {matchLabels: {app: a}}
  template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: a, env: [{name: A, value: one}, {name: A, value: two}]}]}}`
	for range 2 {
		if err := load(map[schema.GroupResource]string{typeDeployments: twice}); err != nil {
			t.Fatal(err)
		}
	}
	env := listAt(mapsOf(get(t, typeDeployments, shop, "twice").Object, "spec", "template", "spec", "containers")[0], "env")
	if len(env) != 2 {
		t.Errorf("variables %v", env)
	}
}
