package velero

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

const aList = `{
 "v1/Namespace": ["shop", "empty"],
 "v1/PersistentVolume": ["pv-1"],
 "v1/Pod": ["shop/web-1"],
 "v1/ConfigMap": ["shop/kube-root-ca.crt", "shop/settings", "other/settings"],
 "v1/Secret": ["shop/keys", "shop/web-token-ab12c", "shop/api-token-ab12c"],
 "v1/ServiceAccount": ["shop/default", "shop/web"],
 "v1/PersistentVolumeClaim": ["shop/data"],
 "v1/Service": ["shop/web"],
 "v1/Endpoints": ["shop/web"],
 "apps/v1/Deployment": ["shop/web"],
 "apps/v1/ReplicaSet": ["shop/web-1"],
 "batch/v1/Job": ["shop/nightly-1"],
 "batch/v1/CronJob": ["shop/nightly"],
 "networking.k8s.io/v1/Ingress": ["shop/web"],
 "networking.k8s.io/v1/NetworkPolicy": ["shop/deny"],
 "rbac.authorization.k8s.io/v1/RoleBinding": ["shop/web"],
 "example.com/v1alpha1/Widget": ["shop/one"],
 "postgresql.cnpg.io/v1/Cluster": ["shop/db"],
 "velero.io/v1/Backup": ["shop/b"]
}`

func typesOf(l resourceList) map[string]schema.GroupResource {
	plural := map[string]string{"Ingress": "ingresses", "NetworkPolicy": "networkpolicies", "Endpoints": "endpoints"}
	out := map[string]schema.GroupResource{}
	for key := range l {
		of := kindOf(key)
		name := plural[of.Kind]
		if name == "" {
			name = strings.ToLower(of.Kind) + "s"
		}
		out[key] = schema.GroupResource{Group: of.Group, Resource: name}
	}
	return out
}

func TestAnInventoryHasWhatARestoreBringsBack(t *testing.T) {
	t.Parallel()
	l, err := readList(strings.NewReader(aList))
	if err != nil {
		t.Fatal(err)
	}
	if got := l.namespaces(); !slices.Equal(got, []string{"empty", "other", "shop"}) {
		t.Errorf("namespaces %v", got)
	}
	want := surface.Fingerprint{
		{Kind: "access", Name: "shop/rolebindings.rbac.authorization.k8s.io/web", Count: 1},
		{Kind: "access", Name: "shop/serviceaccounts/web", Count: 1},
		{Kind: "configmap", Name: "shop/configmaps/settings", Count: 1},
		{Kind: "custom", Name: "shop/widgets.example.com/one", Count: 1},
		{Kind: "ingress", Name: "shop/ingresses.networking.k8s.io/web", Count: 1},
		{Kind: "other", Name: "shop/networkpolicies.networking.k8s.io/deny", Count: 1},
		{Kind: "secret", Name: "shop/secrets/api-token-ab12c", Count: 1},
		{Kind: "secret", Name: "shop/secrets/keys", Count: 1},
		{Kind: "service", Name: "shop/services/web", Count: 1},
		{Kind: "volume", Name: "shop/persistentvolumeclaims/data", Count: 1},
		{Kind: "workload", Name: "shop/cronjobs.batch/nightly", Count: 1},
		{Kind: "workload", Name: "shop/deployments.apps/web", Count: 1},
	}
	got := inventory(l, typesOf(l), []string{"shop"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s := &Surface{}
	some := s.Scope(got, surface.Selection{Resources: []string{"deployments", "secrets", "widgets.example.com", "roles.rbac.authorization.k8s.io"}})
	if len(some) != 4 {
		t.Errorf("scope %v", some)
	}
	if all := s.Scope(got, surface.Selection{}); len(all) != len(got) {
		t.Errorf("scope of everything %v", all)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"shop": "shop", "a-1": "a-1", "Shop_1": "shop-1-f26b25d20f", "shop_1": "shop-1-6c5c138982", strings.Repeat("a", 40): strings.Repeat("a", 40),
	} {
		if got := base(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	long := base(strings.Repeat("a.", 60))
	if len(long) > maxBase || long == base(strings.Repeat("a.", 61)) {
		t.Error(long)
	}
	name := backupName("Shop", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if !strings.HasPrefix(name, base("Shop")+"-20260102030405-") || name != strings.ToLower(name) {
		t.Error(name)
	}
	// As Velero's own function has it.
	if got := labelValue(strings.Repeat("x", 70)); len(got) != 63 || labelValue("short") != "short" || got != strings.Repeat("x", 57)+"c71bd1" {
		t.Error(got)
	}
	if number("lifeboat-d-1-12") != 12 || number("other") != 0 {
		t.Error("numbers of attempts")
	}
}

// FuzzReadList: whatever a store answers, a list is read or refused.
func FuzzReadList(f *testing.F) {
	f.Add([]byte(aList))
	f.Add([]byte(`{"": ["/", ""], "a/b/c/d": null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := readList(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, e := range inventory(l, typesOf(l), l.namespaces()) {
			if _, ok := typeOf(e); !ok {
				t.Errorf("%q names no type", e.Name)
			}
		}
	})
}
