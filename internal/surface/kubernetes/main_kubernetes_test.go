//go:build kubernetes

package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// kube is the control plane of all tests of this package.
var kube *servers.KubernetesServer

func TestMain(m *testing.M) { os.Exit(servers.RunWithKubernetes(m, &kube)) }

// protecting makes a surface of namespaces.
func protecting(t testing.TB, namespaces ...string) *Surface {
	t.Helper()
	s, err := New("apps", surface.Config{Kind: Kind, Cluster: surface.Cluster{
		Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, Namespaces: namespaces,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// copies makes names of namespaces unique.
var copies atomic.Int64

// into is a target with a new namespace, which is not there yet, for each of some.
func into(t testing.TB, namespaces ...string) surface.Target {
	t.Helper()
	place := cluster.Place{Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, Namespaces: map[string]string{}}
	for _, name := range namespaces {
		to := fmt.Sprintf("%s-copy-%d", name, copies.Add(1))
		place.Namespaces[name] = to
		deleteAtEnd(t, namespacesResource, "", to)
	}
	return surface.Target{URL: place.URL()}
}

// apartFrom is an environment with a namespace for each of some.
func apartFrom(t testing.TB, namespaces ...string) (surface.Target, cluster.Place) {
	t.Helper()
	id := fmt.Sprintf("drill-%d", copies.Add(1))
	place := cluster.Place{
		Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, ID: id, Namespaces: map[string]string{},
		IngressDomain: "drill.invalid", StorageClasses: map[string]string{"live-only": servers.HostPathClass},
	}
	for _, name := range namespaces {
		to := id + "-" + name
		place.Namespaces[name] = to
		create(t, namespacesResource, "", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
			"name": to, "labels": map[string]any{cluster.LabelEnvironment: id},
		}})
	}
	return surface.Target{URL: place.URL()}, place
}

// create makes an object that is deleted at the end.
func create(t testing.TB, of schema.GroupVersionResource, namespace string, content map[string]any) {
	t.Helper()
	body := &unstructured.Unstructured{Object: content}
	if _, err := kube.Client.Resource(of, namespace).Create(t.Context(), body, metav1.CreateOptions{}); err != nil {
		t.Fatalf("make %s %s: %v", body.GetKind(), body.GetName(), err)
	}
	deleteAtEnd(t, of, namespace, body.GetName())
}

func deleteAtEnd(t testing.TB, of schema.GroupVersionResource, namespace, name string) {
	t.Cleanup(func() {
		err := kube.Client.Resource(of, namespace).Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("delete %s: %v", name, err)
		}
	})
}

// target is the namespace that stands for another in a target.
func target(t testing.TB, of surface.Target, namespace string) string {
	t.Helper()
	place, err := cluster.ParsePlace(of.URL)
	if err != nil {
		t.Fatal(err)
	}
	return place.Namespaces[namespace]
}

// versionOf is the version in which the tests read a type.
func versionOf(of schema.GroupResource) schema.GroupVersionResource { return of.WithVersion("v1") }

func get(t testing.TB, of schema.GroupResource, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	found, err := kube.Client.Resource(versionOf(of), namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatalf("read %s %s/%s: %v", of, namespace, name, err)
	}
	return found
}

func isThere(t testing.TB, of schema.GroupResource, namespace, name string) bool {
	t.Helper()
	_, err := kube.Client.Resource(versionOf(of), namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatalf("read %s %s/%s: %v", of, namespace, name, err)
	}
	return err == nil
}

// merge changes an object as kubectl patch does.
func merge(t testing.TB, of schema.GroupResource, namespace, name, patch string) {
	t.Helper()
	_, err := kube.Client.Resource(versionOf(of), namespace).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatalf("change %s %s/%s: %v", of, namespace, name, err)
	}
}

// versions are the resource versions of everything that people have made in a namespace.
func versions(t testing.TB, namespace string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, of := range []schema.GroupResource{typeConfigMaps, typeSecrets, typeServices, typeServiceAccounts, typeIngresses, typePolicies, typeRoleBindings} {
		list, err := kube.Client.Resource(versionOf(of), namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			out[of.String()+" "+item.GetName()] = item.GetResourceVersion()
		}
	}
	return out
}

// tarball is a part of objects in YAML.
func tarball(t testing.TB, objects map[schema.GroupResource]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := newObjectWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for of, text := range objects {
		o := fromYAML(t, of, text)
		content, err := encode(o.Body.Object)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.write(o, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
