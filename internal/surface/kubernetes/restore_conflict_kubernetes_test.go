//go:build kubernetes

package kubernetes

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

func TestConflicts(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	kube.Apply(t, shop, `
{apiVersion: v1, kind: ConfigMap, metadata: {name: changed, labels: {app: web}}, data: {a: point, b: point}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: same}, data: {a: point}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: new}, data: {a: point}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: host}
spec: {rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
`)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	occupied := func(t *testing.T) (surface.Target, string) {
		to := into(t, shop)
		name := target(t, to, shop)
		create(t, namespacesResource, "", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
		kube.Apply(t, name, `
{apiVersion: v1, kind: ConfigMap, metadata: {name: changed, labels: {app: web, mine: x}}, data: {a: mine, c: mine}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: same}, data: {a: point}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: host}
spec: {rules: [{host: other.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
`)
		return to, name
	}
	load := func(t *testing.T, to surface.Target) error {
		if err := s.Begin(t.Context(), to, point); err != nil {
			return err
		}
		if err := surfacetest.Load(t.Context(), s, to, point); err != nil {
			return err
		}
		return s.Finish(t.Context(), to, point)
	}
	data := func(t *testing.T, namespace string) any {
		return get(t, typeConfigMaps, namespace, "changed").Object["data"]
	}

	t.Run("fail", func(t *testing.T) {
		to, name := occupied(t)
		before := versions(t, name)
		err := load(t, to)
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "ConfigMap "+name+"/changed: it is there already") ||
			!strings.Contains(err.Error(), "Ingress "+name+"/host") || strings.Contains(err.Error(), "same") || strings.Contains(err.Error(), "mine") {
			t.Errorf("something in the way: %v", err)
		}
		if diff := cmp.Diff(before, versions(t, name)); diff != "" {
			t.Errorf("a refused restore changed something: %s", diff)
		}
	})
	t.Run("skip", func(t *testing.T) {
		to, name := occupied(t)
		to.Conflict = surface.ConflictSkip
		if err := load(t, to); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"a": "mine", "c": "mine"}, data(t, name)); diff != "" || !isThere(t, typeConfigMaps, name, "new") {
			t.Errorf("what was there is not as it was, or the rest is missing: %s", diff)
		}
		surfacetest.RequireSame(t, s, to, point)
	})
	t.Run("update", func(t *testing.T) {
		to, name := occupied(t)
		to.Conflict = surface.ConflictUpdate
		if err := load(t, to); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"a": "point", "b": "point"}, data(t, name)); diff != "" {
			t.Errorf("what was there is not as in the point: %s", diff)
		}
		if labels := get(t, typeConfigMaps, name, "changed").GetLabels(); len(labels) != 1 {
			t.Errorf("labels %v", labels)
		}
		for _, rule := range mapsOf(get(t, typeIngresses, name, "host").Object, "spec", "rules") {
			if rule["host"] != "shop.example.com" {
				t.Errorf("host %v", rule["host"])
			}
		}
		kube.Apply(t, name, "{apiVersion: v1, kind: ConfigMap, metadata: {name: made-later}}")
		surfacetest.RequireSame(t, s, to, point)
	})
	t.Run("unknown", func(t *testing.T) {
		to := into(t, shop)
		to.Conflict = "merge"
		if err := load(t, to); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}

func TestWhatCantBeChangedIsNamed(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	kube.Apply(t, shop, "{apiVersion: v1, kind: ConfigMap, metadata: {name: fixed}, immutable: true, data: {a: hunter2}}")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	to := into(t, shop)
	name := target(t, to, shop)
	create(t, namespacesResource, "", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	kube.Apply(t, name, "{apiVersion: v1, kind: ConfigMap, metadata: {name: fixed}, immutable: true, data: {a: other}}")
	to.Conflict = surface.ConflictUpdate
	changes, err := s.Diff(t.Context(), to, point, 10)
	if err != nil || len(changes) != 1 || changes[0].Action != actionConflict || cmp.Diff([]string{"data"}, changes[0].Fields) != "" {
		t.Errorf("%+v %v", changes, err)
	}
	if err := s.Begin(t.Context(), to, point); err != nil {
		t.Fatal(err)
	}
	err = surfacetest.Load(t.Context(), s, to, point)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "ConfigMap "+name+"/fixed: the API server refuses its data (it can't be changed") ||
		strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a field that can't be changed: %v", err)
	}
}

func TestWhatIsBeingDeletedIsInTheWay(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	kube.Apply(t, shop, "{apiVersion: v1, kind: ConfigMap, metadata: {name: held, finalizers: [example.com/hold]}, data: {a: b}}")
	release := func() { merge(t, typeConfigMaps, shop, "held", `{"metadata":{"finalizers":null}}`) }
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	if err := kube.Client.Resource(versionOf(typeConfigMaps), shop).Delete(t.Context(), "held", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	err := s.Begin(t.Context(), surface.Target{Replace: true}, point)
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "ConfigMap "+shop+"/held: it is being deleted") {
		t.Errorf("an object that waits for its finalizer: %v", err)
	}
	release()
	surfacetest.Restore(t, s, surface.Target{Replace: true}, point)
	release()
}
