package cluster_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func TestAPlaceComesBackFromItsURL(t *testing.T) {
	t.Parallel()
	for _, p := range []cluster.Place{
		{},
		{Config: cluster.Config{Kubeconfig: "/etc/kube/config with space", Context: "a&b"}},
		{
			Config: cluster.Config{Context: "dr"}, ID: "d-1", Restore: "D.1", IngressDomain: "drill.invalid",
			Namespaces:      map[string]string{"shop": "lifeboat-d-1-shop", "pay": "lifeboat-d-1-pay"},
			StorageClasses:  map[string]string{"fast": "standard"},
			CustomResources: []string{"shops.example.com", "*"},
		},
	} {
		got, err := cluster.ParsePlace(p.URL())
		if diff := cmp.Diff(p, got); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	}
}

func TestAPlaceThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	for _, u := range []secret.String{
		"postgres://host/db", "kubernetes://host/path", "kubernetes:///k?namespace=a:", "kubernetes:///k?namespce=a:b", "::",
	} {
		if _, err := cluster.ParsePlace(u); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", u.Reveal(), err)
		}
	}
}
