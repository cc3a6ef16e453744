//go:build kubernetes

package servers_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

var kube *servers.KubernetesServer

func TestMain(m *testing.M) { os.Exit(servers.RunWithKubernetes(m, &kube)) }

const workloads = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: once, image: once}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
`

var (
	pods        = corev1.SchemeGroupVersion.WithResource("pods")
	configMaps  = corev1.SchemeGroupVersion.WithResource("configmaps")
	namespaces  = corev1.SchemeGroupVersion.WithResource("namespaces")
	claims      = corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims")
	deployments = appsv1.SchemeGroupVersion.WithResource("deployments")
	jobs        = batchv1.SchemeGroupVersion.WithResource("jobs")
)

func TestWorkloadsRunOnAKubernetesServerAndNamespacesGo(t *testing.T) {
	t.Parallel()
	namespace := kube.Namespace(t)
	kube.Apply(t, namespace, workloads)
	until := func(resource schema.GroupVersionResource, name string, want any, path ...string) {
		t.Helper()
		servers.Eventually(t, name, func() error {
			found, err := kube.Client.Resource(resource, namespace).Get(t.Context(), name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if got, _, _ := unstructured.NestedFieldNoCopy(found.Object, path...); got != want {
				return fmt.Errorf("%v is %v, and should be %v", path, got, want)
			}
			return nil
		})
	}
	until(deployments, "web", int64(3), "status", "availableReplicas")
	until(jobs, "once", int64(1), "status", "succeeded")
	until(claims, "data", "Bound", "status", "phase")

	if err := kube.Client.Resource(namespaces, "").Delete(t.Context(), namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, "the namespace goes", func() error {
		_, err := kube.Client.Resource(namespaces, "").Get(t.Context(), namespace, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return err
		default:
			return errors.New("it is still there")
		}
	})
}

func TestAUserOfAKubernetesServerMayDoWhatItsRulesSay(t *testing.T) {
	t.Parallel()
	ours, other := kube.Namespace(t), kube.Namespace(t)
	readPods := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}}
	lists := func(kubeconfig string, resource schema.GroupVersionResource, namespace string) error {
		client, err := clients.Connect(cluster.Config{Kubeconfig: kubeconfig})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Resource(resource, namespace).List(t.Context(), metav1.ListOptions{})
		return err
	}
	everywhere, here := kube.User(t, readPods), kube.UserOf(t, ours, readPods)
	// RBAC's own caches are a moment behind.
	for _, kubeconfig := range []string{everywhere, here} {
		servers.Eventually(t, "it may list pods", func() error { return lists(kubeconfig, pods, ours) })
		if err := lists(kubeconfig, configMaps, ours); !apierrors.IsForbidden(err) {
			t.Errorf("config maps: %v", err)
		}
	}
	if err := lists(everywhere, pods, other); err != nil {
		t.Error(err)
	}
	if err := lists(here, pods, other); !apierrors.IsForbidden(err) {
		t.Errorf("another namespace: %v", err)
	}
}

func TestAThrottledKubernetesServerIsSlowNotWrong(t *testing.T) {
	t.Parallel()
	namespace := kube.Namespace(t)
	kubeconfig, refused := kube.Throttled(t, 3)
	client, err := clients.Connect(cluster.Config{Kubeconfig: kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if _, err := client.Resource(pods, namespace).List(t.Context(), metav1.ListOptions{}); err != nil {
			t.Error(err)
		}
	}
	if refused() == 0 {
		t.Error("no request was refused")
	}
}

// It runs alone: tests that are parallel wait until it has ended.
func TestAKubernetesServerKeepsWhatItHasWhenItsAPIServerRestarts(t *testing.T) {
	namespace := kube.Namespace(t)
	kube.RestartAPIServer(t)
	if _, err := kube.Client.Resource(namespaces, "").Get(t.Context(), namespace, metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}
