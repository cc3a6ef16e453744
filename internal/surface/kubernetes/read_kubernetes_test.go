//go:build kubernetes

package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// asked makes a surface with settings of its own.
func asked(t testing.TB, c surface.Cluster) *Surface {
	t.Helper()
	if c.Kubeconfig == "" {
		c.Kubeconfig = kube.Kubeconfig
	}
	s, err := New("apps", surface.Config{Kind: Kind, Cluster: c})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inPart are the objects of a part, by the names of their entries.
func inPart(t testing.TB, text []byte) (objects map[string]Object, order []string) {
	t.Helper()
	list, err := read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	objects = map[string]Object{}
	for _, o := range list {
		objects[entryName(o)] = o
		order = append(order, entryName(o))
	}
	return objects, order
}

func missingOf(view surface.View) []string { return view.(surface.Partial).Missing() }

func TestEverythingIsInThePoint(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	kube.Apply(t, shop, strings.ReplaceAll(`
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: NAMESPACE-high}
value: 7
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAMESPACE-part, labels: {part-of: NAMESPACE}}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: NAMESPACE-whole}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {part-of: NAMESPACE}}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: whole}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: NAMESPACE-whole}
subjects: [{kind: ServiceAccount, name: web, namespace: NAMESPACE}]
---
apiVersion: v1
kind: Pod
metadata: {name: important}
spec: {priorityClassName: NAMESPACE-high, containers: [{name: c, image: i}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: NAMESPACE-class}
spec: {controller: example.com/none}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: classed}
spec: {ingressClassName: NAMESPACE-class, defaultBackend: {service: {name: web, port: {number: 80}}}}
`, "NAMESPACE", shop))
	awaitBound(t, shop, "data")
	servers.Eventually(t, "the deployment has its pods", func() error {
		list, err := kube.Client.Resource(versionOf(typePods), shop).List(t.Context(), metav1.ListOptions{LabelSelector: "app=web"})
		if err == nil && len(list.Items) < 2 {
			err = fmt.Errorf("%d pods", len(list.Items))
		}
		return err
	})
	s := protecting(t, shop)
	view, err := s.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	if lines := missingOf(view); len(lines) > 0 {
		t.Errorf("an administrator misses %q", lines)
	}
	point := surfacetest.Dump(t, s, view)
	if names, err := s.InPoint(point.Parts()); err != nil || !slices.Equal(names, []string{shop}) {
		t.Errorf("the point has namespaces %q: %v", names, err)
	}

	inside, order := inPart(t, point.Data[resourcesPart])
	volume := textAt(inside[shop+"/persistentvolumeclaims/data"].Body.Object, "spec", "volumeName")
	for _, name := range []string{
		"secrets/registry", "configmaps/settings", "services/web", "serviceaccounts/web", "deployments.apps/web", "statefulsets.apps/queue",
		"jobs.batch/waiting", "cronjobs.batch/nightly", "ingresses.networking.k8s.io/web", "networkpolicies.networking.k8s.io/web",
		"roles.rbac.authorization.k8s.io/reader", "rolebindings.rbac.authorization.k8s.io/reader", "pods/single",
		"horizontalpodautoscalers.autoscaling/web", "shops." + shop + ".example.com/main", "configmaps/kube-root-ca.crt",
	} {
		if _, there := inside[shop+"/"+name]; !there {
			t.Errorf("%s is not in the point", name)
		}
	}
	pods := 0
	for name, o := range inside {
		if strings.Contains(name, "/events") || o.Body.GetManagedFields() != nil || o.Body.GetUID() == "" {
			t.Errorf("%s is in the point, with metadata %v", name, o.Body.Object["metadata"])
		}
		if o.Resource == typePods {
			pods++
		}
	}
	if pods < 4 {
		t.Errorf("%d pods are in the point", pods)
	}
	if !slices.IsSortedFunc(order, func(a, b string) int { return inOrder(inside[a]) - inOrder(inside[b]) }) {
		t.Errorf("not in the order of a restore: %q", order)
	}

	ofAll, _ := inPart(t, point.Data[clusterPart])
	for _, name := range []string{
		"namespaces/" + shop, "customresourcedefinitions.apiextensions.k8s.io/shops." + shop + ".example.com", "persistentvolumes/" + volume,
		"storageclasses.storage.k8s.io/" + servers.HostPathClass, "clusterroles.rbac.authorization.k8s.io/" + shop + "-viewer",
		"clusterrolebindings.rbac.authorization.k8s.io/" + shop + "-viewer", "priorityclasses.scheduling.k8s.io/" + shop + "-high",
		"clusterroles.rbac.authorization.k8s.io/" + shop + "-whole", "clusterroles.rbac.authorization.k8s.io/" + shop + "-part",
		"ingressclasses.networking.k8s.io/" + shop + "-class",
	} {
		if _, there := ofAll["-/"+name]; !there {
			t.Errorf("%s is not in the point", name)
		}
	}
	for name := range ofAll {
		if strings.Contains(name, "cluster-admin") || strings.HasPrefix(name, "-/nodes") {
			t.Errorf("%s is in the point", name)
		}
	}
	requireInventory(t, point.Fingerprint(), shop)
	requireNoSecrets(t, view, point)
}

func inOrder(o Object) int { return order(o.Resource) }

// requireInventory looks for something of each category, and for nothing that
// controllers make.
func requireInventory(t testing.TB, f surface.Fingerprint, namespace string) {
	t.Helper()
	counts := map[string]int64{}
	for _, e := range f {
		counts[e.Kind] += e.Count
		o, ok := parseEntry(e.Name)
		if !ok || o.Namespace != "" && (o.Namespace != namespace || e.Digest == "") {
			t.Errorf("entry %+v", e)
		}
		if o.Resource == typeReplicaSets || o.Resource == typeSlices || o.Name == "kube-root-ca.crt" || o.Resource == typeServiceAccounts && o.Name == "default" {
			t.Errorf("%s is in the fingerprint", e.Name)
		}
	}
	for kind := range categories {
		if counts[kind] == 0 {
			t.Errorf("the fingerprint has nothing of %s", kind)
		}
	}
	if counts[categoryOther] == 0 {
		t.Error("the fingerprint has nothing else")
	}
}

// requireNoSecrets looks for a password outside the parts.
func requireNoSecrets(t testing.TB, view surface.View, point *surfacetest.Point) {
	t.Helper()
	outside, err := json.Marshal([]any{view.Token(), view.Parts(), view.Server(), missingOf(view), point.Fingerprint()})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"hunter2", "aHVudGVyMg"} {
		if bytes.Contains(outside, []byte(text)) {
			t.Error("a secret is outside the parts")
		}
		if !bytes.Contains(point.Data[resourcesPart], []byte(text)) {
			t.Errorf("%s is in no part", text)
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	got, err := protecting(t, kube.Namespace(t)).Probe(t.Context())
	version, failed := kube.Client.Discovery.ServerVersion()
	if err != nil || failed != nil || got.Product != "Kubernetes" || "v"+got.Version != version.GitVersion || fmt.Sprint(got.Major) != version.Minor {
		t.Errorf("%+v, of %v: %v %v", got, version, err, failed)
	}
}

// makeMaps makes config maps of a size.
func makeMaps(t testing.TB, namespace string, n, size int) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for i := range n {
		group.Go(func() error {
			body := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": fmt.Sprintf("map-%05d", i), "labels": map[string]any{"half": fmt.Sprint(i % 2)}},
				"data": map[string]any{"value": strings.Repeat("x", size)},
			}}
			_, err := kube.Client.Resource(versionOf(typeConfigMaps), namespace).Create(ctx, body, metav1.CreateOptions{})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// requireMaps looks for each of the config maps, once.
func requireMaps(t testing.TB, text []byte, namespace string, n int) {
	t.Helper()
	objects, _ := inPart(t, text)
	for i := range n {
		if _, there := objects[fmt.Sprintf("%s/configmaps/map-%05d", namespace, i)]; !there {
			t.Fatalf("config map %d of %d is not in the point", i, n)
		}
	}
}

// TestThousandsOfObjects reads pages, of an API server that asks for patience.
func TestThousandsOfObjects(t *testing.T) {
	t.Parallel()
	const many = 3000
	namespace := kube.Namespace(t)
	makeMaps(t, namespace, many, 100)
	kubeconfig, refused := kube.Throttled(t, 9)
	s := asked(t, surface.Cluster{Config: cluster.Config{Kubeconfig: kubeconfig}, Namespaces: []string{namespace}})
	point := surfacetest.Take(t, s)
	requireMaps(t, point.Data[resourcesPart], namespace, many)
	if refused() == 0 {
		t.Error("the API server has refused nothing")
	}
	half := asked(t, surface.Cluster{Namespaces: []string{namespace}, LabelSelector: "half=1", ExcludeResources: []string{"secrets"}})
	objects, _ := inPart(t, surfacetest.Take(t, half).Data[resourcesPart])
	if len(objects) != many/2 {
		t.Errorf("a label selector leaves %d objects", len(objects))
	}
	none := asked(t, surface.Cluster{Namespaces: []string{namespace}, ExcludeResources: []string{"configmaps"}})
	objects, _ = inPart(t, surfacetest.Take(t, none).Data[resourcesPart])
	if len(objects) > 10 {
		t.Errorf("without config maps there are %d objects", len(objects))
	}
}

func TestWhatIsBeingDeletedIsInNoPoint(t *testing.T) {
	t.Parallel()
	namespace := kube.Namespace(t)
	kube.Apply(t, namespace, `{apiVersion: v1, kind: ConfigMap, metadata: {name: going, finalizers: [example.com/hangs]}}`)
	client := kube.Client.Resource(versionOf(typeConfigMaps), namespace)
	if err := client.Delete(t.Context(), "going", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The namespace would hang, too.
		body := []byte(`{"metadata":{"finalizers":null}}`)
		_, _ = client.Patch(context.WithoutCancel(t.Context()), "going", "application/merge-patch+json", body, metav1.PatchOptions{})
	})
	if !isThere(t, typeConfigMaps, namespace, "going") {
		t.Fatal("it has gone")
	}
	point := surfacetest.Take(t, protecting(t, namespace))
	if objects, _ := inPart(t, point.Data[resourcesPart]); objects[namespace+"/configmaps/going"].Body != nil {
		t.Error("it is in the point")
	}
}

// TestForbidden has a user who may not read everything.
func TestForbidden(t *testing.T) {
	t.Parallel()
	shop, pay := kube.Namespace(t), kube.Namespace(t)
	for _, namespace := range []string{shop, pay} {
		fillSmall(t, namespace)
	}
	kubeconfig := kube.UserOf(t, shop, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps", "pods"}, Verbs: []string{"list", "get"}})
	s := asked(t, surface.Cluster{Config: cluster.Config{Kubeconfig: kubeconfig}, Namespaces: []string{shop, pay}})
	view, err := s.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	lines := missingOf(view)
	user := kubeconfigUser(t, lines)
	for _, line := range []string{
		"configmaps in namespace " + pay + ": forbidden to user " + user, "secrets in all 2 namespaces: forbidden to user " + user,
		"clusterrolebindings.rbac.authorization.k8s.io: forbidden to user " + user, "namespace " + shop + ": forbidden to user " + user,
	} {
		if !slices.Contains(lines, line) {
			t.Errorf("%q is not among %q", line, lines)
		}
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "configmaps in namespace "+shop) || strings.HasPrefix(line, "priorityclasses") {
			t.Errorf("%q is missing", line)
		}
	}
	point := surfacetest.Dump(t, s, view)
	objects, _ := inPart(t, point.Data[resourcesPart])
	if objects[shop+"/configmaps/settings"].Body == nil || objects[pay+"/configmaps/settings"].Body != nil || objects[shop+"/secrets/password"].Body != nil {
		t.Errorf("the point has %v", objects)
	}
	if objects, _ := inPart(t, point.Data[clusterPart]); len(objects) != 0 {
		t.Errorf("of the cluster the point has %v", objects)
	}

	full := surface.Cluster{Namespaces: []string{shop}}
	all, err := asked(t, full).Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Dump(t.Context(), all.Token(), view.Parts()[0], io.Discard); !fault.Is(err, fault.Lost) {
		t.Errorf("what could be read when the view was opened is forbidden now: %v", err)
	}
	nobody := asked(t, surface.Cluster{Config: cluster.Config{Kubeconfig: kube.User(t)}, Namespaces: []string{shop}})
	if _, err := nobody.Hold(t.Context()); !fault.Is(err, fault.Denied) {
		t.Errorf("nothing may be read: %v", err)
	}
}

func fillSmall(t testing.TB, namespace string) {
	t.Helper()
	kube.Apply(t, namespace, "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}\n---\n{apiVersion: v1, kind: Secret, metadata: {name: password}}")
}

// kubeconfigUser is the user that lines tell of.
func kubeconfigUser(t testing.TB, lines []string) string {
	t.Helper()
	for _, line := range lines {
		if _, user, ok := strings.Cut(line, "forbidden to user "); ok {
			return user
		}
	}
	t.Fatalf("%q tell of no user", lines)
	return ""
}

// TestAllNamespaces reads them in one list where that is allowed, and else in one for each.
func TestAllNamespaces(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fillSmall(t, shop)
	_, place := apartFrom(t, "other")
	kube.Apply(t, shop, strings.ReplaceAll(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: everybody}
rules: [{apiGroups: [""], resources: [secrets], verbs: [list, get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: everybody}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: everybody}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: "system:authenticated"}]
`, "NAMESPACE", shop))
	all := surface.Cluster{Namespaces: []string{allNamespaces}, ExcludeResources: []string{"pods", "configmaps"}}
	narrow := all
	narrow.Kubeconfig = kube.User(t,
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"list", "get"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"list"}})
	for _, c := range []surface.Cluster{all, narrow} {
		s := asked(t, c)
		var text bytes.Buffer
		// Another test may bring a type of its own in between, which makes the view worthless.
		servers.Eventually(t, "all namespaces are in a point", func() error {
			view, err := s.Hold(t.Context())
			if err != nil {
				return err
			}
			names, err := s.InPoint(view.Parts())
			if err != nil || !slices.Contains(names, shop) || !slices.Contains(names, "kube-system") || slices.Contains(names, place.Namespaces["other"]) {
				t.Errorf("the point has namespaces %q: %v", names, err)
			}
			text.Reset()
			_, err = s.Dump(t.Context(), view.Token(), view.Parts()[0], &text)
			if err != nil && !fault.Is(err, fault.Lost) {
				t.Fatal(err)
			}
			return err
		})
		objects, _ := inPart(t, text.Bytes())
		if objects[shop+"/secrets/password"].Body == nil || objects["default/services/kubernetes"].Body == nil {
			t.Errorf("the point has not all of it")
		}
		for name := range objects {
			if strings.HasPrefix(name, place.Namespaces["other"]+"/") {
				t.Errorf("%s of an environment is in the point", name)
			}
		}
	}
	narrow.Kubeconfig = kube.User(t)
	if _, err := asked(t, narrow).Hold(t.Context()); !fault.Is(err, fault.Denied) {
		t.Errorf("namespaces may not be listed: %v", err)
	}
}

func TestNamespacesThatAreNotThere(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	view, err := protecting(t, shop, "no-such").Hold(t.Context())
	if err != nil || !slices.Equal(missingOf(view), []string{"namespace no-such: it is not there"}) {
		t.Errorf("%v %v", view, err)
	}
	if _, err := protecting(t, "no-such").Hold(t.Context()); !fault.Is(err, fault.Missing) {
		t.Error(err)
	}
}

// TestWhatACopyHasMore is told of, unless nobody has put it there.
func TestWhatACopyHasMore(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	kube.Apply(t, shop, "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: b}}\n---\n{apiVersion: v1, kind: Secret, metadata: {name: password}}")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	to, place := apartFrom(t, shop)
	surfacetest.Restore(t, s, to, point)
	copied := place.Namespaces[shop]
	create(t, versionOf(typeConfigMaps), copied, map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "more"}})
	own := labelledOf(place.ID)
	own["metadata"].(map[string]any)["name"] = "own"
	create(t, versionOf(typeConfigMaps), copied, own)
	create(t, versionOf(typeConfigMaps), copied, map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{
		"name": "owned", "ownerReferences": []any{map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "name": "more", "uid": string(get(t, typeConfigMaps, copied, "more").GetUID()), "controller": true,
		}},
	}})
	merge(t, typeConfigMaps, copied, "settings", `{"data":{"a":"c"}}`)
	if err := kube.Client.Resource(versionOf(typeSecrets), copied).Delete(t.Context(), "password", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	to.Expected = point.Fingerprint()
	got, err := s.Fingerprint(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	var problems []string
	for _, d := range point.Fingerprint().Compare(got) {
		problems = append(problems, d.Name+" "+d.Problem)
	}
	want := []string{shop + "/configmaps/more unexpected", shop + "/configmaps/settings digest", shop + "/secrets/password missing"}
	if !slices.Equal(problems, want) {
		t.Errorf("different are %q", problems)
	}
}

// TestABrokenGroup has a server behind the API server that is not there. The
// test is not parallel to others: theirs would miss the group, too.
func TestABrokenGroup(t *testing.T) {
	namespace := kube.Namespace(t)
	fillSmall(t, namespace)
	kube.Apply(t, namespace, `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.broken.example.com}
spec: {group: broken.example.com, version: v1, groupPriorityMinimum: 1000, versionPriority: 10, insecureSkipTLSVerify: true, service: {name: none, namespace: default}}
`)
	s := protecting(t, namespace)
	servers.Eventually(t, "the group is named", func() error {
		view, err := s.Hold(t.Context())
		if err != nil {
			return err
		}
		if lines := missingOf(view); len(lines) != 1 || !strings.HasPrefix(lines[0], "API group broken.example.com/v1: ") {
			return fmt.Errorf("missing are %q", lines)
		}
		return nil
	})
	objects, _ := inPart(t, surfacetest.Take(t, s).Data[resourcesPart])
	if objects[namespace+"/secrets/password"].Body == nil {
		t.Error("the secret is not in the point")
	}
}

// restarting restarts the API server when the first config map comes by.
type restarting struct {
	bytes.Buffer
	restart func()
	once    sync.Once
}

func (w *restarting) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("map-00000")) {
		w.once.Do(w.restart)
	}
	return w.Buffer.Write(p)
}

// TestAnAPIServerThatRestarts is not parallel to others, whose requests would fail.
func TestAnAPIServerThatRestarts(t *testing.T) {
	const many, size = 800, 30 << 10
	namespace := kube.Namespace(t)
	makeMaps(t, namespace, many, size)
	s := protecting(t, namespace)
	view, err := s.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	restarted := false
	w := &restarting{restart: func() { kube.RestartAPIServer(t); restarted = true }}
	_, err = s.Dump(t.Context(), view.Token(), view.Parts()[0], w)
	if !restarted {
		t.Fatal("the API server was not restarted")
	}
	if err == nil {
		requireMaps(t, w.Bytes(), namespace, many)
	} else if !fault.Is(err, fault.Unavailable) {
		t.Fatal(err)
	}
	if err := view.Check(t.Context()); err != nil {
		t.Errorf("the view: %v", err)
	}
	var again bytes.Buffer
	if _, err := s.Dump(t.Context(), view.Token(), view.Parts()[0], &again); err != nil {
		t.Fatal(err)
	}
	requireMaps(t, again.Bytes(), namespace, many)
}
