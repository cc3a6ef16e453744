//go:build kubernetes

package servers

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// What a CNPG has from its start.
const (
	// CNPGInstance is the name of the source's Cluster.
	CNPGInstance = "orders"
	// CNPGStore is the name of its ObjectStore.
	CNPGStore = "backups"
	// CNPGAppPassword is that of the role app, who owns the database app.
	CNPGAppPassword = "the password of app"
	// CNPGStoreKey is the secret key that opens the object store.
	CNPGStoreKey = "the key of the store"
	// CNPGFailure is why recoveries fail that are to fail.
	CNPGFailure = "the backup can't be used"
)

// CNPG plays CloudNativePG 1.30 and its barman-cloud plugin on a KubernetesServer:
// its custom resources are real, with schemas that are a part of the original's,
// and a small controller moves their statuses, and those of Jobs, Services and
// Secrets, as the operator's source does. What no container runs here is a
// process on loopback: the source's PostgreSQL, which archives into a folder that
// plays the bucket, and a real PostgreSQL for each copy, recovered from there
// with PostgreSQL's own restore_command and recovery targets. A Job is tried once.
type CNPG struct {
	// PG is the source's server. Its user postgres and app may log in.
	PG *PG
	// Namespace is that of the source; Server its folder in the bucket.
	Namespace, Server string
	// Host is where copies listen, on the node ports of their Services.
	Host string
	// Earliest is since when there are backups.
	Earliest time.Time
	// Kubeconfig is an administrator's, by way of a proxy that Throttle tells to refuse.
	Kubeconfig string

	t      testing.TB
	kube   *KubernetesServer
	front  *cnpgFront
	node   *cnpgNode
	bucket string
	source authority

	mu      sync.Mutex
	bases   []cnpgBase
	copies  map[types.UID]*cnpgCopy
	gate    chan struct{}
	failing bool
	keep    bool
}

var (
	cnpgClusters  = schema.GroupVersionResource{Group: "postgresql.cnpg.io", Version: "v1", Resource: "clusters"}
	cnpgStores    = schema.GroupVersionResource{Group: "barmancloud.cnpg.io", Version: "v1", Resource: "objectstores"}
	crdsResource  = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	jobsResource  = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	podsResource  = corev1.SchemeGroupVersion.WithResource("pods")
	claimResource = corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims")
	svcResource   = corev1.SchemeGroupVersion.WithResource("services")
	secretsOf     = corev1.SchemeGroupVersion.WithResource("secrets")
)

//go:embed cnpg_crds.yaml
var cnpgCRDs []byte

// NewCNPG makes a source with one base backup in a namespace of its own, and
// plays the operator for it and its copies until the test ends.
func NewCNPG(t testing.TB, kube *KubernetesServer, settings ...string) *CNPG {
	t.Helper()
	open := make(chan struct{})
	close(open)
	number := numbers.Add(1)
	d := &CNPG{
		t: t, kube: kube, copies: map[types.UID]*cnpgCopy{}, gate: open, Server: fmt.Sprintf("orders-%d", number),
		Host: fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250)),
	}
	d.installCRDs()
	d.Namespace = kube.Namespace(t)
	wals := "d=../store/" + d.Server + "/wals/$(echo %f | cut -c1-16); "
	d.PG = Postgres(t, append([]string{
		"archive_mode = on", "lc_messages = 'C'",
		"archive_command = '" + wals + "mkdir -p $d && test ! -f $d/%f && cp %p $d/%f.part && mv $d/%f.part $d/%f'",
	}, settings...)...)
	d.bucket = filepath.Join(d.PG.SocketDir, "store")
	d.must(d.PG.run("mkdir", "-p", filepath.Join("store", d.Server, "wals"), filepath.Join("store", d.Server, "base")))
	d.SQL("CREATE ROLE app LOGIN PASSWORD '" + CNPGAppPassword + "'")
	d.SQL("CREATE DATABASE app OWNER app")
	d.must(os.MkdirAll(filepath.Join(kube.dir, d.Server), 0o700))
	var err error
	d.source, err = newAuthority(filepath.Join(kube.dir, d.Server))
	d.must(err)
	d.front, err = newCNPGFront(t, kube, number)
	d.must(err)
	d.Kubeconfig = d.front.kubeconfig
	d.node = newCNPGNode(t, kube, d.Server)
	d.makeSource()
	d.Backup()
	d.Earliest = d.bases[0].end
	d.operate()
	return d
}

func (d *CNPG) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// installCRDs installs the definitions, unless another test has.
func (d *CNPG) installCRDs() {
	var list struct {
		Items []map[string]any `json:"items"`
	}
	d.must(yaml.Unmarshal(cnpgCRDs, &list))
	client := d.kube.Client.Resource(crdsResource, "")
	for _, item := range list.Items {
		o := &unstructured.Unstructured{Object: item}
		if _, err := client.Create(d.t.Context(), o, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			d.t.Fatalf("install %s: %v", o.GetName(), err)
		}
	}
	for _, of := range []schema.GroupVersionResource{cnpgClusters, cnpgStores} {
		Eventually(d.t, "the API server serves "+of.Resource, func() error {
			_, err := d.kube.Client.Resource(of, "default").List(d.t.Context(), metav1.ListOptions{})
			return err
		})
	}
}

// sourceManifests are what a person deploys, and what the operator makes of it.
const sourceManifests = `
apiVersion: v1
kind: Secret
metadata: {name: store-login}
stringData: {ACCESS_KEY_ID: the-account, ACCESS_SECRET_KEY: "%[1]s"}
---
apiVersion: v1
kind: Secret
metadata: {name: store-ca}
stringData: {ca.crt: the certificate of the store}
---
apiVersion: v1
kind: Secret
metadata: {name: orders-app}
type: kubernetes.io/basic-auth
stringData: {username: app, password: "%[2]s", uri: "postgresql://app@orders-rw.shop/app"}
---
apiVersion: barmancloud.cnpg.io/v1
kind: ObjectStore
metadata: {name: backups}
spec:
  retentionPolicy: 30d
  configuration:
    destinationPath: s3://%[3]s/
    endpointURL: http://minio.storage.svc:9000
    endpointCA: {name: store-ca, key: ca.crt}
    s3Credentials:
      accessKeyId: {name: store-login, key: ACCESS_KEY_ID}
      secretAccessKey: {name: store-login, key: ACCESS_SECRET_KEY}
    wal: {compression: gzip, maxParallel: 4}
---
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: orders}
spec:
  instances: 3
  imageName: ghcr.io/cloudnative-pg/postgresql:15
  enableSuperuserAccess: true
  storage: {size: 2Gi, storageClass: host-path}
  postgresql:
    parameters: {max_connections: "%[5]s"}
    synchronous: {method: any, number: 1}
  bootstrap:
    initdb: {database: app, owner: app}
  plugins:
    - name: barman-cloud.cloudnative-pg.io
      isWALArchiver: true
      parameters: {barmanObjectName: backups, serverName: "%[4]s"}
`

func (d *CNPG) makeSource() {
	var connections string
	d.must(d.PG.query("SHOW max_connections", &connections))
	d.kube.Apply(d.t, d.Namespace, fmt.Sprintf(sourceManifests, CNPGStoreKey, CNPGAppPassword, d.Server, d.Server, connections))
	ca, err := os.ReadFile(d.source.certFile)
	d.must(err)
	key, err := d.source.keyPEM()
	d.must(err)
	for name, data := range map[string]map[string]any{
		"orders-superuser": {"username": "postgres", "password": PGPassword},
		"orders-ca":        {"ca.crt": string(ca), "ca.key": key},
	} {
		d.kube.create(d.t, secretsOf, map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name, "namespace": d.Namespace}, "stringData": data,
		})
	}
	var system string
	d.must(d.PG.query("SELECT system_identifier::text FROM pg_control_system()", &system))
	d.SetStatus(map[string]any{
		"phase": "Cluster in healthy state", "systemID": system, "timelineID": int64(1), "instances": int64(3), "readyInstances": int64(3),
		"image":        "ghcr.io/cloudnative-pg/postgresql:15.18",
		"certificates": map[string]any{"serverCASecret": "orders-ca", "clientCASecret": "orders-ca"},
		"conditions": []any{
			cnpgCondition("Ready", "True", "ClusterIsReady", "Cluster is Ready"),
			cnpgCondition("ContinuousArchiving", "True", "ContinuousArchivingSuccess", "Continuous archiving is working"),
			cnpgCondition("LastBackupSucceeded", "True", "LastBackupSucceeded", "Backup was successful"),
		},
	})
}

func cnpgCondition(kind, status, reason, message string) map[string]any {
	return map[string]any{
		"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
	}
}

// SetStatus changes fields of the source Cluster's status.
func (d *CNPG) SetStatus(fields map[string]any) {
	d.t.Helper()
	d.must(d.patch(context.Background(), cnpgClusters, d.Namespace, CNPGInstance, map[string]any{"status": fields}, "status"))
}

func (d *CNPG) patch(ctx context.Context, of schema.GroupVersionResource, namespace, name string, change map[string]any, sub ...string) error {
	text, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = d.kube.Client.Resource(of, namespace).Patch(ctx, name, types.MergePatchType, text, metav1.PatchOptions{}, sub...)
	return err
}
