package cnpg

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	// JSON first, so that numbers are what an API server's are.
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = o.UnmarshalJSON(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

const original = `
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: orders, namespace: shop}
spec:
  instances: 3
  imageCatalogRef: {apiGroup: postgresql.cnpg.io, kind: ImageCatalog, name: ours, major: 15}
  storage: {size: 20Gi, pvcTemplate: {volumeName: precious, dataSource: {name: snap}, storageClassName: fast}}
  walStorage: {size: 5Gi}
  tablespaces: [{name: cold, storage: {size: 100Gi}}]
  resources: {requests: {memory: 8Gi}}
  priorityClassName: production
  replica: {enabled: true, source: other}
  affinity: {nodeSelector: {pool: databases}, additionalPodAffinity: {}}
  postgresql:
    parameters: {max_connections: "500", max_locks_per_transaction: "256"}
    shared_preload_libraries: [timescaledb]
    synchronous: {method: any, number: 1}
    ldap: {server: ldap.internal}
  bootstrap: {recovery: {source: older, database: shop, owner: keeper, secret: {name: keeper-login}}}
  externalClusters: [{name: older}]
  backup: {retentionPolicy: 7d, barmanObjectStore: {destinationPath: "s3://old/"}}
  plugins: [{name: barman-cloud.cloudnative-pg.io, isWALArchiver: true, parameters: {barmanObjectName: backups}}]
  managed: {roles: [{name: someone}]}
status: {image: "registry/postgresql:15.18"}
`

func service(c managed.CNPG) *Service {
	c.Namespace = "shop"
	return &Service{config: managed.Config{Kind: managed.KindCNPG, Instance: "orders", URL: "postgres://app@db/shop", CNPG: c}}
}

func TestSpecOfACopy(t *testing.T) {
	t.Parallel()
	s := service(managed.CNPG{
		Service: managed.ServiceNodePort, Address: "node.example:{port}", StorageClass: "cheap", StorageSize: "30Gi", Instances: 2,
		Resources: map[string]map[string]string{"requests": {"memory": "2Gi"}},
	})
	from := origin{cluster: object(t, original), backups: backups{store: "backups", server: "orders"}}
	at := time.Date(2026, 8, 13, 10, 44, 13, 9, time.FixedZone("", 3600))
	found := names{app: "drill-source-app", catalog: "drill-ours", pull: []string{"drill-registry"}, serverCA: "drill-source-ca"}
	got, err := s.spec(managed.Request{Name: "drill", At: at}, from, found)
	if err != nil {
		t.Fatal(err)
	}
	want := object(t, `
apiVersion: v1
kind: Cluster
spec:
  instances: 2
  enablePDB: false
  stopDelay: 60
  smartShutdownTimeout: 5
  enableSuperuserAccess: true
  imageCatalogRef: {apiGroup: postgresql.cnpg.io, kind: ImageCatalog, name: drill-ours, major: 15}
  imagePullSecrets: [{name: drill-registry}]
  storage: {size: 30Gi, storageClass: cheap, pvcTemplate: {}}
  walStorage: {size: 5Gi, storageClass: cheap}
  tablespaces: [{name: cold, storage: {size: 100Gi, storageClass: cheap}}]
  resources: {requests: {memory: 2Gi}}
  affinity: {nodeSelector: {pool: databases}}
  postgresql:
    parameters: {max_connections: "500", max_locks_per_transaction: "256"}
    shared_preload_libraries: [timescaledb]
  certificates: {serverCASecret: drill-source-ca, serverAltDNSNames: [node.example]}
  bootstrap:
    recovery:
      {source: source, database: shop, owner: keeper, secret: {name: drill-source-app}, recoveryTarget: {targetTime: "2026-08-13T09:44:13+00:00"}}
  externalClusters:
    - {name: source, plugin: {name: barman-cloud.cloudnative-pg.io, parameters: {barmanObjectName: drill, serverName: orders}}}
  managed:
    services:
      additional: [{selectorType: rw, serviceTemplate: {metadata: {name: drill-lifeboat}, spec: {type: NodePort}}}]
`).Object["spec"]
	if diff := cmp.Diff(want, any(got)); diff != "" {
		t.Error(diff)
	}
}

func TestACopyIsNoSmallerThanItsSource(t *testing.T) {
	t.Parallel()
	from := origin{cluster: object(t, original), backups: backups{server: "orders", inTree: map[string]any{"destinationPath": "s3://old/"}}}
	_, err := service(managed.CNPG{StorageSize: "10Gi"}).spec(managed.Request{Name: "drill"}, from, names{})
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "20Gi") {
		t.Errorf("a smaller volume: %v", err)
	}
	got, err := service(managed.CNPG{}).spec(managed.Request{Name: "drill"}, from, names{})
	if err != nil {
		t.Fatal(err)
	}
	if size, _, _ := unstructured.NestedString(got, "storage", "size"); size != "20Gi" || got["backup"] != nil || got["plugins"] != nil {
		t.Errorf("the volume is of %s; %v", size, got)
	}
	if external := got["externalClusters"].([]any)[0].(map[string]any)["barmanObjectStore"].(map[string]any); external["serverName"] != "orders" {
		t.Errorf("the copy recovers from %v", external)
	}
}

func TestWhereASourceArchives(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]backups{
		original: {store: "backups", server: "orders"},
		strings.Replace(original, "isWALArchiver: true", "enabled: false", 1):                                         {server: "orders", inTree: map[string]any{"destinationPath": "s3://old/"}},
		strings.Replace(original, "{barmanObjectName: backups}", "{barmanObjectName: backups, serverName: older}", 1): {store: "backups", server: "older"},
		"{apiVersion: v1, kind: Cluster, metadata: {name: orders}, spec: {}}":                                         {},
	} {
		if diff := cmp.Diff(want, archives(object(t, text)), cmp.AllowUnexported(backups{})); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSecretsThatAStoreRefersTo(t *testing.T) {
	t.Parallel()
	spec := object(t, `
apiVersion: v1
kind: ObjectStore
configuration:
  tags: {name: a-tag, key: of-it}
  endpointCA: {name: ca, key: ca.crt}
  azureCredentials: {connectionString: {name: azure, key: c}, inheritFromAzureAD: false}
  googleCredentials: {applicationCredentials: {name: google, key: j}}
  s3Credentials: {accessKeyId: {name: s3, key: id}, secretAccessKey: {name: s3, key: secret}, inheritFromIAMRole: false}
instanceSidecarConfiguration:
  env: [{name: PLAIN, value: "1"}, {name: A, valueFrom: {secretKeyRef: {name: env, key: a}}}, {name: B, valueFrom: {configMapKeyRef: {name: map, key: b}}}]
`).Object
	var got []string
	for _, r := range (names{prefix: "drill-"}).renameAll(spec) {
		got = append(got, r.of.Resource+"/"+r.name)
	}
	want := []string{"secrets/s3", "secrets/s3", "secrets/azure", "secrets/google", "secrets/ca", "secrets/env", "configmaps/map"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	text, _ := yaml.Marshal(spec)
	for _, name := range []string{"drill-s3", "drill-azure", "drill-google", "drill-ca", "drill-env", "drill-map", "name: a-tag"} {
		if !strings.Contains(string(text), name) {
			t.Errorf("%s is not in the copy:\n%s", name, text)
		}
	}
}

func TestAddressOfACopy(t *testing.T) {
	t.Parallel()
	long := "lifeboat-" + strings.Repeat("x", 50)
	balancer := object(t, `{apiVersion: v1, kind: Service, status: {loadBalancer: {ingress: [{ip: 203.0.113.7}]}}}`)
	node := object(t, `{apiVersion: v1, kind: Service, spec: {ports: [{port: 5432, nodePort: 31234}]}}`)
	pending := object(t, `{apiVersion: v1, kind: Service}`)
	cases := map[string]struct {
		c       managed.CNPG
		service *unstructured.Unstructured
		want    string
	}{
		"a load balancer":         {managed.CNPG{Service: managed.ServiceLoadBalancer}, balancer, "203.0.113.7:5432"},
		"a name for it":           {managed.CNPG{Service: managed.ServiceLoadBalancer, Address: "{name}.db.example:5432"}, balancer, "drill.db.example:5432"},
		"a load balancer to come": {managed.CNPG{Service: managed.ServiceLoadBalancer}, pending, ""},
		"a node":                  {managed.CNPG{Service: managed.ServiceNodePort, Address: "n:{port}"}, node, "n:31234"},
		"a port to come":          {managed.CNPG{Service: managed.ServiceNodePort, Address: "n:{port}"}, pending, ""},
	}
	for name, c := range cases {
		if got := service(c.c).exposed("drill", c.service); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := service(managed.CNPG{}).address("drill", ""); got != "drill-rw.drill.svc:5432" {
		t.Errorf("in the cluster a copy is at %s", got)
	}
	if got := service(managed.CNPG{EnvironmentNamespace: "drills"}).address("drill", ""); got != "drill-rw.drills.svc:5432" {
		t.Errorf("in a namespace for all a copy is at %s", got)
	}
	if got := clusterName(long); len(got) != longest || got == clusterName(long+"y") || !strings.HasPrefix(got, "lifeboat-xxx") {
		t.Errorf("the name %s became %s", long, got)
	}
}

func TestWhatACopyMayReach(t *testing.T) {
	t.Parallel()
	from := func(url string) origin {
		return origin{backups: backups{inTree: map[string]any{"endpointURL": url}}}
	}
	cases := map[string]struct {
		c    managed.CNPG
		url  string
		want string
	}{
		"the provider's own": {managed.CNPG{}, "", `- ports: [{port: 443, protocol: TCP}]`},
		"a host":             {managed.CNPG{}, "https://s3.example.com", `- ports: [{port: 443, protocol: TCP}]`},
		"an address":         {managed.CNPG{}, "http://10.1.2.3:9000", `- {ports: [{port: 9000, protocol: TCP}], to: [{ipBlock: {cidr: 10.1.2.3/32}}]}`},
		"an address of IPv6": {managed.CNPG{}, "https://[fd00::1]", `- {ports: [{port: 443, protocol: TCP}], to: [{ipBlock: {cidr: "fd00::1/128"}}]}`},
		"what is configured": {managed.CNPG{EgressCIDRs: []string{"10.0.0.0/8"}}, "https://s3.example.com", `- to: [{ipBlock: {cidr: 10.0.0.0/8}}]`},
	}
	for name, c := range cases {
		rules, err := service(c.c).toStore(t.Context(), from(c.url))
		if err != nil {
			t.Fatal(err)
		}
		got, err := yaml.Marshal(rules)
		want, bad := yaml.YAMLToJSON([]byte(c.want))
		same, bad2 := yaml.YAMLToJSON(got)
		if err := errors.Join(err, bad, bad2); err != nil || !bytes.Equal(want, same) {
			t.Errorf("%s: %s, want %s: %v", name, same, want, err)
		}
	}
}

func TestOfAServiceItsPodsAreReached(t *testing.T) {
	t.Parallel()
	const pods = `to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: storage}}, podSelector: {matchLabels: {app: minio}}}]`
	for name, c := range map[string]struct{ service, want string }{
		"another port":    {`{selector: {app: minio}, ports: [{port: 9001, targetPort: 1}, {port: 80, targetPort: 9000}]}`, `- {` + pods + `, ports: [{port: 9000, protocol: TCP}]}`},
		"a port's name":   {`{selector: {app: minio}, ports: [{port: 80, targetPort: api}]}`, `- {` + pods + `, ports: [{port: api, protocol: TCP}]}`},
		"the same port":   {`{selector: {app: minio}, ports: [{port: 80}]}`, `- {` + pods + `, ports: [{port: 80, protocol: TCP}]}`},
		"headless":        {`{selector: {app: minio}, clusterIP: None, ports: [{port: 80, targetPort: 9000}]}`, `- {` + pods + `, ports: [{port: 80, protocol: TCP}]}`},
		"one that is not": {"", `- {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: storage}}}], ports: [{port: 80, protocol: TCP}]}`},
	} {
		var found *unstructured.Unstructured
		if c.service != "" {
			found = object(t, `{apiVersion: v1, kind: Service, spec: `+c.service+`}`)
		}
		got, err := yaml.Marshal(toService("storage", found, 80))
		want, bad := yaml.YAMLToJSON([]byte(c.want))
		same, bad2 := yaml.YAMLToJSON(got)
		if err := errors.Join(err, bad, bad2); err != nil || !bytes.Equal(want, same) {
			t.Errorf("%s: %s, want %s: %v", name, same, want, err)
		}
	}
	for host, want := range map[string]string{
		"minio": "shop minio true", "minio.storage.svc": "storage minio true", "minio.storage.svc.cluster.local": "storage minio true",
		"minio-0.minio.storage.svc": "storage minio true", "s3.example.com": "  false", "localhost": "  false", "": "  false",
	} {
		namespace, name, ok := inCluster(host, "shop")
		if got := fmt.Sprint(namespace+" "+name+" ", ok); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}
