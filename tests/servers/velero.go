//go:build kubernetes

package servers

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// VeleroVersion is that of the servers that Velero starts.
const VeleroVersion = "1.18.3"

// VeleroServer is a real server of Velero with its plugin for S3. It runs on
// this host, where its Deployment has no pods.
type VeleroServer struct {
	*Process
	// Namespace is where it runs, with the Secret of Credential in it.
	Namespace string

	kube *KubernetesServer
}

// The Secret with the credentials of an S3Server, in every Velero's namespace.
const (
	VeleroSecret    = "object-storage"
	VeleroSecretKey = "keys"
)

// VeleroDefinitions puts Velero's types on a cluster, until the test ends.
func VeleroDefinitions(t testing.TB, kube *KubernetesServer) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(veleroTool(t, "velero-crds"), "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("find the definitions of Velero's types: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("read a definition: %v", err)
		}
		kube.Apply(t, "", string(text))
	}
	Eventually(t, "the API server serves Velero's types", func() error {
		list, err := kube.Client.Dynamic.Resource(VeleroType("podvolumerestores")).List(t.Context(), metav1.ListOptions{})
		if err == nil && list == nil {
			err = fmt.Errorf("no list")
		}
		return err
	})
}

// Velero starts a server that keeps its objects in a namespace. Its types must
// be there. Several on one cluster know nothing of each other.
func Velero(t testing.TB, kube *KubernetesServer, namespace string, storage *S3Server) *VeleroServer {
	t.Helper()
	v := &VeleroServer{Namespace: namespace, kube: kube}
	kube.Apply(t, namespace, fmt.Sprintf(veleroManifests, VeleroSecret, VeleroSecretKey, storage.AccessKeyID, storage.SecretAccessKey.Reveal()))
	address := Address(t)
	dir := t.TempDir()
	cmd := exec.Command(veleroTool(t, "velero"), "server", "--kubeconfig", kube.Kubeconfig, "--namespace", namespace,
		"--plugin-dir", veleroTool(t, "velero-plugins"), "--metrics-address", address, "--profiler-address", "",
		"--backup-sync-period", "5s", "--store-validation-frequency", "5s", "--client-qps", "200", "--client-burst", "400",
		"--fs-backup-timeout", "5m", "--resource-timeout", "5m")
	// Its repositories and their caches are in the home folder, its credentials in the temporary one.
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir, "VELERO_NAMESPACE="+namespace)
	cmd.Dir = dir
	client := &http.Client{Timeout: 5 * time.Second}
	v.Process = Start(t, cmd, Answering(client, "http://"+address+"/metrics"))
	return v
}

// veleroManifests is what a server looks for in its namespace.
const veleroManifests = `
apiVersion: v1
kind: Secret
metadata: {name: %s}
stringData:
  %s: |
    [default]
    aws_access_key_id=%s
    aws_secret_access_key=%s
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: velero, labels: {component: velero}}
spec:
  replicas: 0
  selector: {matchLabels: {deploy: velero}}
  template:
    metadata: {labels: {deploy: velero}}
    spec:
      containers: [{name: velero, image: "velero/velero:v1.18.3"}]
`

// VeleroBucket is a bucket that a Velero keeps its backups in.
type VeleroBucket = store.Config

// VeleroLocation is a BackupStorageLocation of a bucket, as a manifest.
func (s *S3Server) VeleroLocation(t testing.TB, name string, bucket VeleroBucket, accessMode string) string {
	t.Helper()
	certificates, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatalf("read the certificate: %v", err)
	}
	return fmt.Sprintf(`
apiVersion: velero.io/v1
kind: BackupStorageLocation
metadata: {name: %s}
spec:
  provider: aws
  accessMode: %s
  objectStorage: {bucket: %s, caCert: %s}
  credential: {name: %s, key: %s}
  config: {region: us-east-1, s3ForcePathStyle: "true", s3Url: %s}
`, name, accessMode, bucket.Bucket, encodeBase64(certificates), VeleroSecret, VeleroSecretKey, strconv.Quote(s.Endpoint))
}

// VeleroType is one of Velero's types, by its plural.
func VeleroType(plural string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "velero.io", Version: "v1", Resource: plural}
}

func veleroTool(t testing.TB, name string) string {
	t.Helper()
	tool, err := findTool("scripts/test-velero-tools.sh", name)
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// Phase is the phase of one of its objects; empty when it isn't there.
func (v *VeleroServer) Phase(ctx context.Context, plural, name string) string {
	found, err := v.kube.Client.Resource(VeleroType(plural), v.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return ""
	}
	status, _ := found.Object["status"].(map[string]any)
	phase, _ := status["phase"].(string)
	return phase
}
