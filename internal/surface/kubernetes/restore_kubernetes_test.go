//go:build kubernetes

package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestSurface(t *testing.T) {
	t.Parallel()
	shop, pay := kube.Namespace(t), kube.Namespace(t)
	surfacetest.Run(t, surfacetest.Harness{
		Surface: protecting(t, shop, pay),
		Fill: func(t testing.TB) {
			fill(t, shop)
			kube.Apply(t, pay, "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: b}}")
			awaitBound(t, shop, "data")
		},
		Change:    func(t testing.TB) { merge(t, typeConfigMaps, shop, "settings", `{"data":{"size":"4"}}`) },
		NewTarget: func(t testing.TB) surface.Target { return into(t, shop, pay) },
		Occupy: func(t testing.TB, of surface.Target) {
			to := target(t, of, shop)
			create(t, namespacesResource, "", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": to}})
			kube.Apply(t, to, "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {size: other, more: x}}")
		},
		OneShot: true,
		Left:    func(testing.TB) []string { return nil },
	})
}

// awaitBound waits until a claim has its volume.
func awaitBound(t testing.TB, namespace, name string) {
	t.Helper()
	servers.Eventually(t, "claim "+name+" is bound", func() error {
		if phase := textAt(get(t, typeClaims, namespace, name).Object, "status", "phase"); phase != "Bound" {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
}

func TestAnEnvironmentIsApartFromWhatIsLive(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	merge(t, typeServiceAccounts, shop, "default", `{"imagePullSecrets":[{"name":"registry"}]}`)
	fill(t, shop)
	awaitBound(t, shop, "data")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	live := versions(t, shop)
	to, place := apartFrom(t, shop)
	copied := place.Namespaces[shop]
	binding := shop + "-viewer-" + place.ID
	deleteAtEnd(t, versionOf(typeClusterBindings), "", binding)
	surfacetest.Restore(t, s, to, point)

	if diff := cmp.Diff(live, versions(t, shop)); diff != "" {
		t.Errorf("the live namespace was changed: %s", diff)
	}
	service := get(t, typeServices, copied, "web")
	if kind := textAt(service.Object, "spec", "type"); kind != "ClusterIP" || len(service.GetAnnotations()) > 0 {
		t.Errorf("a service of type %s with annotations %v", kind, service.GetAnnotations())
	}
	for _, rule := range mapsOf(get(t, typeIngresses, copied, "web").Object, "spec", "rules") {
		if rule["host"] != "shop-example-com.drill.invalid" {
			t.Errorf("host %v", rule["host"])
		}
	}
	egress := mapsOf(get(t, typePolicies, copied, "web").Object, "spec", "egress")
	if len(egress) != 1 || len(listAt(egress[0], "to")) != 1 {
		t.Errorf("egress %v", egress)
	}
	volume, old := textAt(get(t, typeClaims, copied, "data").Object, "spec", "volumeName"), textAt(get(t, typeClaims, shop, "data").Object, "spec", "volumeName")
	if volume == "" || volume == old {
		t.Errorf("the claim has volume %q, that of the live one is %q", volume, old)
	}
	bound := get(t, typeClusterBindings, "", binding)
	subjects := mapsOf(bound.Object, "subjects")
	if bound.GetLabels()[cluster.LabelEnvironment] != place.ID || len(subjects) != 1 || subjects[0]["namespace"] != copied {
		t.Errorf("labels %v, subjects %v", bound.GetLabels(), subjects)
	}
	servers.Eventually(t, "the default service account has its secrets to pull images with", func() error {
		if list := listAt(get(t, typeServiceAccounts, copied, "default").Object, "imagePullSecrets"); len(list) != 1 {
			return fmt.Errorf("it has %v", list)
		}
		return nil
	})
	servers.Eventually(t, "the token is signed for its new account", func() error {
		if token := textAt(get(t, typeSecrets, copied, "long-lived").Object, "data", "token"); token == "" {
			return fmt.Errorf("it is empty")
		}
		return nil
	})
}

func TestAnEnvironmentMustBeWhatItSays(t *testing.T) {
	t.Parallel()
	shop, live := kube.Namespace(t), kube.Namespace(t)
	kube.Apply(t, shop, "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	place := cluster.Place{Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, ID: "drill", Namespaces: map[string]string{shop: live}}
	if err := s.Begin(t.Context(), surface.Target{URL: place.URL()}, point); !fault.Is(err, fault.Conflict) {
		t.Errorf("a namespace without the environment's label: %v", err)
	}
	place.Namespaces = map[string]string{"other": live}
	to, _ := apartFrom(t, "other")
	if err := s.Begin(t.Context(), to, point); !fault.Is(err, fault.Invalid) {
		t.Errorf("an environment without a namespace for the point's: %v", err)
	}
	to, made := apartFrom(t, shop)
	own := labelledOf(made.ID)
	create(t, versionOf(typeConfigMaps), made.Namespaces[shop], own)
	to.Conflict = surface.ConflictUpdate
	if err := s.Begin(t.Context(), to, point); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "belongs to the environment") {
		t.Errorf("an object of the environment's own in the way: %v", err)
	}
}

func labelledOf(id string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{"own": "x"}, "metadata": map[string]any{
		"name": "settings", "labels": map[string]any{cluster.LabelEnvironment: id},
	}}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	kube.Apply(t, shop, `
{apiVersion: v1, kind: ConfigMap, metadata: {name: changed, labels: {app: web}}, data: {a: point, b: point}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: same}, data: {a: point}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: new}, data: {a: point}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: host}
spec: {rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
`)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	occupied := func(t *testing.T) (surface.Target, string) {
		to := into(t, shop)
		name := target(t, to, shop)
		create(t, namespacesResource, "", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
		kube.Apply(t, name, `
{apiVersion: v1, kind: ConfigMap, metadata: {name: changed, labels: {app: web, mine: x}}, data: {a: mine, c: mine}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: same}, data: {a: point}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: host}
spec: {rules: [{host: other.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
`)
		return to, name
	}
	load := func(t *testing.T, to surface.Target) error {
		if err := s.Begin(t.Context(), to, point); err != nil {
			return err
		}
		if err := surfacetest.Load(t.Context(), s, to, point); err != nil {
			return err
		}
		return s.Finish(t.Context(), to, point)
	}
	data := func(t *testing.T, namespace string) any {
		return get(t, typeConfigMaps, namespace, "changed").Object["data"]
	}

	t.Run("fail", func(t *testing.T) {
		to, name := occupied(t)
		before := versions(t, name)
		err := load(t, to)
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "ConfigMap "+name+"/changed: it is there already") ||
			!strings.Contains(err.Error(), "Ingress "+name+"/host") || strings.Contains(err.Error(), "same") || strings.Contains(err.Error(), "mine") {
			t.Errorf("something in the way: %v", err)
		}
		if diff := cmp.Diff(before, versions(t, name)); diff != "" {
			t.Errorf("a refused restore changed something: %s", diff)
		}
	})
	t.Run("skip", func(t *testing.T) {
		to, name := occupied(t)
		to.Conflict = surface.ConflictSkip
		if err := load(t, to); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"a": "mine", "c": "mine"}, data(t, name)); diff != "" || !isThere(t, typeConfigMaps, name, "new") {
			t.Errorf("what was there is not as it was, or the rest is missing: %s", diff)
		}
	})
	t.Run("update", func(t *testing.T) {
		to, name := occupied(t)
		to.Conflict = surface.ConflictUpdate
		if err := load(t, to); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"a": "point", "b": "point"}, data(t, name)); diff != "" {
			t.Errorf("what was there is not as in the point: %s", diff)
		}
		if labels := get(t, typeConfigMaps, name, "changed").GetLabels(); len(labels) != 1 {
			t.Errorf("labels %v", labels)
		}
		for _, rule := range mapsOf(get(t, typeIngresses, name, "host").Object, "spec", "rules") {
			if rule["host"] != "shop.example.com" {
				t.Errorf("host %v", rule["host"])
			}
		}
		surfacetest.RequireSame(t, s, to, point)
	})
	t.Run("unknown", func(t *testing.T) {
		to := into(t, shop)
		to.Conflict = "merge"
		if err := load(t, to); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}

func TestASelectionIsRestoredAlone(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	for name, c := range map[string]struct {
		selection surface.Selection
		has, not  []string
	}{
		"type":        {surface.Selection{Resources: []string{"configmaps", "secrets", "serviceaccounts"}}, []string{"configmaps settings", "secrets registry"}, []string{"services web"}},
		"name":        {surface.Selection{Names: []string{shop + "/web"}}, []string{"services web", "serviceaccounts web"}, []string{"services queue"}},
		"labels":      {surface.Selection{Labels: "app=web"}, []string{"configmaps settings"}, []string{"services queue", "services web"}},
		"all of them": {surface.Selection{Resources: []string{"secrets"}, Labels: "app=web"}, []string{"secrets registry"}, []string{"secrets long-lived", "configmaps settings"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := into(t, shop)
			to.Selection = c.selection
			if err := s.Begin(t.Context(), to, point); err != nil {
				t.Fatal(err)
			}
			if err := surfacetest.Load(t.Context(), s, to, point); err != nil {
				t.Fatal(err)
			}
			if err := s.Finish(t.Context(), to, point); err != nil {
				t.Fatal(err)
			}
			there := func(what string) bool {
				of, name, _ := strings.Cut(what, " ")
				return isThere(t, schema.ParseGroupResource(of), target(t, to, shop), name)
			}
			for _, what := range c.has {
				if !there(what) {
					t.Errorf("%s is missing", what)
				}
			}
			for _, what := range c.not {
				if there(what) {
					t.Errorf("%s is there", what)
				}
			}
			to.Expected = s.Scope(point.Fingerprint(), c.selection)
			got, err := s.Fingerprint(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range to.Expected.Compare(got) {
				t.Error(d)
			}
		})
	}
	for _, selection := range []surface.Selection{
		{Resources: []string{"shopz"}}, {Labels: "app in"}, {Tables: []string{"a.b"}}, {Names: []string{"nobody"}},
	} {
		to := into(t, shop)
		to.Selection = selection
		if err := s.Begin(t.Context(), to, point); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", selection, err)
		}
	}
}

func TestADiffChangesNothing(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	to := into(t, shop)
	name := target(t, to, shop)
	changes, err := s.Diff(t.Context(), to, point, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if isThere(t, typeNamespaces, "", name) {
		t.Fatal("a diff made a namespace")
	}
	found := map[string]surface.Change{}
	for _, c := range changes {
		found[c.Kind+" "+c.Name] = c
	}
	for _, what := range []string{"Namespace " + name, "Shop " + name + "/main", "Deployment " + name + "/web"} {
		if found[what].Action != actionCreate {
			t.Errorf("%s: %+v", what, found[what])
		}
	}
	if few, err := s.Diff(t.Context(), to, point, 2); err != nil || cmp.Diff(changes[:2], few) != "" {
		t.Errorf("the first two: %+v %v", few, err)
	}

	surfacetest.Restore(t, s, to, point)
	if changes, err := s.Diff(t.Context(), to, point, 1000); err != nil || len(changes) > 0 {
		t.Errorf("after a restore: %+v %v", changes, err)
	}
	merge(t, typeConfigMaps, name, "settings", `{"data":{"log.level":"hunter3","size":null,"extra":"hunter4"}}`)
	before := versions(t, name)
	to.Conflict = surface.ConflictUpdate
	changes, err = s.Diff(t.Context(), to, point, 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := []surface.Change{{Action: actionUpdate, Kind: "ConfigMap", Name: name + "/settings", Fields: []string{"data.extra", "data.size", `data["log.level"]`}}}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Error(diff)
	}
	for _, policy := range []string{surface.ConflictSkip, surface.ConflictFail} {
		to.Conflict = policy
		if changes, err := s.Diff(t.Context(), to, point, 1000); err != nil || len(changes) != 1 ||
			changes[0].Action != map[string]string{surface.ConflictSkip: actionSkip, surface.ConflictFail: actionConflict}[policy] {
			t.Errorf("%s: %+v %v", policy, changes, err)
		}
	}
	if diff := cmp.Diff(before, versions(t, name)); diff != "" {
		t.Errorf("a diff changed something: %s", diff)
	}
}

func TestARepeatedLoadChangesNothing(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	to := into(t, shop)
	surfacetest.Restore(t, s, to, point)
	name := target(t, to, shop)
	// The controllers must have done with what they write into services and secrets.
	servers.Eventually(t, "the token is signed", func() error {
		if textAt(get(t, typeSecrets, name, "long-lived").Object, "data", "token") == "" {
			return fmt.Errorf("it is empty")
		}
		return nil
	})
	before := versions(t, name)
	if err := surfacetest.Load(t.Context(), s, to, point); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, versions(t, name)); diff != "" {
		t.Error(diff)
	}
	// What was restored and has been changed since is put right, as long as the restore goes on.
	merge(t, typeConfigMaps, name, "settings", `{"data":{"size":"4"}}`)
	if err := surfacetest.Load(t.Context(), s, to, point); err != nil {
		t.Fatal(err)
	}
	surfacetest.RequireSame(t, s, to, point)
}

func TestRestoreThroughAThrottledAPIServer(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	throttled, refused := kube.Throttled(t, 7)
	to := into(t, shop)
	place, err := cluster.ParsePlace(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	place.Kubeconfig = throttled
	to.URL = place.URL()
	surfacetest.Restore(t, s, to, point)
	if refused() == 0 {
		t.Error("nothing was throttled")
	}
}

// trigger calls do once, when the first of some bytes have been read.
type trigger struct {
	*bytes.Reader
	after int64
	once  sync.Once
	do    func()
}

func (r *trigger) Read(p []byte) (int, error) {
	if r.Size()-int64(r.Len()) >= r.after {
		r.once.Do(r.do)
	}
	return r.Reader.Read(p[:min(len(p), 512)])
}

func TestRestoreWhileTheAPIServerStartsAnew(t *testing.T) {
	// It is not parallel: others would see the restart, too.
	shop := kube.Namespace(t)
	fill(t, shop)
	for i := range 200 {
		kube.Apply(t, shop, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: more-%d}, data: {a: b}}", i))
	}
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	to := into(t, shop)
	if err := s.Begin(t.Context(), to, point); err != nil {
		t.Fatal(err)
	}
	restarts := 0
	for _, part := range point.Parts() {
		if part.Role != surface.RoleData {
			continue
		}
		plain := point.Data[part.Name]
		r := &trigger{Reader: bytes.NewReader(plain), after: int64(len(plain) / 2), do: func() { restarts++; kube.RestartAPIServer(t) }}
		servers.Eventually(t, "the part is loaded", func() error {
			err := s.Load(t.Context(), to, part, r)
			if err != nil && !fault.Is(err, fault.Unavailable) {
				t.Fatalf("a restart in the middle: %v", err)
			}
			r.Reset(plain)
			return err
		})
	}
	if restarts != 1 {
		t.Errorf("%d restarts", restarts)
	}
	if err := s.Finish(t.Context(), to, point); err != nil {
		t.Fatal(err)
	}
	surfacetest.RequireSame(t, s, to, point)
}

func TestObjectsThatAreRefusedAreNamed(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	s := protecting(t, shop)
	to := surface.Target{URL: cluster.Place{Config: cluster.Config{Kubeconfig: kube.Kubeconfig}}.URL()}
	part := surface.Part{Name: resourcesPart, Role: surface.RoleData}
	load := func(objects map[schema.GroupResource]string) error {
		for of, text := range objects {
			objects[of] = strings.ReplaceAll(text, "SHOP", shop)
		}
		return s.Load(t.Context(), to, part, bytes.NewReader(tarball(t, objects)))
	}
	err := load(map[schema.GroupResource]string{
		typeServices:   "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: SHOP}, spec: {sessionAffinity: hunter2, ports: [{port: 80}]}}",
		typeConfigMaps: "{apiVersion: v1, kind: ConfigMap, metadata: {name: good, namespace: SHOP}, data: {a: b}}",
	})
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "Service "+shop+"/web: the API server refuses its spec.sessionAffinity") ||
		strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an invalid service: %v", err)
	}
	if !isThere(t, typeConfigMaps, shop, "good") {
		t.Error("one that was refused kept another from being restored")
	}
	shops := schema.GroupResource{Group: "nobody.example.com", Resource: "shops"}
	err = load(map[schema.GroupResource]string{shops: "{apiVersion: nobody.example.com/v1, kind: Shop, metadata: {name: a, namespace: SHOP}}"})
	if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), shops.String()) {
		t.Errorf("a type that is not served: %v", err)
	}
	// An autoscaler of a version that is gone fits the newer one, an ingress does not.
	err = load(map[schema.GroupResource]string{
		{Group: "autoscaling", Resource: "horizontalpodautoscalers"}: `
{apiVersion: autoscaling/v2beta2, kind: HorizontalPodAutoscaler, metadata: {name: web, namespace: SHOP}, spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}}`,
		typeIngresses: `
{apiVersion: networking.k8s.io/v1beta1, kind: Ingress, metadata: {name: web, namespace: SHOP}, spec: {backend: {serviceName: hunter2, servicePort: 80}}}`,
	})
	if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "Ingress "+shop+"/web") || strings.Contains(err.Error(), "hunter2") ||
		!strings.Contains(err.Error(), "1 object") {
		t.Errorf("types of older versions: %v", err)
	}
	// Server-side apply can't take the same name twice, which a plain request can.
	const twice = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: twice, namespace: SHOP}
spec:
  selector: {matchLabels: {app: a}}
  template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: a, env: [{name: A, value: one}, {name: A, value: two}]}]}}`
	for range 2 {
		if err := load(map[schema.GroupResource]string{typeDeployments: twice}); err != nil {
			t.Fatal(err)
		}
	}
	env := listAt(mapsOf(get(t, typeDeployments, shop, "twice").Object, "spec", "template", "spec", "containers")[0], "env")
	if len(env) != 2 {
		t.Errorf("variables %v", env)
	}
}

func TestAUserWithoutRightsIsToldSo(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	kube.Apply(t, shop, "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: b}}")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	to := surface.Target{URL: cluster.Place{Config: cluster.Config{Kubeconfig: kube.User(t)}}.URL()}
	if err := s.Begin(t.Context(), to, point); !fault.Is(err, fault.Denied) {
		t.Errorf("a user who may do nothing: %v", err)
	}
}

func TestFinishEndsWithItsContext(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	create(t, classesResource, "", map[string]any{
		"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example.com/nobody", "metadata": map[string]any{"name": shop + "-never"},
	})
	kube.Apply(t, shop, `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data},
 spec: {storageClassName: `+shop+`-never, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}`)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	to := surface.Target{}
	go func() { done <- s.Finish(ctx, to, point) }()
	cancel()
	if err := <-done; !fault.Is(err, fault.Unavailable) {
		t.Errorf("a claim that is never bound: %v", err)
	}
}

func TestTheLiveNamespaceIsPutRight(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	awaitBound(t, shop, "data")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	volume := textAt(get(t, typeClaims, shop, "data").Object, "spec", "volumeName")
	merge(t, typeConfigMaps, shop, "settings", `{"data":{"size":"4"}}`)
	merge(t, typePolicies, shop, "web", `{"spec":{"egress":[]}}`)
	if err := kube.Client.Resource(versionOf(typeServices), shop).Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	live := surface.Target{Replace: true}
	surfacetest.Restore(t, s, live, point)
	if got := textAt(get(t, typeServices, shop, "web").Object, "spec", "type"); got != "LoadBalancer" {
		t.Errorf("the service is a %s", got)
	}
	if got := textAt(get(t, typeClaims, shop, "data").Object, "spec", "volumeName"); got != volume {
		t.Errorf("the claim has volume %s, it had %s", got, volume)
	}
	if egress := mapsOf(get(t, typePolicies, shop, "web").Object, "spec", "egress"); len(egress) != 1 {
		t.Errorf("egress %v", egress)
	}
	subjects := mapsOf(get(t, typeClusterBindings, "", shop+"-viewer").Object, "subjects")
	if len(subjects) != 2 {
		t.Errorf("subjects %v", subjects)
	}
}

func TestACustomTypeIsBroughtBackWithItsObjects(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	name := "shops." + shop + ".example.com"
	if err := kube.Client.Resource(definitionsResource, "").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, "the definition is gone", func() error {
		if isThere(t, typeDefinitions, "", name) {
			return fmt.Errorf("it is there")
		}
		return nil
	})
	to := into(t, shop)
	surfacetest.Restore(t, s, to, point)
	shops := schema.GroupResource{Group: shop + ".example.com", Resource: "shops"}
	if size := fieldsOf(get(t, shops, target(t, to, shop), "main").Object, "spec")["size"]; size != int64(3) {
		t.Errorf("a custom resource of size %v", size)
	}

	// One that serves another version now is never taken back, and stands in the way of none that it serves, too.
	versions := `{"spec":{"versions":[{"name":"v2","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}},` +
		`{"name":"v1","served":%t,"storage":false,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`
	merge(t, typeDefinitions, "", name, fmt.Sprintf(versions, true))
	surfacetest.Restore(t, s, into(t, shop), point)
	merge(t, typeDefinitions, "", name, fmt.Sprintf(versions, false))
	to = into(t, shop)
	to.Conflict = surface.ConflictUpdate
	if err := s.Begin(t.Context(), to, point); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), name) {
		t.Errorf("a definition that no longer serves the point's version: %v", err)
	}
}

func TestAClaimGetsItsRetainedVolumeBack(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	kube.Apply(t, shop, "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}")
	awaitBound(t, shop, "data")
	volume := textAt(get(t, typeClaims, shop, "data").Object, "spec", "volumeName")
	merge(t, typeVolumes, "", volume, `{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}`)
	deleteAtEnd(t, volumesResource, "", volume)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	if err := kube.Client.Resource(claimsResource, shop).Delete(t.Context(), "data", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, "the volume is released", func() error {
		if phase := textAt(get(t, typeVolumes, "", volume).Object, "status", "phase"); phase != "Released" {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
	// Under another name nothing may take it.
	elsewhere := into(t, shop)
	surfacetest.Restore(t, s, elsewhere, point)
	if got := textAt(get(t, typeClaims, target(t, elsewhere, shop), "data").Object, "spec", "volumeName"); got == volume {
		t.Errorf("a copy has the volume of what is live")
	}
	surfacetest.Restore(t, s, surface.Target{Replace: true}, point)
	awaitBound(t, shop, "data")
	if got := textAt(get(t, typeClaims, shop, "data").Object, "spec", "volumeName"); got != volume {
		t.Errorf("the claim has volume %s, and had %s", got, volume)
	}
}

func TestWhatCantBeChangedIsNamed(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	kube.Apply(t, shop, "{apiVersion: v1, kind: ConfigMap, metadata: {name: fixed}, immutable: true, data: {a: hunter2}}")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	to := into(t, shop)
	name := target(t, to, shop)
	create(t, namespacesResource, "", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	kube.Apply(t, name, "{apiVersion: v1, kind: ConfigMap, metadata: {name: fixed}, immutable: true, data: {a: other}}")
	to.Conflict = surface.ConflictUpdate
	changes, err := s.Diff(t.Context(), to, point, 10)
	if err != nil || len(changes) != 1 || changes[0].Action != actionConflict || cmp.Diff([]string{"data"}, changes[0].Fields) != "" {
		t.Errorf("%+v %v", changes, err)
	}
	if err := s.Begin(t.Context(), to, point); err != nil {
		t.Fatal(err)
	}
	err = surfacetest.Load(t.Context(), s, to, point)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "ConfigMap "+name+"/fixed: the API server refuses its data (it can't be changed") ||
		strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a field that can't be changed: %v", err)
	}
}

func TestWhatIsBeingDeletedIsInTheWay(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	kube.Apply(t, shop, "{apiVersion: v1, kind: ConfigMap, metadata: {name: held, finalizers: [example.com/hold]}, data: {a: b}}")
	release := func() { merge(t, typeConfigMaps, shop, "held", `{"metadata":{"finalizers":null}}`) }
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	if err := kube.Client.Resource(versionOf(typeConfigMaps), shop).Delete(t.Context(), "held", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	err := s.Begin(t.Context(), surface.Target{Replace: true}, point)
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "ConfigMap "+shop+"/held: it is being deleted") {
		t.Errorf("an object that waits for its finalizer: %v", err)
	}
	release()
	surfacetest.Restore(t, s, surface.Target{Replace: true}, point)
	release()
}
