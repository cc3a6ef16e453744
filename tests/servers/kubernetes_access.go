//go:build kubernetes

package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"
)

// numbers make the names of namespaces and users unique.
var numbers atomic.Int64

// Namespace makes a namespace, in which pods may be made. It is deleted when the
// test ends; nobody waits for that.
func (s *KubernetesServer) Namespace(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test-%d", numbers.Add(1))
	s.create(t, namespacesResource, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	Eventually(t, "the namespace gets its service account", func() error { return s.hasAccount(name) })
	return name
}

// User is the path of a kubeconfig of a user who may do just this, in all
// namespaces and on the cluster.
func (s *KubernetesServer) User(t testing.TB, rules ...rbacv1.PolicyRule) string {
	t.Helper()
	return s.user(t, "", rules)
}

// UserOf is the path of a kubeconfig of a user who may do just this, in one namespace.
func (s *KubernetesServer) UserOf(t testing.TB, namespace string, rules ...rbacv1.PolicyRule) string {
	t.Helper()
	return s.user(t, namespace, rules)
}

func (s *KubernetesServer) user(t testing.TB, namespace string, rules []rbacv1.PolicyRule) string {
	t.Helper()
	name := fmt.Sprintf("user-%d", numbers.Add(1))
	kubeconfig, err := s.kubeconfigOf(name)
	if err != nil {
		t.Fatal(err)
	}
	roles, bindings, kind := "clusterroles", "clusterrolebindings", "ClusterRole"
	if namespace != "" {
		roles, bindings, kind = "roles", "rolebindings", "Role"
	}
	metadata := metav1.ObjectMeta{Name: name, Namespace: namespace}
	s.create(t, rbacv1.SchemeGroupVersion.WithResource(roles), object(t, &rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind},
		ObjectMeta: metadata, Rules: rules,
	}))
	s.create(t, rbacv1.SchemeGroupVersion.WithResource(bindings), object(t, &rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: kind + "Binding"},
		ObjectMeta: metadata,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	}))
	return kubeconfig
}

// object is a typed object as the dynamic client takes it.
func object(t testing.TB, typed any) map[string]any {
	t.Helper()
	out, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		t.Fatalf("encode an object: %v", err)
	}
	delete(out, "status")
	return out
}

// create makes an object, which is deleted when the test ends.
func (s *KubernetesServer) create(t testing.TB, resource schema.GroupVersionResource, content map[string]any) *unstructured.Unstructured {
	t.Helper()
	wanted := &unstructured.Unstructured{Object: content}
	client := s.Client.Resource(resource, wanted.GetNamespace())
	made, err := client.Create(t.Context(), wanted, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("create %s %s: %v", wanted.GetKind(), wanted.GetName(), err)
	}
	t.Cleanup(func() {
		// The test's own context is over when this runs.
		background := metav1.DeletePropagationBackground
		_ = client.Delete(context.WithoutCancel(t.Context()), made.GetName(), metav1.DeleteOptions{PropagationPolicy: &background})
	})
	return made
}

// Apply creates what manifests in YAML describe, in their order, and in the
// namespace where they name none; all of it is deleted when the test ends.
// Custom resources may follow the definition of theirs.
func (s *KubernetesServer) Apply(t testing.TB, namespace, manifests string) []*unstructured.Unstructured {
	t.Helper()
	var out []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		var content map[string]any
		if err := decoder.Decode(&content); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("read a manifest: %v", err)
		}
		if len(content) == 0 {
			continue
		}
		wanted := &unstructured.Unstructured{Object: content}
		kind := wanted.GroupVersionKind()
		Eventually(t, "the API server knows "+kind.String(), func() error {
			mapping, err := s.Client.Mapper.RESTMapping(kind.GroupKind(), kind.Version)
			if err != nil {
				s.Client.Mapper.Reset()
				return err
			}
			if mapping.Scope.Name() == "namespace" && wanted.GetNamespace() == "" {
				wanted.SetNamespace(namespace)
			}
			out = append(out, s.create(t, mapping.Resource, content))
			return nil
		})
	}
}

// Throttled is the path of an administrator's kubeconfig by way of a proxy
// that answers every nth request with 429 and Retry-After, as an API server does
// that has too much to do. The returned function says how many it has so answered.
func (s *KubernetesServer) Throttled(t testing.TB, nth int64) (kubeconfig string, refused func() int64) {
	t.Helper()
	transport, err := rest.TransportFor(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	behind := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "https", Host: loopback(s.port)}) },
	}
	var asked, told atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%nth != 0 {
			behind.ServeHTTP(w, r)
			return
		}
		told.Add(1)
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"TooManyRequests","code":429,`+
			`"message":"Too many requests, please try again later.","details":{"retryAfterSeconds":1}}`)
	}))
	// A watch would hold back Close, which waits for what is going on.
	t.Cleanup(func() { proxy.CloseClientConnections(); proxy.Close() })
	name := fmt.Sprintf("throttled-%d", numbers.Add(1))
	if kubeconfig, err = s.writeKubeconfig(name, &api.Cluster{Server: proxy.URL}, &api.AuthInfo{}); err != nil {
		t.Fatal(err)
	}
	return kubeconfig, told.Load
}
