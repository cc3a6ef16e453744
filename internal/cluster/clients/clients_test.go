package clients_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
)

const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "https://10.0.0.1:6443"}}, {name: b, cluster: {server: "https://10.0.0.2:6443"}}, {name: c, cluster: {server: "https://10.0.0.1:6443/"}}]
contexts: [{name: live, context: {cluster: a}}, {name: alias, context: {cluster: c}}, {name: other, context: {cluster: b}}]
current-context: live
`

func TestClustersAreTheSameByTheirAPIServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, copied, broken := at("one", kubeconfig), at("copied", kubeconfig), at("broken", "contexts: 7")
	for name, c := range map[string]struct {
		a, b cluster.Config
		want bool
	}{
		"as written":             {cluster.Config{Kubeconfig: one}, cluster.Config{Kubeconfig: one}, true},
		"the current context":    {cluster.Config{Kubeconfig: one}, cluster.Config{Kubeconfig: one, Context: "live"}, true},
		"another context":        {cluster.Config{Kubeconfig: one}, cluster.Config{Kubeconfig: one, Context: "alias"}, true},
		"another file":           {cluster.Config{Kubeconfig: one}, cluster.Config{Kubeconfig: copied}, true},
		"another cluster":        {cluster.Config{Kubeconfig: one}, cluster.Config{Kubeconfig: one, Context: "other"}, false},
		"none of that name":      {cluster.Config{Kubeconfig: one}, cluster.Config{Kubeconfig: one, Context: "none"}, false},
		"unreadable":             {cluster.Config{Kubeconfig: broken}, cluster.Config{Kubeconfig: one}, false},
		"unreadable, as written": {cluster.Config{Kubeconfig: broken}, cluster.Config{Kubeconfig: broken}, true},
	} {
		if got := clients.Same(c.a, c.b); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
