package worker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/worker"
)

// A target on the live cluster is refused by whatever name the cluster goes.
func TestATargetOnTheLiveClusterIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kube, file := filepath.Join(dir, "kube"), filepath.Join(dir, "lifeboat.yaml")
	for path, text := range map[string]string{
		kube: `apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "https://10.0.0.1:6443"}}]
contexts: [{name: live, context: {cluster: a}}, {name: alias, context: {cluster: a}}]
current-context: live
`,
		file: "dataDir: " + filepath.Join(dir, "data") + `
encryption: {recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]}
stores: {primary: {kind: local, dir: ` + filepath.Join(dir, "store") + `}}
surfaces: {shop: {kind: kubernetes, kubeconfig: ` + kube + `, namespaces: [shop]}}
targets: {copy: {kind: kubernetes, url: "kubernetes://` + kube + `?context=alias"}}
`,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := worker.Open(t.Context(), c, "test"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "targets.copy is the live surface shop itself") {
		t.Errorf("%v", err)
	}
}
