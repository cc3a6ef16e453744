//go:build kubernetes

package kubernetes

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// widgets is the definition of a type; it has the label of an environment unless that is empty.
func widgets(group, place string) string {
	labels := ""
	if place != "" {
		labels = fmt.Sprintf(", labels: {%s: %s}", cluster.LabelEnvironment, place)
	}
	return fmt.Sprintf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.%[1]s%[2]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`, group, labels)
}

func widget(group, name, finalizer string) string {
	return fmt.Sprintf("{apiVersion: %s/v1, kind: Widget, metadata: {name: %s, finalizers: [%s]}}", group, name, finalizer)
}

func exists(t *testing.T, of schema.GroupVersionResource, namespace, name string) bool {
	t.Helper()
	_, err := kube.Client.Resource(of, namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	return err == nil
}

func TestFinalisersThatHangAreNamedAndThenTakenOff(t *testing.T) {
	t.Parallel()
	e := mustNew(t, environment.Cluster{Prefix: "hang-"})
	e.patience = time.Hour
	const id, group = "hang", "hang.example.com"
	name := mustMake(t, e, id, "shop")[0]
	hold(t, name)
	kube.Apply(t, name, widgets(group, "")+"---\n"+widget(group, "stuck", group+"/operator"))

	err := e.Remove(during(t, 20*time.Second), id)
	if !fault.Is(err, fault.Unavailable) ||
		!mentions(err, "configmaps/held in namespace "+name, "example.com/hold", "widgets."+group+"/stuck", group+"/operator", "taken off after 1h") {
		t.Fatalf("%v", err)
	}
	left, err := e.Left(t.Context(), id)
	if err != nil || !strings.Contains(strings.Join(left, "\n"), "widgets."+group+"/stuck in namespace "+name+" waits for the finaliser "+group+"/operator") {
		t.Fatalf("left: %q %v", left, err)
	}
	e.patience = 0
	if err := e.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if left, err := e.Left(t.Context(), id); err != nil || len(left) > 0 {
		t.Errorf("left: %q %v", left, err)
	}
	if exists(t, namespaces, "", name) {
		t.Error("the namespace is still there")
	}
}

func TestAFinaliserOfTheNamespaceItself(t *testing.T) {
	t.Parallel()
	e := mustNew(t, environment.Cluster{Prefix: "self-"})
	name := mustMake(t, e, "self", "shop")[0]
	patch := []byte(`{"metadata":{"finalizers":["example.com/namespaces"]}}`)
	if _, err := kube.Client.Resource(namespaces, "").Patch(t.Context(), name, "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := e.Remove(during(t, 20*time.Second), "self"); !fault.Is(err, fault.Unavailable) || !mentions(err, "namespaces/"+name, "example.com/namespaces") {
		t.Errorf("%v", err)
	}
	e.patience = 0
	if err := e.Remove(t.Context(), "self"); err != nil || exists(t, namespaces, "", name) {
		t.Errorf("%v", err)
	}
}

func TestWhatIsRemovedBesideNamespaces(t *testing.T) {
	t.Parallel()
	e := mustNew(t, environment.Cluster{Prefix: "beside-"})
	const id, ours, used = "beside", "ours.example.com", "used.example.com"
	name := mustMake(t, e, id, "shop")[0]
	labels := fmt.Sprintf("labels: {%s: %s}", cluster.LabelEnvironment, id)
	kube.Apply(t, name, fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: beside-copy, %[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: beside-live}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: beside-copy, %[1]s}
provisioner: kubernetes.io/host-path
reclaimPolicy: Retain
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: beside-by-hand}
spec:
  capacity: {storage: 1Mi}
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  persistentVolumeReclaimPolicy: Retain
  hostPath: {path: /tmp/beside-by-hand}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: provisioned}
spec: {storageClassName: beside-copy, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: by-hand}
spec: {storageClassName: by-hand, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
`, labels)+"---\n"+widgets(ours, id)+"---\n"+widget(ours, "copy", ours+"/hold")+"\n---\n"+widgets(used, id))
	live := kube.Namespace(t)
	kube.Apply(t, live, fmt.Sprintf(`
apiVersion: %[1]s/v1
kind: Widget
metadata: {name: live}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: beside-used, %[2]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: beside-namesake, %[2]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: used}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: beside-used}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: namesake}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: beside-namesake}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: beside-used, %[2]s}
value: 7
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: used}
spec:
  schedule: "0 1 1 1 *"
  jobTemplate: {spec: {template: {spec: {priorityClassName: beside-used, restartPolicy: Never, containers: [{name: c, image: c}]}}}}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: beside-copy, %[2]s}
spec: {controller: example.com/none}
`, used, labels))

	bound := map[string]string{}
	for _, claim := range []string{"provisioned", "by-hand"} {
		servers.Eventually(t, claim+" is bound", func() error {
			found, err := kube.Client.Resource(claims, name).Get(t.Context(), claim, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if phase, _, _ := unstructured.NestedString(found.Object, "status", "phase"); phase != string(corev1.ClaimBound) {
				return fmt.Errorf("it is %s", phase)
			}
			bound[claim], _, err = unstructured.NestedString(found.Object, "spec", "volumeName")
			return err
		})
	}
	if bound["by-hand"] != "beside-by-hand" {
		t.Fatalf("bound %v", bound)
	}
	e.patience = 0
	if err := e.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	left, err := e.Left(t.Context(), id)
	if err != nil || len(left) != 1 || !strings.HasPrefix(left[0], "persistentvolumes/beside-by-hand was not provisioned for a claim") {
		t.Errorf("left: %q %v", left, err)
	}
	if ids, err := e.IDs(t.Context()); err != nil || slices.Contains(ids, id) {
		t.Errorf("IDs: %q %v", ids, err)
	}
	roles := schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}
	classes := schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"}
	priorities := schema.GroupVersionResource{Group: "scheduling.k8s.io", Version: "v1", Resource: "priorityclasses"}
	for what, there := range map[string]bool{
		"the copy's role":       exists(t, roles, "", "beside-copy"),
		"the copy's class":      exists(t, classes, "", "beside-copy"),
		"the copy's type":       exists(t, definitions, "", "widgets."+ours),
		"the volume made":       exists(t, volumes, "", bound["provisioned"]),
		"not the volume kept":   !exists(t, volumes, "", "beside-by-hand"),
		"the copy's namespace":  exists(t, namespaces, "", name),
		"the class for ingress": exists(t, schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"}, "", "beside-copy"),
		"a role's namesake":     exists(t, roles, "", "beside-namesake"),
		"not the role kept":     !exists(t, roles, "", "beside-used"),
		"not the priority kept": !exists(t, priorities, "", "beside-used"),
		"not the live role":     !exists(t, roles, "", "beside-live"),
		"not the type kept":     !exists(t, definitions, "", "widgets."+used),
		"not the live resource": !exists(t, schema.GroupVersionResource{Group: used, Version: "v1", Resource: "widgets"}, live, "live"),
	} {
		if there {
			t.Errorf("%s", what)
		}
	}
}
