//go:build bench && kubernetes

package bench

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	resources "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// restores compares restores into a new namespace with plain server-side apply.
func (k *clusterBench) restores(b *testing.B) {
	point := k.snapshot(b)
	const same, fastest = "server-side apply, Lifeboat's client, 16 at once", "server-side apply, no limit of the client's, 32 at once"
	var loads []usage
	results := contest(b,
		contender{"lifeboat", func(int) usage {
			took, load := k.restore(b, point)
			loads = append(loads, load)
			return took
		}},
		contender{same, func(int) usage { return k.apply(b, k.kube.Client.Dynamic, 16) }},
		contender{fastest, func(int) usage { return k.apply(b, k.unlimited, appliedAtOnce) }})
	results["lifeboat, Load alone"] = loads
	for _, name := range slices.Sorted(maps.Keys(results)) {
		fmt.Fprintf(os.Stdout, "  %-58s %7.0f objects/s\n", name, kubernetesObjects/medians(results[name]).wall.Seconds())
	}
	compare(b, "restore of 10,000 objects", results["lifeboat"], results[same], same, goal{})
	compare(b, "restore of 10,000 objects, Load alone", loads, results[fastest], fastest, goal{})
	compare(b, "restore of 10,000 objects", results["lifeboat"], results[fastest], fastest, goal{})
}

// restore restores a point into a new namespace, which it then removes, and
// says what of it was loading.
func (k *clusterBench) restore(b *testing.B, point *archive.Point) (took, load usage) {
	b.Helper()
	ctx := b.Context()
	place := cluster.Place{Config: cluster.Config{Kubeconfig: k.kube.Kubeconfig}, Namespaces: map[string]string{k.namespace: k.next()}}
	target := surface.Target{URL: place.URL()}
	step := func(name string, do func() error) usage {
		took := watch(b, everywhere(), func() time.Duration {
			if err := do(); err != nil {
				b.Fatalf("%s: %v", name, err)
			}
			return 0
		})
		fmt.Fprintf(os.Stdout, "    %-22s %6.1f s\n", name, took.wall.Seconds())
		return took
	}
	begun := step("begin", func() error { return k.surface.Begin(ctx, target, point) })
	load = step("load", func() error {
		for _, part := range point.Parts() {
			if part.Role != surface.RoleData {
				continue
			}
			if err := k.load(ctx, target, point, part); err != nil {
				return err
			}
		}
		return nil
	})
	finished := step("finish", func() error { return k.surface.Finish(ctx, target, point) })
	k.counted(b, place.Namespaces[k.namespace])
	k.drop(b, place.Namespaces[k.namespace])
	return usage{wall: begun.wall + load.wall + finished.wall, cpu: begun.cpu + load.cpu + finished.cpu}, load
}

func (k *clusterBench) load(ctx context.Context, target surface.Target, point *archive.Point, part surface.Part) error {
	r, err := point.Open(ctx, part.Name)
	if err != nil {
		return err
	}
	defer r.Close()
	return k.surface.Load(ctx, target, part, r)
}

// apply makes the same objects in a new namespace, which it then removes.
func (k *clusterBench) apply(b *testing.B, client dynamic.Interface, atOnce int) usage {
	b.Helper()
	namespace := k.next()
	_, err := k.unlimited.Resource(namespacesOfCluster).Create(b.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace},
	}}, metav1.CreateOptions{})
	if err != nil {
		b.Fatal(err)
	}
	took := watch(b, everywhere(), func() time.Duration {
		if err := applyAll(b.Context(), client, namespace, atOnce); err != nil {
			b.Fatal(err)
		}
		return 0
	})
	k.counted(b, namespace)
	k.drop(b, namespace)
	return took
}

var namespacesOfCluster = resources.GroupVersionResource{Version: "v1", Resource: "namespaces"}

func (k *clusterBench) next() string {
	k.copies++
	return fmt.Sprintf("%s-copy-%d", k.namespace, k.copies)
}

// counted sees that a namespace has everything.
func (k *clusterBench) counted(b *testing.B, namespace string) {
	b.Helper()
	for _, f := range fillings {
		page, err := k.unlimited.Resource(f.of).Namespace(namespace).List(b.Context(), metav1.ListOptions{Limit: 1})
		if err != nil {
			b.Fatal(err)
		}
		if left := page.GetRemainingItemCount(); left == nil || *left+1 < int64(f.count) {
			b.Fatalf("of %d %s in %s there are %v, and one", f.count, f.of.Resource, namespace, left)
		}
	}
}

// drop removes a namespace, and waits until it is gone.
func (k *clusterBench) drop(b *testing.B, namespace string) {
	b.Helper()
	client := k.unlimited.Resource(namespacesOfCluster)
	if err := client.Delete(b.Context(), namespace, metav1.DeleteOptions{}); err != nil {
		b.Fatal(err)
	}
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		if _, err := client.Get(b.Context(), namespace, metav1.GetOptions{}); apierrors.IsNotFound(err) {
			return
		} else if time.Since(began) > 15*time.Minute {
			b.Fatalf("namespace %s is still there: %v", namespace, err)
		}
	}
}
