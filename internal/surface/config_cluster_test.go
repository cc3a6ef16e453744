package surface_test

import (
	"slices"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func TestClusterSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given surface.Cluster
		wrong []string
	}{
		"one namespace":   {given: surface.Cluster{Namespaces: []string{"shop"}}},
		"all namespaces":  {given: surface.Cluster{Namespaces: []string{"*"}, LabelSelector: "app in (a,b),!old", ExcludeResources: []string{"pods", "widgets.example.com"}}},
		"none":            {wrong: []string{"namespaces"}},
		"all and another": {surface.Cluster{Namespaces: []string{"*", "shop"}}, []string{"namespaces"}},
		"no names":        {surface.Cluster{Namespaces: []string{"Shop", "a/b", "shop-", ""}}, []string{"namespaces", "namespaces", "namespaces", "namespaces"}},
		"a selector":      {surface.Cluster{Namespaces: []string{"shop"}, LabelSelector: "app in a"}, []string{"labelSelector"}},
		"exclusions":      {surface.Cluster{Namespaces: []string{"shop"}, ExcludeResources: []string{"Pods", "apps/v1", "", "pods."}}, []string{"excludeResources", "excludeResources", "excludeResources", "excludeResources"}},
		"a kubeconfig":    {surface.Cluster{Config: cluster.Config{Kubeconfig: "config"}, Namespaces: []string{"shop"}}, []string{"kubeconfig"}},
	} {
		var got []string
		for _, p := range (surface.Config{Kind: surface.KindKubernetes, Cluster: c.given}).Problems() {
			got = append(got, p.Setting)
		}
		if !slices.Equal(got, c.wrong) {
			t.Errorf("%s: wrong are %q, not %q", name, got, c.wrong)
		}
	}
}
