//go:build kubernetes

package cnpg_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/managed/managedtest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// documented are the rights that the manual asks for.
func documented(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(servers.Root(t), "docs", "cnpg.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "```yaml\nrules:\n")
	block, _, closed := strings.Cut(after, "```")
	var out []rbacv1.PolicyRule
	if err := yaml.UnmarshalStrict([]byte(block), &out); err != nil || !found || !closed || len(out) == 0 {
		t.Fatalf("the manual has no rules: %v", err)
	}
	return out
}

func TestTheDocumentedRightsSuffice(t *testing.T) {
	t.Parallel()
	d := servers.NewCNPG(t, kube)
	rules := documented(t)
	c := config(d)
	c.Kubeconfig = kube.User(t, rules...)
	service := open(t, c)
	// Without a transaction after the base backup, PostgreSQL names no last one.
	d.SQL("CREATE TABLE written (n int)")
	d.Archive()
	d.KeepJobs(true)
	request := managed.Request{Name: "allowed-" + d.Server}
	managedtest.Restored(t, service, request)
	stop, err := service.(managed.Stopper).Stopped(t.Context(), request.Name)
	if err != nil || stop.Time.IsZero() {
		t.Errorf("the log of the Job was not read: %+v, %v", stop, err)
	}
	d.FailRestores(true)
	if why := failed(t, service, managed.Request{Name: "allowed-to-fail-" + d.Server}); !strings.Contains(why, servers.CNPGFailure) {
		t.Errorf("the reason is %q", why)
	}

	// One right less is named, and nothing is made.
	var fewer []rbacv1.PolicyRule
	for _, rule := range rules {
		if rule.Resources[0] != "networkpolicies" && rule.Resources[0] != "namespaces" {
			fewer = append(fewer, rule)
		}
	}
	c.Kubeconfig = kube.User(t, fewer...)
	err = open(t, c).Restore(t.Context(), managed.Request{Name: "forbidden-" + d.Server})
	if !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "namespaces") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without the right to make namespaces: %v", err)
	}
}
