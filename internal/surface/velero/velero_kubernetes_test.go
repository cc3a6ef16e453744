//go:build kubernetes

package velero

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

var kube *servers.KubernetesServer

func TestMain(m *testing.M) { os.Exit(servers.RunWithKubernetes(m, &kube)) }

// bench is a Velero with its storage and what plays its node agent.
type bench struct {
	*servers.VeleroServer
	storage *servers.S3Server
	bucket  servers.VeleroBucket
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
