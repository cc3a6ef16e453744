package environment

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

func TestProblemsOfAConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config Cluster
		want   []string
	}{
		"nothing": {},
		"everything": {config: Cluster{
			Config: cluster.Config{Kubeconfig: "/etc/dr"}, Prefix: "dr-2-", IngressDomain: "dr.example.com",
			Quota:       map[string]string{"pods": "20", "requests.storage": "1Ti", "count/deployments.apps": "9"},
			AllowEgress: []string{"10.1.0.0/16", "fd00::/8"}, StorageClasses: map[string]string{"fast": "standard"},
			Labels: map[string]string{"pod-security.kubernetes.io/enforce": "privileged"}, CustomResources: []string{"*", "shops.example.com"},
		}},
		"the kubeconfig":          {Cluster{Config: cluster.Config{Kubeconfig: "dr"}}, []string{"kubeconfig"}},
		"no dash":                 {Cluster{Prefix: "dr"}, []string{"prefix"}},
		"upper case":              {Cluster{Prefix: "DR-"}, []string{"prefix"}},
		"a long prefix":           {Cluster{Prefix: "a-very-long-prefix-so-"}, []string{"prefix"}},
		"published services":      {Cluster{Quota: map[string]string{"services.nodeports": "1"}}, []string{"quota.services.nodeports"}},
		"a quantity":              {Cluster{Quota: map[string]string{"pods": "many", "secrets": "-1"}}, []string{"quota.pods", "quota.secrets"}},
		"a resource":              {Cluster{Quota: map[string]string{"po ds": "1"}}, []string{"quota"}},
		"no networks":             {Cluster{AllowEgress: []string{"10.1.0.1", "10.1.0.1/16", "10.0.0.0/8"}}, []string{"allowEgress[0]", "allowEgress[1]"}},
		"every network":           {Cluster{AllowEgress: []string{"0.0.0.0/0", "::/0"}}, []string{"allowEgress[0]", "allowEgress[1]"}},
		"no domain":               {Cluster{IngressDomain: "https://x"}, []string{"ingressDomain"}},
		"no storage class":        {Cluster{StorageClasses: map[string]string{"a": "", "b:c": "d"}}, []string{"storageClasses", "storageClasses"}},
		"no custom resources":     {Cluster{CustomResources: []string{"shops", "Shops.example.com", ""}}, []string{"customResources[0]", "customResources[1]", "customResources[2]"}},
		"labels that are no such": {Cluster{Labels: map[string]string{"a b": "c", "d": "e f", cluster.LabelEnvironment: "x"}}, []string{"labels", "labels", "labels"}},
	} {
		var got []string
		for _, p := range c.config.Problems() {
			got = append(got, p.Setting)
			if p.Text == "" {
				t.Errorf("%s: %s says nothing", name, p.Setting)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
