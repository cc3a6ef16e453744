//go:build bench && kubernetes

package bench

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	resources "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// kubernetesObjects is how many objects the namespace has, of all types together.
const kubernetesObjects = 10_000

// filling is how many of one type there are, and what is in them beside
// metadata. Each object is of about 2 KiB of JSON, without what the API server adds.
type filling struct {
	of    resources.GroupVersionResource
	kind  string
	count int
	body  func(n int, text string) map[string]any
}

var fillings = []filling{
	{resources.GroupVersionResource{Version: "v1", Resource: "secrets"}, "Secret", 2500, func(_ int, text string) map[string]any {
		return map[string]any{"data": map[string]any{"value": base64.StdEncoding.EncodeToString([]byte(text[:1350]))}}
	}},
	{resources.GroupVersionResource{Version: "v1", Resource: "configmaps"}, "ConfigMap", 3500, func(_ int, text string) map[string]any {
		return map[string]any{"data": map[string]any{"settings": text[:900], "more": text[900:1800]}}
	}},
	{resources.GroupVersionResource{Version: "v1", Resource: "services"}, "Service", 1000, func(_ int, text string) map[string]any {
		// No selector, for which a controller would make an object more.
		return map[string]any{
			"metadata": map[string]any{"annotations": map[string]any{"example.com/notes": text[:1500]}},
			"spec":     map[string]any{"ports": []any{map[string]any{"name": "http", "port": int64(80), "protocol": "TCP"}}},
		}
	}},
	{resources.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, "Deployment", 1000, func(n int, text string) map[string]any {
		labels := map[string]any{"app": fmt.Sprintf("app-%d", n)}
		return map[string]any{"spec": map[string]any{
			// A paused one has no replica set.
			"replicas": int64(0), "paused": true, "selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": labels},
				"spec": map[string]any{"containers": []any{map[string]any{
					"name": "web", "image": "registry.example.com/web:1",
					"env": []any{map[string]any{"name": "SETTINGS", "value": text[:1200]}},
				}}},
			},
		}}
	}},
	{resources.GroupVersionResource{Group: "bench.example.com", Version: "v1", Resource: "widgets"}, "Widget", 2000, func(n int, text string) map[string]any {
		return map[string]any{"spec": map[string]any{"size": int64(n), "parts": []any{text[:600], text[600:1200], text[1200:1800]}}}
	}},
}

const widgetDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.bench.example.com}
spec:
  group: bench.example.com
  names: {kind: Widget, listKind: WidgetList, plural: widgets, singular: widget}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                size: {type: integer}
                parts: {type: array, items: {type: string}}
`

// manifest is the nth object of a type. It is the same in every run.
func (f filling) manifest(namespace string, n int) *unstructured.Unstructured {
	random := rand.New(rand.NewPCG(uint64(n), uint64(f.count)))
	var text strings.Builder
	for text.Len() < 2000 {
		fmt.Fprintf(&text, "%s.%d=%08x\n", []string{"limit", "address", "timeout", "name", "level"}[random.IntN(5)], random.IntN(100), random.Uint32())
	}
	out := &unstructured.Unstructured{Object: f.body(n, text.String())}
	out.SetAPIVersion(f.of.GroupVersion().String())
	out.SetKind(f.kind)
	out.SetName(fmt.Sprintf("%s-%d", f.of.Resource, n))
	out.SetNamespace(namespace)
	out.SetLabels(map[string]string{"app.kubernetes.io/part-of": "bench", "tier": fmt.Sprint(n % 7)})
	return out
}

// applyAll makes every object of a namespace by server-side apply, type by
// type, so many at once, as plainly as can be.
func applyAll(ctx context.Context, client dynamic.Interface, namespace string, atOnce int) error {
	for _, f := range fillings {
		var group errgroup.Group
		group.SetLimit(atOnce)
		for n := range f.count {
			group.Go(func() error {
				body := f.manifest(namespace, n)
				text, err := body.MarshalJSON()
				if err != nil {
					return err
				}
				_, err = client.Resource(f.of).Namespace(namespace).Patch(ctx, body.GetName(), types.ApplyYAMLPatchType, text,
					metav1.PatchOptions{FieldManager: "bench"})
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// fill makes the namespace that the benchmarks are about.
func fill(b *testing.B, kube *servers.KubernetesServer, client dynamic.Interface) string {
	b.Helper()
	kube.Apply(b, "", widgetDefinition)
	namespace := kube.Namespace(b)
	widgets := fillings[len(fillings)-1].of
	servers.Eventually(b, "widgets are served", func() error {
		_, err := client.Resource(widgets).Namespace(namespace).List(b.Context(), metav1.ListOptions{Limit: 1})
		return err
	})
	if err := applyAll(b.Context(), client, namespace, 32); err != nil {
		b.Fatal(err)
	}
	return namespace
}
