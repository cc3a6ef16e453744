//go:build kubernetes

package check_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

var kube *servers.KubernetesServer

func TestMain(m *testing.M) { os.Exit(servers.RunWithKubernetes(m, &kube)) }

const (
	runs = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: once, image: once}]}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
`
	never = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: stuck}
spec:
  selector: {matchLabels: {app: stuck}}
  template:
    metadata: {labels: {app: stuck}}
    spec: {nodeSelector: {absent: "true"}, containers: [{name: stuck, image: stuck}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: nowhere}
spec: {storageClassName: absent, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
`
)

// TestReadinessOnARealCluster asks an API server with its controllers about what
// was restored into two namespaces.
func TestReadinessOnARealCluster(t *testing.T) {
	t.Parallel()
	shop, pay := kube.Namespace(t), kube.Namespace(t)
	place := cluster.Place{Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, Namespaces: map[string]string{"shop": shop, "pay": pay}}
	r := &check.Runner{Servers: map[string]drill.Server{"cluster": {Kind: "kubernetes", URL: place.URL()}}}
	ask := func(namespace, resource string) drill.Check {
		return drill.Check{Kind: drill.CheckKubernetes, Surface: "cluster", Namespace: namespace, Resource: resource}
	}
	becomes := func(c drill.Check) {
		t.Helper()
		servers.Eventually(t, c.Resource+" is ready", func() error {
			if got := r.Try(t.Context(), c); got.Result != drill.Pass {
				return fmt.Errorf("%s: %s", got.Observed, got.Detail)
			}
			return nil
		})
	}
	try(t, r, ask("", "all"), fail("there is no workload and no claim"))
	kube.Apply(t, shop, runs)
	becomes(ask("", "all"))
	try(t, r, ask("", "all"), pass("3 of 3"))
	becomes(ask("shop", "service/web"))
	becomes(ask("", "namespace/shop"))
	try(t, r, ask("shop", "deployment/web"), want{drill.Pass, "deployment/web in namespace " + shop, "ready", "2 of 2 replicas available", ""})
	try(t, r, ask("shop", "job/once"), pass("1 succeeded"))
	try(t, r, ask("", "node/node-0"), pass("Ready is True"))
	try(t, r, ask("pay", "deployment/web"), fail("there is no deployment/web in namespace "+pay))

	kube.Apply(t, pay, never)
	servers.Eventually(t, "the controllers have seen it", func() error {
		if got := r.Try(t.Context(), ask("pay", "deployment/stuck")); got.Observed != "0 of 1 replicas available, 1 updated" {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
	got := try(t, r, ask("", "all"), fail("deployments/stuck in "+pay+": 0 of 1 replicas are available; persistentvolumeclaims/nowhere in "+pay+": it is pending"))
	if got.Observed != "3 of 5 workloads and claims ready" {
		t.Errorf("observed %q", got.Observed)
	}
	try(t, r, ask("shop", "all"), pass("3 of 3"))
}

// TestReadinessThatMayNotBeAskedFor has a user who may read deployments alone.
func TestReadinessThatMayNotBeAskedFor(t *testing.T) {
	t.Parallel()
	namespace := kube.Namespace(t)
	try(t, &check.Runner{}, drill.Check{
		Kind: drill.CheckKubernetes, Kubeconfig: kube.User(t), Namespace: namespace, Resource: "all",
	}, fail("read all in namespace "+namespace))
}
