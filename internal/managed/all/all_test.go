package all_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/managed/all"
	"github.com/lifeboat-dr/lifeboat/internal/managed/azure"
	"github.com/lifeboat-dr/lifeboat/internal/managed/cnpg"
	"github.com/lifeboat-dr/lifeboat/internal/managed/rds"
)

// kubeconfig is one that connects nowhere.
const kubeconfig = `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],
  clusters: [{name: k, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {}}]}`

const surface = "postgres://app:secret@db/orders"

func TestOpensTheServiceOfAKind(t *testing.T) {
	t.Parallel()
	aws, err := all.Open(t.Context(), managed.Config{Kind: managed.KindRDS, Instance: "orders", Region: "eu-west-1"}, surface)
	if _, ok := aws.(*rds.Service); !ok || err != nil {
		t.Errorf("%T, %v", aws, err)
	}
	arm, err := all.Open(t.Context(), managed.Config{
		Kind: managed.KindAzure, Instance: "orders", Subscription: "s", ResourceGroup: "g",
		TenantID: "00000000-0000-0000-0000-000000000000", ClientID: "c", ClientSecret: "s",
	}, surface)
	if _, ok := arm.(*azure.Service); !ok || err != nil {
		t.Errorf("%T, %v", arm, err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	operator, err := all.Open(t.Context(), operated(file), surface)
	if _, ok := operator.(*cnpg.Service); !ok || err != nil {
		t.Errorf("%T, %v", operator, err)
	}
	if _, err := all.Open(t.Context(), operated(file), "redis://db"); !fault.Is(err, fault.Invalid) {
		t.Errorf("cnpg with another database's URL: %v", err)
	}
}

func operated(kubeconfig string) managed.Config {
	return managed.Config{
		Kind: managed.KindCNPG, Instance: "orders",
		CNPG: managed.CNPG{Config: cluster.Config{Kubeconfig: kubeconfig}, Namespace: "shop"},
	}
}

func TestRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]managed.Config{
		"nothing": {},
		"no such authority": {
			Kind: managed.KindRDS, Instance: "orders", Region: "eu-west-1", CAFile: "/nonexistent/ca.pem",
		},
		"no such authority in Azure": {
			Kind: managed.KindAzure, Instance: "orders", Subscription: "s", ResourceGroup: "g", CAFile: "/nonexistent/ca.pem",
		},
		"no such kubeconfig": operated("/nonexistent/kubeconfig"),
	} {
		if _, err := all.Open(t.Context(), c, surface); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []managed.Config{
		{Kind: managed.KindRDS, Instance: "orders", Region: "eu-west-1"},
		{Kind: managed.KindAzure, Instance: "orders", Subscription: "s", ResourceGroup: "g"},
	} {
		if _, err := all.Open(t.Context(), c, "redis://db"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s with another database's URL: %v", c.Kind, err)
		}
	}
}
