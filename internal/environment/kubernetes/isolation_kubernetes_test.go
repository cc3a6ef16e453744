//go:build kubernetes

package kubernetes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// failures are the attempts that fail, by what was tried, with what was observed.
func failures(t *testing.T, e *Environment, id string) map[string]string {
	t.Helper()
	attempts, err := e.TryIsolation(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, a := range attempts {
		if a.Result != drill.Pass {
			out[a.What] = a.Observed
		}
	}
	return out
}

// mustFail waits for attempts that fail, each with what is observed, and no
// other: what RBAC allows is known to the API server a moment later.
func mustFail(t *testing.T, e *Environment, id string, want map[string]string) {
	t.Helper()
	servers.Eventually(t, "what should fail", func() error {
		got := failures(t, e, id)
		for what, observed := range want {
			if !strings.Contains(got[what], observed) || got[what] == "" {
				return fmt.Errorf("%s: %q, want %q", what, got[what], observed)
			}
		}
		if len(got) != len(want) {
			return fmt.Errorf("failed %q, want %q", got, slices.Sorted(maps.Keys(want)))
		}
		return nil
	})
}

func TestEachHoleInTheIsolationIsFound(t *testing.T) {
	t.Parallel()
	const (
		policies  = "network policies of its namespaces"
		published = "services that are reached from outside the cluster"
		publish   = "a service that is reached from outside the cluster"
		bindings  = "bindings that give its service accounts rights outside of it"
		rights    = "rights of its service accounts over what is live"
	)
	for name, c := range map[string]struct {
		id string
		// manifests may hold COPY, LIVE and ID.
		manifests string
		// removed is taken away before that.
		removed manifest
		want    map[string]string
	}{
		"a policy that opens": {
			id:        "hole-policy",
			manifests: `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: open}, spec: {podSelector: {}, egress: [{}], policyTypes: [Egress]}}`,
			want:      map[string]string{policies: "COPY/open lets traffic out"},
		},
		"no policy": {
			id:      "hole-nopolicy",
			removed: guarded{}.object(networkPolicies, "NetworkPolicy", policyName, map[string]any{}),
			want:    map[string]string{policies: "COPY does not deny by default"},
		},
		"a namespace that says it belongs there": {
			id:        "hole-stranger",
			manifests: `{apiVersion: v1, kind: Namespace, metadata: {name: hole-strangers-own, labels: {lifeboat-dr.github.io/environment: ID}}}`,
			want:      map[string]string{"other namespaces with the environment's label": "hole-strangers-own"},
		},
		"a published service": {
			id:        "hole-service",
			removed:   guarded{}.object(quotas, "ResourceQuota", limitsName, map[string]any{}),
			manifests: `{apiVersion: v1, kind: Service, metadata: {name: open}, spec: {type: NodePort, ports: [{port: 80}]}}`,
			want:      map[string]string{published: "COPY/open (NodePort)", publish: "allowed in COPY"},
		},
		"an ingress": {
			id:        "hole-ingress",
			manifests: `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web}, spec: {rules: [{host: a.drill.invalid}, {host: shop.example.com}]}}`,
			want:      map[string]string{"hosts of Ingresses": "COPY/web answers for shop.example.com"},
		},
		"a binding in a live namespace": {
			id: "hole-binding",
			manifests: `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: copies, namespace: LIVE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, namespace: COPY, name: default}]`,
			want: map[string]string{bindings: "RoleBinding copies in LIVE", rights: "COPY/default may get configmaps in LIVE"},
		},
		"a binding on the cluster": {
			id: "hole-cluster",
			manifests: `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: hole-cluster}
rules: [{apiGroups: [""], resources: [secrets], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: hole-cluster}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: hole-cluster}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: "system:serviceaccounts:COPY"}]`,
			want: map[string]string{bindings: "ClusterRoleBinding hole-cluster on the cluster", rights: "COPY/default may list secrets on the cluster"},
		},
		"a webhook": {
			id: "hole-webhook",
			manifests: `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: hole-webhook, labels: {lifeboat-dr.github.io/environment: ID}}
webhooks: []`,
			want: map[string]string{"webhooks and API services with the environment's label": "hole-webhook"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := mustNew(t, environment.Cluster{Prefix: "hole-"})
			live := kube.Namespace(t)
			copied := mustMake(t, e, c.id, live)[0]
			mustFail(t, e, c.id, nil)
			if c.removed.content != nil {
				o := unstructured.Unstructured{Object: c.removed.content}
				if err := kube.Client.Resource(c.removed.resource, copied).Delete(t.Context(), o.GetName(), metav1.DeleteOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			fill := strings.NewReplacer("COPY", copied, "LIVE", live, "ID", c.id).Replace
			kube.Apply(t, copied, fill(c.manifests))
			want := map[string]string{}
			for what, observed := range c.want {
				want[what] = fill(observed)
			}
			mustFail(t, e, c.id, want)
		})
	}
}

func TestPodsInTheNetworkOfTheirNodeAreFound(t *testing.T) {
	t.Parallel()
	e := mustNew(t, environment.Cluster{Prefix: "host-", Labels: map[string]string{levelLabel: "privileged"}})
	copied := mustMake(t, e, "host", "shop")[0]
	kube.Apply(t, copied, `{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {hostNetwork: true, containers: [{name: c, image: c}]}}`)
	mustFail(t, e, "host", map[string]string{
		"a pod in the network of its node, with its processes or folders": "allowed in " + copied,
		"pods in the network of their node":                               copied + "/p",
	})
}

func TestVolumesThatALiveClaimUsesAreFound(t *testing.T) {
	t.Parallel()
	e := mustNew(t, environment.Cluster{Prefix: "volume-"})
	live := kube.Namespace(t)
	copied := mustMake(t, e, "volume", live)[0]
	const claim = `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: NAME},
		spec: {accessModes: [ReadWriteOnce], volumeName: "VOLUME", resources: {requests: {storage: 1Mi}}}}`
	kube.Apply(t, live, strings.NewReplacer("NAME", "data", "VOLUME", "").Replace(claim))
	var volume string
	servers.Eventually(t, "the live claim is bound", func() error {
		found, err := kube.Client.Resource(claims, live).Get(t.Context(), "data", metav1.GetOptions{})
		if err != nil {
			return err
		}
		volume, _, _ = unstructured.NestedString(found.Object, "spec", "volumeName")
		if phase, _, _ := unstructured.NestedString(found.Object, "status", "phase"); phase != string(corev1.ClaimBound) {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
	kube.Apply(t, copied, strings.NewReplacer("NAME", "copy", "VOLUME", volume).Replace(claim))
	mustFail(t, e, "volume", map[string]string{
		"volumes of its claims": fmt.Sprintf("%s/copy names volume %s, which is claimed by %s/data", copied, volume, live),
	})
	// Removing the environment leaves the live volume alone.
	if err := e.Remove(t.Context(), "volume"); err != nil {
		t.Fatal(err)
	}
	found, err := kube.Client.Resource(volumes, "").Get(t.Context(), volume, metav1.GetOptions{})
	if err != nil || found.GetLabels()[cluster.LabelEnvironment] != "" {
		t.Errorf("%v %v", found.GetLabels(), err)
	}
}

func TestWhatCanNotBeLookedAtCountsAsFailed(t *testing.T) {
	t.Parallel()
	mustMake(t, mustNew(t, environment.Cluster{Prefix: "blind-"}), "blind", "shop")
	kubeconfig := kube.User(t, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get", "list"}})
	blind := mustNew(t, environment.Cluster{Config: cluster.Config{Kubeconfig: kubeconfig}, Prefix: "blind-"})
	servers.Eventually(t, "the user may list namespaces", func() error {
		_, err := blind.Find(t.Context(), "blind")
		return err
	})
	got := failures(t, blind, "blind")
	for _, what := range []string{
		"network policies of its namespaces", "pods in the network of their node", "services that are reached from outside the cluster",
		"hosts of Ingresses", "bindings that give its service accounts rights outside of it", "rights of its service accounts over what is live", "volumes of its claims",
		"a pod in the network of its node, with its processes or folders", "a service that is reached from outside the cluster",
		"webhooks and API services with the environment's label",
	} {
		if !strings.Contains(got[what], "could not be looked at") {
			t.Errorf("%s: %q", what, got[what])
		}
	}
}
