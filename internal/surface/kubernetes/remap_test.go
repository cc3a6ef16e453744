package kubernetes

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// fromYAML reads an object of a point.
func fromYAML(t testing.TB, of schema.GroupResource, text string) Object {
	t.Helper()
	body := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &body.Object); err != nil {
		t.Fatalf("read %q: %v", text, err)
	}
	return Object{
		Resource: of, Version: body.GroupVersionKind().Version, Namespace: body.GetNamespace(), Name: body.GetName(), Body: body,
	}
}

var (
	// elsewhere is a place with a namespace of another name, apart is an environment.
	elsewhere = remapper{cluster.Place{Namespaces: map[string]string{"shop": "shop-copy"}}}
	apart     = remapper{cluster.Place{
		ID: "d1", Namespaces: map[string]string{"shop": "d1-shop", "pay": "d1-pay"},
		IngressDomain: "drill.invalid", StorageClasses: map[string]string{"fast": "standard"},
	}}
)

// remapping is an object of a point, and what a restore sends of it.
type remapping struct {
	of       schema.GroupResource
	by       remapper
	in, want string
}

func requireRemapped(t *testing.T, all map[string]remapping) {
	t.Helper()
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := c.by.remap(fromYAML(t, c.of, c.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fromYAML(t, c.of, c.want).Body.Object, got.Object); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestObjectsAreRemapped(t *testing.T) {
	t.Parallel()
	requireRemapped(t, map[string]remapping{
		"metadata": {typeConfigMaps, elsewhere, `
apiVersion: v1
kind: ConfigMap
metadata:
  name: a
  namespace: shop
  uid: 1
  resourceVersion: "7"
  generation: 3
  creationTimestamp: "2026-01-01T00:00:00Z"
  generateName: a-
  selfLink: /x
  managedFields: [{manager: kubectl}]
  ownerReferences: [{kind: Shop, name: s}]
  finalizers: [example.com/hold]
  labels: {app: a}
  annotations: {deployment.kubernetes.io/revision: "3"}
data: {a: b}
status: {ready: true}`, `
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: shop-copy, finalizers: [example.com/hold], labels: {app: a}}
data: {a: b}`},
		"finalizers in an environment": {typeConfigMaps, apart,
			`{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop, finalizers: [example.com/hold]}}`,
			`{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: d1-shop}}`},
		"claim elsewhere": {typeClaims, elsewhere, `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: a, namespace: shop, annotations: {pv.kubernetes.io/bind-completed: "yes", volume.kubernetes.io/selected-node: n, mine: x}}
spec: {volumeName: pv-1, storageClassName: fast, dataSource: {kind: VolumeSnapshot, name: s}}`, `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: a, namespace: shop-copy, annotations: {mine: x}}
spec: {volumeName: pv-1, storageClassName: fast, dataSource: {kind: VolumeSnapshot, name: s}}`},
		"claim in an environment": {typeClaims, apart, `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: a, namespace: shop}
spec: {volumeName: pv-1, storageClassName: fast, dataSource: {kind: VolumeSnapshot, name: s}, dataSourceRef: {kind: VolumeSnapshot, name: s}}`, `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: a, namespace: d1-shop}
spec: {storageClassName: standard}`},
		"volume": {typeVolumes, elsewhere, `
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv-1, annotations: {pv.kubernetes.io/bound-by-controller: "yes", pv.kubernetes.io/provisioned-by: x}}
spec: {claimRef: {namespace: shop, name: a, uid: u, resourceVersion: "1"}}`, `
apiVersion: v1
kind: PersistentVolume
metadata: {name: pv-1, annotations: {pv.kubernetes.io/provisioned-by: x}}
spec: {claimRef: {namespace: shop-copy, name: a}}`},
		"claims of a stateful set in an environment": {typeStatefulSets, apart, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: a, namespace: shop}
spec: {volumeClaimTemplates: [{spec: {storageClassName: fast}}]}`, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: a, namespace: d1-shop}
spec: {volumeClaimTemplates: [{spec: {storageClassName: standard}}]}`},
		"pod": {typePods, elsewhere, `
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: shop}
spec:
  nodeName: n
  priority: 0
  preemptionPolicy: PreemptLowerPriority
  serviceAccountName: web
  volumes: [{name: kube-api-access-abcde, projected: {}}, {name: web-token-abcde, secret: {secretName: web-token-abcde}}, {name: data, emptyDir: {}}]
  containers: [{name: c, volumeMounts: [{name: kube-api-access-abcde, mountPath: /t}, {name: data, mountPath: /d}]}]
  initContainers: [{name: i, volumeMounts: [{name: web-token-abcde, mountPath: /t}]}]`, `
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: shop-copy}
spec:
  serviceAccountName: web
  volumes: [{name: data, emptyDir: {}}]
  containers: [{name: c, volumeMounts: [{name: data, mountPath: /d}]}]
  initContainers: [{name: i}]`},
		"job": {typeJobs, elsewhere, `
apiVersion: batch/v1
kind: Job
metadata: {name: a, namespace: shop, labels: {controller-uid: u, app: a}}
spec:
  selector: {matchLabels: {batch.kubernetes.io/controller-uid: u}}
  template: {metadata: {labels: {controller-uid: u, job-name: a, batch.kubernetes.io/controller-uid: u, app: a}}}`, `
apiVersion: batch/v1
kind: Job
metadata: {name: a, namespace: shop-copy, labels: {app: a}}
spec: {template: {metadata: {labels: {app: a}}}}`},
		"job with a selector of its own": {typeJobs, elsewhere,
			`{apiVersion: batch/v1, kind: Job, metadata: {name: a, namespace: shop}, spec: {manualSelector: true, selector: {matchLabels: {a: b}}}}`,
			`{apiVersion: batch/v1, kind: Job, metadata: {name: a, namespace: shop-copy}, spec: {manualSelector: true, selector: {matchLabels: {a: b}}}}`},
		"service account": {typeServiceAccounts, elsewhere,
			`{apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: shop}, secrets: [{name: web-token-abcde, uid: u}, {name: mine}]}`,
			`{apiVersion: v1, kind: ServiceAccount, metadata: {name: web, namespace: shop-copy}, secrets: [{name: mine}]}`},
		"token": {typeSecrets, elsewhere, `
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata: {name: mine, namespace: shop, annotations: {kubernetes.io/service-account.name: web, kubernetes.io/service-account.uid: u}}
data: {token: eA==, ca.crt: eA==, namespace: eA==, other: eA==}`, `
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata: {name: mine, namespace: shop-copy, annotations: {kubernetes.io/service-account.name: web}}
data: {other: eA==}`},
		"binding": {typeRoleBindings, elsewhere, `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: a, namespace: shop}
subjects:
- {kind: ServiceAccount, name: web, namespace: shop}
- {kind: ServiceAccount, name: prom, namespace: monitoring}
- {kind: Group, name: 'system:serviceaccounts:shop'}
- {kind: User, name: 'system:serviceaccount:shop:web'}
- {kind: User, name: shop}`, `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: a, namespace: shop-copy}
subjects:
- {kind: ServiceAccount, name: web, namespace: shop-copy}
- {kind: ServiceAccount, name: prom, namespace: monitoring}
- {kind: Group, name: 'system:serviceaccounts:shop-copy'}
- {kind: User, name: 'system:serviceaccount:shop-copy:web'}
- {kind: User, name: shop}`},
		"aggregated role of an environment": {typeClusterRoles, apart,
			`{apiVersion: v1, kind: ClusterRole, metadata: {name: a, labels: {rbac.authorization.k8s.io/aggregate-to-admin: "true"}}, aggregationRule: {x: y}, rules: [{a: b}]}`,
			`{apiVersion: v1, kind: ClusterRole, metadata: {name: a}, aggregationRule: {x: y}}`},
		"default class of an environment": {typeStorageClasses, apart,
			`{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}}`,
			`{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: a}}`},
		"default priority of an environment": {typePriorities, apart,
			`{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: a}, globalDefault: true, value: 7}`,
			`{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: a}, value: 7}`},
		"namespace": {typeNamespaces, elsewhere,
			`{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {kubernetes.io/metadata.name: shop, team: x}}, spec: {finalizers: [kubernetes]}}`,
			`{apiVersion: v1, kind: Namespace, metadata: {name: shop-copy, labels: {team: x}}}`},
	})
}

func TestAnEnvironmentHasNoOtherNamespaces(t *testing.T) {
	t.Parallel()
	const text = `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: other}}`
	if _, err := apart.remap(fromYAML(t, typeConfigMaps, text)); !fault.Is(err, fault.Invalid) {
		t.Errorf("a namespace that the environment does not have: %v", err)
	}
	if got, err := elsewhere.remap(fromYAML(t, typeConfigMaps, text)); err != nil || got.GetNamespace() != "other" {
		t.Errorf("a namespace that keeps its name: %v", err)
	}
}

func TestABindingForTheClusterIsConfined(t *testing.T) {
	t.Parallel()
	const text = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: a, labels: {team: x}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lister}
subjects:
- {kind: ServiceAccount, name: web, namespace: shop}
- {kind: Group, name: 'system:serviceaccounts:pay'}
- {kind: User, name: 'system:serviceaccount:shop:job'}
- {kind: ServiceAccount, name: prom, namespace: monitoring}
- {kind: Group, name: 'system:authenticated'}
- {kind: User, name: d1-shop}`
	of, got, err := apart.sends(fromYAML(t, typeClusterBindings, text))
	if err != nil || of != typeRoleBindings {
		t.Fatalf("%s %v", of, err)
	}
	const want = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: a-d1, namespace: NAMESPACE, labels: {team: x, lifeboat-dr.github.io/environment: d1}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: lister}
subjects:
`
	for i, one := range []string{
		strings.ReplaceAll(want, "NAMESPACE", "d1-pay") + "- {kind: Group, name: 'system:serviceaccounts:d1-pay'}",
		strings.ReplaceAll(want, "NAMESPACE", "d1-shop") + "- {kind: ServiceAccount, name: web, namespace: d1-shop}\n- {kind: User, name: 'system:serviceaccount:d1-shop:job'}",
	} {
		if diff := cmp.Diff(fromYAML(t, typeRoleBindings, one).Body.Object, got[i].Object); diff != "" {
			t.Error(diff)
		}
	}
	// The inventory has one again, as the point does.
	point := map[string]string{"shop": "shop", "pay": "pay"}
	copies := map[string]string{"d1-shop": "shop", "d1-pay": "pay"}
	entry, err := entryOf(fromYAML(t, typeClusterBindings, text), point)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(binding map[string]any)
		same   bool
	}{
		"as it was":         {func(map[string]any) {}, true},
		"of another role":   {func(b map[string]any) { fieldsOf(b, "roleRef")["name"] = "other" }, false},
		"of other subjects": {func(b map[string]any) { b["subjects"] = []any{} }, false},
	} {
		changed := got[1].DeepCopy()
		c.change(changed.Object)
		has, err := entryOf(Object{Resource: typeClusterBindings, Name: "a", Body: unconfined([]*unstructured.Unstructured{got[0], changed})}, copies)
		if err != nil || (has == entry) != c.same {
			t.Errorf("%s: %v %+v", name, err, has)
		}
	}
	of, got, err = elsewhere.sends(fromYAML(t, typeClusterBindings, text))
	if err != nil || of != typeClusterBindings || len(got) != 1 {
		t.Errorf("elsewhere: %s, %d objects, %v", of, len(got), err)
	}
}
