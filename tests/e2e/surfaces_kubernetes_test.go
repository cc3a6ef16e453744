//go:build kubernetes

package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// surfacesConfig is a site whose disaster takes everything along.
const surfacesConfig = `listen: %LISTEN%
dataDir: %DATA%
encryption: {identity: IDENTITY}
evidence: {store: ledger, key: "EVIDENCEKEY"}
stores:
  primary: {kind: local, dir: %STORE%}
  ledger:  {kind: local, dir: %STORE%-ledger}
environments:
  dr: {kind: kubernetes, kubeconfig: KUBECONFIG, prefix: "drill-"}
surfaces:
  main:     {kind: postgres, url: "POSTGRES"}
  shop:     {kind: kubernetes, kubeconfig: KUBECONFIG, namespaces: [NAMESPACE], environment: dr}
  redis:    {kind: redis, url: "REDIS"}
  settings: {kind: git, repository: {url: "REPOSITORY", paths: [values.yaml]}}
  files:    {kind: objects, bucket: BUCKET}
  metrics:  {kind: telemetry, telemetry: {url: "PROMETHEUS"}}
  platform:
    kind: velero
    kubeconfig: KUBECONFIG
    namespaces: [NAMESPACE]
    environment: dr
    velero:
      namespace: VELERO
      storage: {name: default, provider: s3, bucket: VBUCKET, region: us-east-1, endpoint: "ENDPOINT", caFile: CAFILE, credential: {name: CREDENTIAL, key: CREDKEY}, default: true}
      schedules: {daily: {preset: daily}, support: {preset: support, paused: true}}
      backup: {includeAllPVCs: false}
targets:
  staging: {kind: kubernetes, url: "kubernetes://KUBECONFIG?namespace=NAMESPACE:NAMESPACE-staging"}
policies:
  main-daily:     {surface: main, cron: "0 2 * * *", store: primary, keep: {days: 30}}
  shop-hourly:    {surface: shop, cron: "0 * * * *", store: primary, keep: {hourly: 48}}
  redis-hourly:   {surface: redis, cron: "15 * * * *", store: primary}
  settings-daily: {surface: settings, cron: "0 3 * * *", store: primary}
  files-daily:    {surface: files, cron: "0 4 * * *", store: primary, keep: {days: 90}}
  metrics-daily:  {surface: metrics, cron: "0 5 * * *", store: primary, keep: {days: 3}}
  platform-daily: {surface: platform, cron: "0 6 * * *", store: primary, keep: {days: 7}}
drills:
  everything:
    surfaces: [main, redis, shop, settings, files, metrics, platform]
    owner: ops@example.com
    scenario: the cluster is lost, and all that ran on it
    targets: {rto: 30m, rpo: 1h}
    checks:
      - {name: orders, kind: sql, surface: main, query: "SELECT count(*) FROM orders", expect: "20"}
      - {name: web, kind: kubernetes, surface: shop, resource: deployment/web, timeout: 20s, retries: 20}
      - {name: all, kind: kubernetes, surface: shop, resource: all, timeout: 20s, retries: 20}
      - {name: veleros, kind: kubernetes, surface: platform, resource: deployment/web, timeout: 20s, retries: 20}
      - {name: greeting, kind: redis, surface: redis, command: [GET, greeting], expect: hello}
    reconcile:
      - {name: values, kind: helm, surface: settings, helm: {files: [values.yaml], release: shop, namespace: "{{shop.namespace}}", kubeconfig: "{{shop.kubeconfig}}"}}
      - {name: incident, kind: telemetry, surface: metrics, query: 'sold{shop="one"}', window: 3h, expect: "> 0"}
`

// shopManifests are an application on a cluster.
const shopManifests = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: green}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {token: a-secret-of-the-shop}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, type: LoadBalancer, ports: [{port: 80}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: files}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: example.com/web:1}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
`

// repository is a Git repository with one commit of values.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "values.yaml"), []byte("replicas: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"add", "."},
		{"-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-q", "-m", "Two replicas"},
	} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	return dir
}

// release is the Secret in which Helm keeps a release with one value of its own.
func release(t *testing.T, name, value string, of any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"name": name, "version": 1, "info": map[string]any{"status": "deployed"},
		"chart": map[string]any{"metadata": map[string]any{"name": name, "version": "1.2.3"}}, "config": map[string]any{value: of},
	})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	once := base64.StdEncoding.EncodeToString(packed.Bytes())
	return fmt.Sprintf(`
apiVersion: v1
kind: Secret
type: helm.sh/release.v1
metadata: {name: sh.helm.release.v1.%s.v1, labels: {owner: helm, name: %s, status: deployed, version: "1"}}
data: {release: %s}
`, name, name, base64.StdEncoding.EncodeToString([]byte(once)))
}

// TestEverySurfaceInOneDrill restores databases, a namespace in two ways, a
// bucket, metrics and the history of a configuration, asks all of them, and
// leaves nothing on the cluster.
func TestEverySurfaceInOneDrill(t *testing.T) {
	kube := servers.Kubernetes(t)
	namespace := kube.Namespace(t)
	kube.Apply(t, namespace, shopManifests)
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 20)
	goods(t, live, rd, 20)
	storage := servers.S3(t)
	files, backups := storage.LockedBucket(t), storage.Bucket(t)
	key := "uploads/contract.pdf"
	if _, err := storage.Client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &files.Bucket, Key: &key, Body: strings.NewReader("signed")}); err != nil {
		t.Fatal(err)
	}
	servers.VeleroDefinitions(t, kube)
	velero := servers.Velero(t, kube, kube.Namespace(t), storage)
	metrics := filepath.Join(t.TempDir(), "metrics")
	if err := os.Mkdir(metrics, 0o700); err != nil {
		t.Fatal(err)
	}
	servers.PrometheusBlocks(t, metrics, servers.Sample{Series: `sold{shop="one"}`, At: time.Now().Add(-time.Hour), Value: 7})
	prometheus := servers.Prometheus(t, metrics, "global: {}\n", "--web.enable-admin-api")
	kube.Apply(t, namespace, release(t, "shop", "replicas", 2))
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	private, _, err := seal.GenerateSigner("lifeboat-evidence")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, strings.NewReplacer("IDENTITY", identity.Reveal(), "EVIDENCEKEY", private.Reveal(), "POSTGRES", live,
		"REDIS", rd.URL, "BUCKET", bucketOf(files), "PROMETHEUS", prometheus, "VELERO", velero.Namespace, "VBUCKET", backups.Bucket,
		"ENDPOINT", storage.Endpoint, "CAFILE", storage.CAFile, "CREDENTIAL", servers.VeleroSecret, "CREDKEY", servers.VeleroSecretKey,
		"KUBECONFIG", kube.Kubeconfig, "NAMESPACE", namespace, "REPOSITORY", repository(t)).Replace(surfacesConfig))
	s.start(t, "up")
	for _, surface := range []string{"main", "redis", "shop", "settings", "files", "metrics", "platform"} {
		s.ask(t, new(point), "snapshot", "create", surface, "--wait")
	}
	d := s.drill(t, "everything")
	s.passes(t, d)
	for _, r := range d.Evidence.Surfaces {
		if r.Result != drill.Pass || r.Compared == 0 {
			t.Errorf("surface %s: %+v", r.Surface, r)
		}
		if r.Surface != "shop" {
			continue
		}
		for _, category := range []string{"workload", "service", "secret", "configmap", "ingress", "volume"} {
			if r.Counts[category] == 0 {
				t.Errorf("the inventory of the namespace has no %s: %v", category, r.Counts)
			}
		}
	}
	for _, a := range d.Evidence.Isolation.Attempts {
		if a.Result != drill.Pass {
			t.Errorf("isolation: %+v", a)
		}
	}
	if !slices.ContainsFunc(d.Evidence.Isolation.Attempts, func(a drill.Attempt) bool { return strings.HasPrefix(a.What, "shop: ") }) {
		t.Error("nothing was tried against the restored namespace")
	}
	for _, r := range d.Evidence.Reconciled {
		if r.Result != drill.Pass {
			t.Errorf("reconciliation %s of %s: %s", r.Name, r.Subject, r.Detail)
		}
	}
	s.leftNoNamespace(t, kube)
	s.restoredToStaging(t, kube, namespace)
	s.restoredInPlace(t, kube, namespace)
}

// leftNoNamespace looks for namespaces of drills.
func (s *site) leftNoNamespace(t *testing.T, kube *servers.KubernetesServer) {
	t.Helper()
	found, err := kube.Client.Dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).
		List(t.Context(), metav1.ListOptions{LabelSelector: cluster.LabelEnvironment})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range found.Items {
		t.Errorf("the drill has left the namespace %s", n.GetName())
	}
}

// restoredInPlace brings back a namespace that somebody has deleted, and then one
// in which something was changed and something was made since.
func (s *site) restoredInPlace(t *testing.T, kube *servers.KubernetesServer, namespace string) {
	t.Helper()
	var points []point
	s.ask(t, &points, "snapshot", "list", "--surface", "shop")
	var out struct {
		State string
		Notes []string
	}
	namespaces := kube.Client.Dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	configMaps := kube.Client.Dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(namespace)
	if err := namespaces.Delete(t.Context(), namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*time.Minute, "the namespace is gone", func() bool {
		_, err := namespaces.Get(t.Context(), namespace, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	s.ask(t, &out, "snapshot", "restore", points[0].ID, "--in-place", "--confirm", "shop")
	if _, err := configMaps.Get(t.Context(), "settings", metav1.GetOptions{}); err != nil || out.State != "restored" || len(out.Notes) == 0 {
		t.Errorf("a deleted namespace: %+v, %v", out, err)
	}
	kube.Apply(t, namespace, "{apiVersion: v1, kind: ConfigMap, metadata: {name: later}, data: {made: later}}\n")
	_, err := configMaps.Patch(t.Context(), "settings", types.MergePatchType, []byte(`{"data":{"colour":"red"}}`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.ask(t, &out, "snapshot", "restore", points[0].ID, "--in-place", "--confirm", "shop")
	found, err := configMaps.Get(t.Context(), "settings", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := found.Object["data"].(map[string]any); data["colour"] != "green" {
		t.Errorf("in place are %v", found.Object["data"])
	}
	if _, err := configMaps.Get(t.Context(), "later", metav1.GetOptions{}); err != nil {
		t.Errorf("what was made since is gone: %v", err)
	}
	s.leftNoNamespace(t, kube)
}

// restoredToStaging restores into another namespace, after a look at what that would change.
func (s *site) restoredToStaging(t *testing.T, kube *servers.KubernetesServer, namespace string) {
	t.Helper()
	var points []point
	s.ask(t, &points, "snapshot", "list", "--surface", "shop")
	configMaps := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	staging := kube.Client.Dynamic.Resource(configMaps).Namespace(namespace + "-staging")
	var planned struct {
		State   string
		Changes []struct{ Action, Kind, Name string }
	}
	s.ask(t, &planned, "snapshot", "restore", points[0].ID, "--to", "staging", "--dry-run")
	if planned.State != "compared" || len(planned.Changes) == 0 {
		t.Errorf("a dry run says %+v", planned)
	}
	if _, err := staging.Get(t.Context(), "settings", metav1.GetOptions{}); err == nil {
		t.Error("a dry run has restored something")
	}
	s.ask(t, &planned, "snapshot", "restore", points[0].ID, "--to", "staging", "--resource", "configmaps")
	found, err := staging.Get(t.Context(), "settings", metav1.GetOptions{})
	if err != nil {
		t.Fatalf("after a restore: %v", err)
	}
	if data, _ := found.Object["data"].(map[string]any); data["colour"] != "green" {
		t.Errorf("restored are %v", found.Object["data"])
	}
}
