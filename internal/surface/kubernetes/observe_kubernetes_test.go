//go:build kubernetes

package kubernetes

import (
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestSignsOfLife reads the pods of a deployment while they start, when one
// container was restarted, and a certificate; by an account with the rights that
// the documentation names, and no others.
func TestSignsOfLife(t *testing.T) {
	namespace := kube.Namespace(t)
	certFile, keyFile := servers.Certificate(t)
	encoded := func(file string) string {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(raw)
	}
	kube.Apply(t, namespace, fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: www}
type: kubernetes.io/tls
data: {tls.crt: %s, tls.key: %s}
---
apiVersion: v1
kind: Secret
metadata: {name: other}
data: {tls.crt: bm9uZQ==}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: api, image: api}]}
`, encoded(certFile), encoded(keyFile)))
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods", "secrets"}, Verbs: []string{"list"}},
		{APIGroups: []string{"apps"}, Resources: []string{"deployments", "statefulsets", "daemonsets"}, Verbs: []string{"list"}},
	}
	s, err := New("apps", surface.Config{Kind: Kind, Cluster: surface.Cluster{
		Config: cluster.Config{Kubeconfig: kube.UserOf(t, namespace, rules...)}, Namespaces: []string{namespace},
	}})
	if err != nil {
		t.Fatal(err)
	}
	look := func(want status.Pods) error {
		found, err := s.Observe(t.Context())
		if err != nil {
			return err
		}
		if want.Namespace = namespace; !slices.Equal(found.Pods, []status.Pods{want}) {
			return fmt.Errorf("pods: %+v", found.Pods)
		}
		if len(found.Certificates) != 1 || found.Certificates[0].Where != namespace+"/www" {
			return fmt.Errorf("certificates: %+v", found.Certificates)
		}
		return nil
	}
	servers.Eventually(t, "both pods are available", func() error {
		return look(status.Pods{Workload: "deployment/api", Wanted: 2, Available: 2})
	})
	pods, err := kube.Client.Resource(podType.Resource.WithVersion("v1"), namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) != 2 {
		t.Fatalf("%v: %d pods", err, len(pods.Items))
	}
	restarted := []byte(`[{"op":"replace","path":"/status/containerStatuses/0/restartCount","value":7}]`)
	if _, err := kube.Client.Resource(podType.Resource.WithVersion("v1"), namespace).Patch(t.Context(), pods.Items[0].GetName(), types.JSONPatchType, restarted, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, "the restarts are counted", func() error {
		return look(status.Pods{Workload: "deployment/api", Wanted: 2, Available: 2, Restarts: 7})
	})

	nobody, err := New("apps", surface.Config{Kind: Kind, Cluster: surface.Cluster{
		Config: cluster.Config{Kubeconfig: kube.UserOf(t, namespace)}, Namespaces: []string{namespace},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nobody.Observe(t.Context()); !fault.Is(err, fault.Denied) {
		t.Errorf("without rights: %v", err)
	}
}
