//go:build kubernetes

package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	surfaces "github.com/lifeboat-dr/lifeboat/internal/surface/kubernetes"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// application, with what servers.Application adds to it, uses much of what
// Kubernetes has, in NAMESPACE. It lets traffic in from everywhere and out to
// everywhere, has rights on the cluster, and its quota and limits leave it little
// room.
const application = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.NAMESPACE.example.com}
spec:
  group: NAMESPACE.example.com
  names: {kind: Shop, plural: shops, singular: shop, listKind: ShopList}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
---
apiVersion: NAMESPACE.example.com/v1
kind: Shop
metadata: {name: main, finalizers: [NAMESPACE.example.com/hold]}
spec: {size: 3}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {token: hunter2}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {size: "3"}
---
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec: {limits: [{type: Container, min: {cpu: 50m}, defaultRequest: {cpu: 100m}}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: files}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: NAMESPACE-high}
value: 7
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      priorityClassName: NAMESPACE-high
      containers: [{name: web, image: web, volumeMounts: [{name: files, mountPath: /files}]}]
      volumes: [{name: files, persistentVolumeClaim: {claimName: files}}]
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: NAMESPACE-edge}
spec: {controller: example.com/none}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: NAMESPACE-edge
  rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
  tls: [{hosts: [shop.example.com], secretName: keys}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: everybody}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: some}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{namespaceSelector: {}}, {ipBlock: {cidr: 0.0.0.0/0}}]}, {from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]}]
  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}, {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}}]}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {minReplicas: 2, maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAMESPACE-operator}
rules: [{apiGroups: [""], resources: [secrets, pods], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: NAMESPACE-operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: NAMESPACE-operator}
subjects:
- {kind: ServiceAccount, name: web, namespace: NAMESPACE}
- {kind: Group, apiGroup: rbac.authorization.k8s.io, name: "system:serviceaccounts:NAMESPACE"}
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: jane}
`

// limited is the quota of the application, which is applied once the rest is there.
const limited = `
apiVersion: v1
kind: ResourceQuota
metadata: {name: limited}
spec: {hard: {requests.cpu: 600m, services.loadbalancers: "1", count/statefulsets.apps: "1", count/shops.NAMESPACE.example.com: "1", persistentvolumeclaims: "2"}}
`

// ofApplication are what the application has on the cluster beside its
// namespace, by the names that end in what it begins with.
var ofApplication = map[schema.GroupVersionResource]string{
	definitions: "shops.%s.example.com",
	rbacv1.SchemeGroupVersion.WithResource("clusterroles"):          "%s-operator",
	schedulingv1.SchemeGroupVersion.WithResource("priorityclasses"): "%s-high",
	networkingv1.SchemeGroupVersion.WithResource("ingressclasses"):  "%s-edge",
}

// live is a namespace with the application, and a surface that protects it.
func live(t *testing.T) (namespace string, s *surfaces.Surface) {
	t.Helper()
	namespace = kube.Namespace(t)
	merged(t, serviceAccounts, namespace, "default", `{"imagePullSecrets":[{"name":"keys"}]}`)
	kube.Apply(t, namespace, servers.Application(namespace, application))
	servers.Eventually(t, "the application runs", func() error {
		for of, name := range map[schema.GroupVersionResource]string{
			appsv1.SchemeGroupVersion.WithResource("deployments"): "web", statefulSets: "queue",
		} {
			found, err := kube.Client.Resource(of, namespace).Get(t.Context(), name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			ready, _, _ := unstructured.NestedInt64(found.Object, "status", "readyReplicas")
			if wanted, _, _ := unstructured.NestedInt64(found.Object, "spec", "replicas"); ready != wanted {
				return fmt.Errorf("%s has %d of %d pods", name, ready, wanted)
			}
		}
		return nil
	})
	kube.Apply(t, namespace, strings.ReplaceAll(limited, "NAMESPACE", namespace))
	shops := shopsOf(namespace)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, err := kube.Client.Resource(shops, namespace).Patch(ctx, "main", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("let the custom resource go: %v", err)
		}
	})
	return namespace, protecting(t, kube.Kubeconfig, namespace)
}

func shopsOf(namespace string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: namespace + ".example.com", Version: "v1", Resource: "shops"}
}

func protecting(t *testing.T, kubeconfig, namespace string) *surfaces.Surface {
	t.Helper()
	s, err := surfaces.New("shop", surface.Config{Kind: surfaces.Kind, Cluster: surface.Cluster{
		Config: cluster.Config{Kubeconfig: kubeconfig}, Namespaces: []string{namespace},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func merged(t *testing.T, of schema.GroupVersionResource, namespace, name, patch string) {
	t.Helper()
	if _, err := kube.Client.Resource(of, namespace).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// state is what says of every object in a namespace whether somebody has changed
// it: its UID, with its generation, or where it has none its resource version.
// Left out is what controllers change all the time.
func state(t *testing.T, e *Environment, namespace string) map[string]string {
	t.Helper()
	out := map[string]string{}
	types, err := e.resources(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range types {
		if slices.Contains([]string{"events", "leases", "endpoints", "endpointslices"}, of.Resource) {
			continue
		}
		found, err := kube.Client.Resource(of, namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range found.Items {
			value := fmt.Sprintf("generation %d", o.GetGeneration())
			switch {
			case of == quotas, of.Resource == "horizontalpodautoscalers":
				value = fmt.Sprint(o.Object["spec"])
			case o.GetGeneration() == 0:
				value = "resource version " + o.GetResourceVersion()
			}
			out[of.GroupResource().String()+"/"+o.GetName()] = string(o.GetUID()) + " " + value
		}
	}
	return out
}

func mustRestoreInto(t *testing.T, e *Environment, id string, s *surfaces.Surface, point *surfacetest.Point, namespace string) environment.Made {
	t.Helper()
	made, err := e.Make(t.Context(), id, environment.Origin{Surface: "shop", Point: "p", Namespaces: []string{namespace}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Remove(context.WithoutCancel(t.Context()), id); err != nil {
			t.Errorf("remove %s: %v", id, err)
		}
	})
	surfacetest.Restore(t, s, surface.Target{URL: made.URL}, point)
	return made
}

func mustBeGone(t *testing.T, e *Environment, id string) {
	t.Helper()
	if err := e.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if left, err := e.Left(t.Context(), id); err != nil || len(left) > 0 {
		t.Errorf("left: %q %v", left, err)
	}
	if rest, err := e.clusterObjects(t.Context(), selecting(placeID(id))); err != nil || len(rest) > 0 {
		t.Errorf("left on the cluster: %v %v", rest, err)
	}
}

// TestAPointOfNamespacesFitsIntoAnEnvironment restores an application beside
// the live one: nothing is missing, nothing leads out, and nothing stays.
func TestAPointOfNamespacesFitsIntoAnEnvironment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nth    int64
		config environment.Cluster
	}{
		"plainly": {},
		// The environment has limits of its own then, beside those of the point.
		"with a quota of memory":    {config: environment.Cluster{Quota: map[string]string{"requests.memory": "8Gi"}}},
		"on a cluster that is busy": {nth: 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace, s := live(t)
			c.config.Prefix = "fits-"
			c.config.CustomResources = []string{shopsOf(namespace).GroupResource().String()}
			refused := func() int64 { return 0 }
			if c.nth > 0 {
				c.config.Kubeconfig, refused = kube.Throttled(t, c.nth)
				s = protecting(t, c.config.Kubeconfig, namespace)
			}
			e, id := mustNew(t, c.config), "fits-"+namespace
			point := surfacetest.Take(t, s)
			before := state(t, e, namespace)

			made := mustRestoreInto(t, e, id, s, point, namespace)
			// Both can be repeated, as they are when a worker dies.
			if _, err := e.Make(t.Context(), id, environment.Origin{Namespaces: []string{namespace}}); err != nil {
				t.Error(err)
			}
			surfacetest.Restore(t, s, surface.Target{URL: made.URL}, point)
			for what, observed := range failures(t, e, id) {
				t.Errorf("%s: %s", what, observed)
			}
			place, err := cluster.ParsePlace(made.URL)
			if err != nil {
				t.Fatal(err)
			}
			account, err := kube.Client.Resource(serviceAccounts, place.Namespaces[namespace]).Get(t.Context(), "default", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			pull, _, _ := unstructured.NestedSlice(account.Object, "imagePullSecrets")
			if token, set, _ := unstructured.NestedBool(account.Object, "automountServiceAccountToken"); len(pull) != 1 || !set || token {
				t.Errorf("the default service account: %v", account.Object)
			}
			mustBeGone(t, e, id)
			if diff := cmp.Diff(before, state(t, e, namespace)); diff != "" {
				t.Errorf("the live namespace was changed: %s", diff)
			}
			for of, pattern := range ofApplication {
				if !exists(t, of, "", fmt.Sprintf(pattern, namespace)) {
					t.Errorf("%s of what is live are gone", of.Resource)
				}
			}
			if c.nth > 0 && refused() == 0 {
				t.Error("no request was refused")
			}
		})
	}
}

// TestTwoEnvironmentsShareWhatOneHasBrought loses all that the application has
// on the cluster, and restores it twice at the same time.
func TestTwoEnvironmentsShareWhatOneHasBrought(t *testing.T) {
	t.Parallel()
	namespace, s := live(t)
	point := surfacetest.Take(t, s)
	merged(t, shopsOf(namespace), namespace, "main", `{"metadata":{"finalizers":null}}`)
	for of, name := range map[schema.GroupVersionResource]string{
		appsv1.SchemeGroupVersion.WithResource("deployments"): "web", ingresses: "web",
	} {
		if err := kube.Client.Resource(of, namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for of, pattern := range ofApplication {
		if err := kube.Client.Resource(of, "").Delete(t.Context(), fmt.Sprintf(pattern, namespace), metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := kube.Client.Resource(clusterRoleBindings, "").Delete(t.Context(), namespace+"-operator", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, "the type is gone", func() error {
		if exists(t, definitions, "", "shops."+namespace+".example.com") {
			return fmt.Errorf("it is there")
		}
		return nil
	})
	labelled := func(want string) {
		t.Helper()
		for of, pattern := range ofApplication {
			found, err := kube.Client.Resource(of, "").Get(t.Context(), fmt.Sprintf(pattern, namespace), metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := found.GetLabels()[cluster.LabelEnvironment]; got != want {
				t.Errorf("%s belongs to %q, not %q", found.GetName(), got, want)
			}
		}
	}
	e := mustNew(t, environment.Cluster{Prefix: "share-"})
	first, second := "first-"+namespace, "second-"+namespace
	mustRestoreInto(t, e, first, s, point, namespace)
	labelled(first)
	found, err := kube.Client.Resource(definitions, "").Get(t.Context(), "shops."+namespace+".example.com", metav1.GetOptions{})
	if err != nil || found.GetAnnotations()[cluster.AnnotationEnvironment] != first {
		t.Errorf("the type is of restore %v: %v", found.GetAnnotations(), err)
	}
	mustRestoreInto(t, e, second, s, point, namespace)
	labelled(second)
	for _, id := range []string{first, second} {
		for what, observed := range failures(t, e, id) {
			t.Errorf("%s: %s: %s", id, what, observed)
		}
	}
	mustBeGone(t, e, second)
	labelled(first)
	mustBeGone(t, e, first)
	for of, pattern := range ofApplication {
		if exists(t, of, "", fmt.Sprintf(pattern, namespace)) {
			t.Errorf("%s are still there", of.Resource)
		}
	}
}

func TestAnEnvironmentNeedsADomainForHosts(t *testing.T) {
	t.Parallel()
	namespace := kube.Namespace(t)
	kube.Apply(t, namespace, `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web}, spec: {defaultBackend: {service: {name: a, port: {number: 80}}}}}`)
	s := protecting(t, kube.Kubeconfig, namespace)
	point := surfacetest.Take(t, s)
	e := mustNew(t, environment.Cluster{Prefix: "hosts-"})
	made, err := e.Make(t.Context(), "hosts", environment.Origin{Namespaces: []string{namespace}})
	if err != nil {
		t.Fatal(err)
	}
	place, err := cluster.ParsePlace(made.URL)
	if err != nil {
		t.Fatal(err)
	}
	if place.IngressDomain != (environment.Cluster{}).WithDefaults().IngressDomain {
		t.Errorf("the domain is %q", place.IngressDomain)
	}
	place.IngressDomain = ""
	if err := s.Begin(t.Context(), surface.Target{URL: place.URL()}, point); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "ingressDomain") {
		t.Errorf("%v", err)
	}
	mustBeGone(t, e, "hosts")
}
