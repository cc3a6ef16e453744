//go:build kubernetes

package velero

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// veleroInPlace restores beside what is there already, by each policy.
func veleroInPlace(t *testing.T, b *bench) {
	namespace := kube.Namespace(t)
	kube.Apply(t, namespace, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept}\ndata: {a: then}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: lost}\n")
	s := b.surface(t, "inplace", nil, namespace)
	point := surfacetest.Take(t, s)
	maps := kube.Client.Resource(core("configmaps"), namespace)
	kept := look(t, core("configmaps"), namespace, "kept")
	if err := unstructured.SetNestedField(kept.Object, "now", "data", "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := maps.Update(t.Context(), kept, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := maps.Delete(t.Context(), "lost", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	place := cluster.Place{Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, Namespaces: map[string]string{namespace: namespace}}
	target := surface.Target{URL: place.URL()}
	refused(t, s.Begin(t.Context(), target, point), fault.Conflict, "1 resources are in the way", namespace+"/configmaps/kept")
	for _, c := range []struct{ conflict, want string }{{surface.ConflictSkip, "now"}, {surface.ConflictUpdate, "then"}} {
		target.Conflict = c.conflict
		surfacetest.Restore(t, s, target, point)
		if got, _, _ := unstructured.NestedString(look(t, core("configmaps"), namespace, "kept").Object, "data", "a"); got != c.want {
			t.Errorf("%s: the config map is as it was %s", c.conflict, got)
		}
	}
}

// veleroOtherCluster restores by a second Velero, which finds the Backup in storage that it may only read.
func veleroOtherCluster(t *testing.T, b *bench) {
	namespace := kube.Namespace(t)
	kube.Apply(t, namespace, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n")
	point := surfacetest.Take(t, b.surface(t, "other", nil, namespace))
	other := servers.Velero(t, kube, kube.Namespace(t), b.storage)
	kube.Apply(t, other.Namespace, b.storage.VeleroLocation(t, "copy", b.bucket, "ReadOnly"))
	s := surfaceOf(t, "other", &surface.Velero{Namespace: other.Namespace, Storage: surface.VeleroStorage{Name: "copy"}}, namespace)
	surfacetest.Restore(t, s, environmentOf(t, "d-other", namespace), point)
	_, err := s.Hold(t.Context())
	refused(t, err, fault.Invalid, "ReadOnly")
}

func (b *bench) patch(t testing.TB, of resource, name, patch string) {
	t.Helper()
	_, err := kube.Client.Resource(of.gvr(), b.Namespace).Patch(t.Context(), name, "application/merge-patch+json", []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) server(t testing.TB) server {
	t.Helper()
	v, err := connect(cluster.Config{Kubeconfig: kube.Kubeconfig}, b.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// veleroTakeover: a worker that comes after one that has stopped makes no second Backup.
func veleroTakeover(t *testing.T, _ *bench) {
	quiet := kube.Namespace(t)
	s := surfaceOf(t, "takeover", &surface.Velero{Namespace: quiet}, "default")
	v, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first, err := s.start(ctx, v)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.start(ctx, v)
	if err != nil || second.Name != first.Name {
		t.Errorf("%s, then %s, %v", first.Name, second.Name, err)
	}
	other, err := surfaceOf(t, "takeover-2", &surface.Velero{Namespace: quiet}, "default").start(ctx, v)
	if err != nil || other.Name == first.Name {
		t.Errorf("another surface has taken over %s, %v", other.Name, err)
	}
}
