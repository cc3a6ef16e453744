//go:build kubernetes

package velero

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

var kube *servers.KubernetesServer

func TestMain(m *testing.M) { os.Exit(servers.RunWithKubernetes(m, &kube)) }

// bench is a Velero with its storage and what plays its node agent.
type bench struct {
	*servers.VeleroServer
	storage *servers.S3Server
	bucket  store.Config
	agent   *servers.VeleroAgent
}

// TestVelero runs everything that needs a Velero on one of them.
func TestVelero(t *testing.T) {
	t.Run("missing", veleroMissing)
	servers.VeleroDefinitions(t, kube)
	b := &bench{storage: servers.S3(t)}
	b.bucket = b.storage.Bucket(t)
	b.VeleroServer = servers.Velero(t, kube, kube.Namespace(t), b.storage)
	b.agent = b.Agent(t)
	// Everybody needs the location: it is what one of them keeps.
	b.require(t, b.surface(t, "location", func(v *surface.Velero) { v.Storage = b.location() }, "any"), "made BackupStorageLocation main")
	servers.Eventually(t, "the location is available", func() error {
		if phase := b.Phase(t.Context(), "backupstoragelocations", "main"); phase != "Available" {
			return fmt.Errorf("it is %q", phase)
		}
		return nil
	})
	t.Run("on one Velero", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *bench){
			"silent": veleroSilent, "drill": veleroDrill, "adopt": veleroAdopt, "keep": veleroKeep, "location": veleroLocation,
			"partial": veleroPartial, "volumes": veleroVolumes, "other cluster": veleroOtherCluster, "in place": veleroInPlace,
			"takeover": veleroTakeover,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, b)
			})
		}
	})
}

// location are the settings of the storage that all tests share.
func (b *bench) location() surface.VeleroStorage {
	return surface.VeleroStorage{
		Name: "main", Provider: "s3", Bucket: b.bucket.Bucket, Region: "us-east-1", Endpoint: b.storage.Endpoint, CAFile: b.storage.CAFile,
		Credential: surface.VeleroCredential{Name: servers.VeleroSecret, Key: servers.VeleroSecretKey},
	}
}

// surface is one in the bench's storage, which it does not keep.
func (b *bench) surface(t testing.TB, name string, set func(*surface.Velero), namespaces ...string) *Surface {
	t.Helper()
	v := &surface.Velero{Namespace: b.Namespace, Storage: surface.VeleroStorage{Name: "main"}}
	if set != nil {
		set(v)
	}
	return surfaceOf(t, name, v, namespaces...)
}

func surfaceOf(t testing.TB, name string, v *surface.Velero, namespaces ...string) *Surface {
	t.Helper()
	s, err := New(name, surface.Config{
		Kind: Kind, Cluster: surface.Cluster{Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, Namespaces: namespaces}, Velero: v,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// require keeps a surface and compares what that changed.
func (b *bench) require(t testing.TB, s *Surface, want ...string) {
	t.Helper()
	got, err := s.Keep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("keeping changed %q, not %q", got, want)
	}
}

// application is a namespace with one of everything that matters.
func application(t testing.TB, nodePort int) string {
	t.Helper()
	namespace := kube.Namespace(t)
	kube.Apply(t, namespace, fmt.Sprintf(`
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: b}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {password: hunter2}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
---
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {external-dns.alpha.kubernetes.io/hostname: shop.example.com}}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: http, port: 80, nodePort: %d}, {name: https, port: 443}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  tls: [{hosts: [shop.example.com], secretName: keys}]
  rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers:
      - {name: web, image: example.invalid/web, volumeMounts: [{name: cache, mountPath: /cache}, {name: data, mountPath: /data}]}
      volumes: [{name: cache, emptyDir: {}}, {name: data, persistentVolumeClaim: {claimName: data}}]
`, nodePort))
	servers.Eventually(t, "the application runs", func() error {
		deployment := look(t, schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, namespace, "web")
		if ready, _, _ := unstructured.NestedInt64(deployment.Object, "status", "readyReplicas"); ready != 1 {
			return fmt.Errorf("%d of its pods are ready", ready)
		}
		return nil
	})
	return namespace
}

func look(t testing.TB, of schema.GroupVersionResource, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	found, err := kube.Client.Resource(of, namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatalf("look at %s %s/%s: %v", of.Resource, namespace, name, err)
	}
	return found
}

func core(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: plural}
}

func networking(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: plural}
}

// environmentOf makes an environment for namespaces, as one makes that has the ID.
func environmentOf(t testing.TB, id string, namespaces ...string) surface.Target {
	t.Helper()
	p := cluster.Place{Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, ID: id, IngressDomain: "drill.invalid", Namespaces: map[string]string{}}
	for _, namespace := range namespaces {
		p.Namespaces[namespace] = kube.Namespace(t)
	}
	return surface.Target{URL: p.URL(), Throwaway: true}
}

func placeOf(t testing.TB, target surface.Target) cluster.Place {
	t.Helper()
	p, err := cluster.ParsePlace(target.URL)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// refused fails the test unless err is of the kind, and says all these words.
func refused(t testing.TB, err error, kind fault.Kind, words ...string) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Fatalf("%s: %v", fault.KindOf(err), err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in: %v", word, err)
		}
	}
}

func veleroMissing(t *testing.T) {
	s := surfaceOf(t, "missing", &surface.Velero{}, "default")
	_, err := s.Probe(t.Context())
	refused(t, err, fault.Unsupported, "Velero is not on this cluster", "install Velero 1.16 or later")
	_, err = s.Hold(t.Context())
	refused(t, err, fault.Unsupported)
	_, err = s.Keep(t.Context())
	refused(t, err, fault.Unsupported)
}

func veleroSilent(t *testing.T, _ *bench) {
	empty := kube.Namespace(t)
	_, err := surfaceOf(t, "silent", &surface.Velero{Namespace: empty}, "default").Probe(t.Context())
	refused(t, err, fault.Unsupported, "no Deployment velero in namespace "+empty)
	_, err = surfaceOf(t, "silent", &surface.Velero{Namespace: "nowhere"}, "default").Probe(t.Context())
	refused(t, err, fault.Unsupported, "namespace nowhere, which does not exist")
}

// veleroDrill takes a point of two namespaces, and restores it into an environment.
func veleroDrill(t *testing.T, b *bench) {
	shop, pay := application(t, 31001), application(t, 31002)
	s := b.surface(t, "drill", nil, shop, pay)
	probed, err := s.Probe(t.Context())
	if err != nil || probed.Product != "Velero" || probed.Version != servers.VeleroVersion {
		t.Fatalf("%+v, %v", probed, err)
	}
	before := time.Now().Add(-time.Second)
	view, err := s.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if moment := view.(surface.Dated).Moment(); moment.Before(before.Truncate(time.Second)) || moment.After(time.Now()) {
		t.Errorf("the moment is %s", moment)
	}
	if missing := view.(surface.Partial).Missing(); len(missing) > 0 {
		t.Errorf("missing: %q", missing)
	}
	point := surfacetest.Dump(t, s, view)
	if err := view.Check(t.Context()); err != nil {
		t.Error(err)
	}
	namespaces, err := s.InPoint(point.Parts())
	if err != nil || !slices.Equal(namespaces, slices.Sorted(slices.Values([]string{shop, pay}))) {
		t.Errorf("in the point: %v, %v", namespaces, err)
	}
	if len(point.Fingerprint()) != 2*8 {
		t.Errorf("the fingerprint has %v", point.Fingerprint())
	}
	for name, text := range point.Data {
		if strings.Contains(string(text), "hunter2") {
			t.Errorf("part %s has the value of a secret", name)
		}
	}
	claims := surface.Target{URL: environmentOf(t, "d-claims", shop, pay).URL, Selection: surface.Selection{Resources: []string{"persistentvolumeclaims"}}}
	refused(t, s.Begin(t.Context(), claims, point), fault.Invalid, "empty volumes", "choose pods, too")

	target := environmentOf(t, "d-drill", shop, pay)
	surfacetest.Restore(t, s, target, point)
	insideOnly(t, placeOf(t, target).Namespaces[shop])
	if err := s.Begin(t.Context(), target, point); err != nil {
		t.Errorf("begun again: %v", err)
	}
	if n := len(restoresInto(t, b, "lifeboat-d-drill")); n != 1 {
		t.Errorf("%d Restores were made", n)
	}
	if err := s.Finish(t.Context(), target, point); err != nil {
		t.Errorf("finished again: %v", err)
	}
	if err := kube.Client.Resource(core("configmaps"), placeOf(t, target).Namespaces[pay]).Delete(t.Context(), "settings", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	target.Expected = point.Fingerprint()
	got, err := s.Fingerprint(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if found := point.Fingerprint().Compare(got); len(found) != 1 || found[0].Problem != "missing" || found[0].Name != pay+"/configmaps/settings" {
		t.Errorf("one config map was removed, and the difference is %v", found)
	}
}

// insideOnly looks at what an environment must not let out.
func insideOnly(t *testing.T, namespace string) {
	t.Helper()
	service := look(t, core("services"), namespace, "web")
	if kind, _, _ := unstructured.NestedString(service.Object, "spec", "type"); kind != "ClusterIP" {
		t.Errorf("the service is a %s", kind)
	}
	ports, _, _ := unstructured.NestedSlice(service.Object, "spec", "ports")
	if len(ports) != 2 || ports[0].(map[string]any)["nodePort"] != nil {
		t.Errorf("its ports are %v", ports)
	}
	if len(service.GetAnnotations()) != 0 {
		t.Errorf("its annotations are %v", service.GetAnnotations())
	}
	ingress := look(t, networking("ingresses"), namespace, "web")
	rules, _, _ := unstructured.NestedSlice(ingress.Object, "spec", "rules")
	if host := rules[0].(map[string]any)["host"]; host != "shop-example-com.drill.invalid" {
		t.Errorf("the ingress has host %v", host)
	}
	policy := look(t, networking("networkpolicies"), namespace, "out")
	if egress, _, _ := unstructured.NestedSlice(policy.Object, "spec", "egress"); len(egress) != 0 {
		t.Errorf("the policy lets %v out", egress)
	}
	claim := look(t, core("persistentvolumeclaims"), namespace, "data")
	volume, _, _ := unstructured.NestedString(claim.Object, "spec", "volumeName")
	if volume != "" {
		found := look(t, core("persistentvolumes"), "", volume)
		if by, _, _ := unstructured.NestedString(found.Object, "spec", "claimRef", "namespace"); by != namespace {
			t.Errorf("the claim has the volume of namespace %s", by)
		}
	}
}

func restoresInto(t testing.TB, b *bench, target string) []unstructured.Unstructured {
	t.Helper()
	found, err := kube.Client.Resource(restores.gvr(), b.Namespace).List(t.Context(), metav1.ListOptions{LabelSelector: labelTarget + "=" + target})
	if err != nil {
		t.Fatal(err)
	}
	return found.Items
}

// veleroInPlace restores beside what is there already, by each policy.
func veleroInPlace(t *testing.T, b *bench) {
	namespace := kube.Namespace(t)
	kube.Apply(t, namespace, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept}\ndata: {a: then}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: lost}\n")
	s := b.surface(t, "inplace", nil, namespace)
	point := surfacetest.Take(t, s)
	maps := kube.Client.Resource(core("configmaps"), namespace)
	kept := look(t, core("configmaps"), namespace, "kept")
	if err := unstructured.SetNestedField(kept.Object, "now", "data", "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := maps.Update(t.Context(), kept, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := maps.Delete(t.Context(), "lost", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	place := cluster.Place{Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, Namespaces: map[string]string{namespace: namespace}}
	target := surface.Target{URL: place.URL()}
	refused(t, s.Begin(t.Context(), target, point), fault.Conflict, "1 resources are in the way", namespace+"/configmaps/kept")
	for _, c := range []struct{ conflict, want string }{{surface.ConflictSkip, "now"}, {surface.ConflictUpdate, "then"}} {
		target.Conflict = c.conflict
		surfacetest.Restore(t, s, target, point)
		if got, _, _ := unstructured.NestedString(look(t, core("configmaps"), namespace, "kept").Object, "data", "a"); got != c.want {
			t.Errorf("%s: the config map is as it was %s", c.conflict, got)
		}
	}
}

// veleroOtherCluster restores by a second Velero, which finds the Backup in storage that it may only read.
func veleroOtherCluster(t *testing.T, b *bench) {
	namespace := kube.Namespace(t)
	kube.Apply(t, namespace, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n")
	point := surfacetest.Take(t, b.surface(t, "other", nil, namespace))
	other := servers.Velero(t, kube, kube.Namespace(t), b.storage)
	kube.Apply(t, other.Namespace, b.storage.VeleroLocation(t, "copy", b.bucket, "ReadOnly"))
	s := surfaceOf(t, "other", &surface.Velero{Namespace: other.Namespace, Storage: surface.VeleroStorage{Name: "copy"}}, namespace)
	surfacetest.Restore(t, s, environmentOf(t, "d-other", namespace), point)
	_, err := s.Hold(t.Context())
	refused(t, err, fault.Invalid, "ReadOnly")
}

func (b *bench) patch(t testing.TB, of resource, name, patch string) {
	t.Helper()
	_, err := kube.Client.Resource(of.gvr(), b.Namespace).Patch(t.Context(), name, "application/merge-patch+json", []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bench) server(t testing.TB) server {
	t.Helper()
	v, err := connect(cluster.Config{Kubeconfig: kube.Kubeconfig}, b.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// veleroTakeover: a worker that comes after one that has stopped makes no second Backup.
func veleroTakeover(t *testing.T, _ *bench) {
	quiet := kube.Namespace(t)
	s := surfaceOf(t, "takeover", &surface.Velero{Namespace: quiet}, "default")
	v, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first, err := s.start(ctx, v)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.start(ctx, v)
	if err != nil || second.Name != first.Name {
		t.Errorf("%s, then %s, %v", first.Name, second.Name, err)
	}
	other, err := surfaceOf(t, "takeover-2", &surface.Velero{Namespace: quiet}, "default").start(ctx, v)
	if err != nil || other.Name == first.Name {
		t.Errorf("another surface has taken over %s, %v", other.Name, err)
	}
}
