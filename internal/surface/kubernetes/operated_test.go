package kubernetes

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func TestDatabaseClustersAreRestoredByNameOnly(t *testing.T) {
	t.Parallel()
	of := schema.GroupResource{Group: "postgresql.cnpg.io", Resource: "clusters"}
	o := fromYAML(t, of, "metadata: {name: db, namespace: shop, labels: {app: web}}")
	entry := surface.Entry{Kind: categoryCustom, Name: entryName(o), Count: 1, Digest: "sha256:0 app=web"}
	other := surface.Entry{Kind: categoryConfigMap, Name: "shop/configmaps/settings", Count: 1, Digest: "sha256:1 app=web"}
	ofTheCluster := surface.Entry{Kind: categoryOther, Name: "-/namespaces/shop", Count: 1}
	for name, c := range map[string]struct {
		s    surface.Selection
		want surface.Fingerprint
	}{
		"everything":        {surface.Selection{}, surface.Fingerprint{other, ofTheCluster}},
		"its label":         {surface.Selection{Labels: "app=web"}, surface.Fingerprint{other}},
		"its own name":      {surface.Selection{Names: []string{"shop/db"}}, nil},
		"a plural of many":  {surface.Selection{Resources: []string{"clusters"}}, nil},
		"its type in full":  {surface.Selection{Resources: []string{of.String()}}, surface.Fingerprint{entry}},
		"its type and more": {surface.Selection{Resources: []string{of.String(), "configmaps"}}, surface.Fingerprint{entry, other}},
	} {
		if diff := cmp.Diff(c.want, (&Surface{}).Scope(surface.Fingerprint{entry, other, ofTheCluster}, c.s)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		by, err := newSelector(c.s)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := by.has(o), len(c.want) > 0 && c.want[0].Name == entry.Name; got != want {
			t.Errorf("%s: restored is %v", name, got)
		}
	}
	store := schema.GroupResource{Group: "barmancloud.cnpg.io", Resource: "objectstores"}
	if (selector{}).hasType(store) {
		t.Error("an object store is restored unasked")
	}
}

// TestCustomResourcesThatAPlaceAllows asks no cluster.
func TestCustomResourcesThatAPlaceAllows(t *testing.T) {
	t.Parallel()
	shops := schema.GroupResource{Group: "example.com", Resource: "shops"}
	for name, c := range map[string]struct {
		place cluster.Place
		of    schema.GroupResource
	}{
		"no environment":             {cluster.Place{}, shops},
		"no custom resource":         {cluster.Place{ID: "d-1"}, typeDeployments},
		"one that is named":          {cluster.Place{ID: "d-1", CustomResources: []string{"shops.example.com"}}, shops},
		"all in the environment":     {cluster.Place{ID: "d-1", CustomResources: []string{everyCustom}}, shops},
		"an object of Kubernetes":    {cluster.Place{ID: "d-1"}, typeSecrets},
		"a definition in particular": {cluster.Place{ID: "d-1"}, typeDefinitions},
	} {
		d := &destination{remapper: remapper{c.place}}
		if taken, err := d.takes(t.Context(), c.of); err != nil || !taken {
			t.Errorf("%s: %v %v", name, taken, err)
		}
	}
	for _, allowed := range [][]string{nil, {"shops"}, {"carts.example.com"}} {
		if (remapper{cluster.Place{ID: "d-1", CustomResources: allowed}}).allowsCustom(shops) {
			t.Errorf("%q allow it", allowed)
		}
	}
}

func TestWhatCountsInACopy(t *testing.T) {
	t.Parallel()
	made := fromYAML(t, typeConfigMaps, "metadata: {name: made-later, namespace: shop}")
	expected := surface.Entry{Kind: categoryConfigMap, Name: "shop/configmaps/settings", Count: 1, Digest: "sha256:0"}
	for name, c := range map[string]struct {
		place    cluster.Place
		conflict string
		wanted   map[string]surface.Entry
		extra    bool
		same     bool
	}{
		"live":           {cluster.Place{}, surface.ConflictUpdate, map[string]surface.Entry{expected.Name: expected}, false, false},
		"live, skipped":  {cluster.Place{}, surface.ConflictSkip, map[string]surface.Entry{expected.Name: expected}, false, true},
		"an inventory":   {cluster.Place{}, surface.ConflictFail, nil, true, false},
		"an environment": {cluster.Place{ID: "d-1"}, surface.ConflictSkip, map[string]surface.Entry{expected.Name: expected}, true, false},
	} {
		v := &inventory{destination: &destination{remapper: remapper{c.place}, conflict: c.conflict}, wanted: c.wanted}
		if got := v.counts(made); got != c.extra {
			t.Errorf("%s: what was made later counts: %v", name, got)
		}
		settings := fromYAML(t, typeConfigMaps, "metadata: {name: settings, namespace: shop}\ndata: {a: changed}")
		if !v.counts(settings) && len(c.wanted) > 0 {
			t.Errorf("%s: what is expected does not count", name)
		}
		if err := v.add(settings); err != nil || (v.entries[0].Digest == expected.Digest) != c.same {
			t.Errorf("%s: %+v %v", name, v.entries, err)
		}
	}
}

// TestWhatIsNoAPIServerIsNotMissing: that is only said of the namespaces.
func TestWhatIsNoAPIServerIsNotMissing(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := `{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a}}], clusters: [{name: a, cluster: {server: "` + server.URL + `"}}]}`
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := New("apps", surface.Config{Kind: Kind, Cluster: surface.Cluster{
		Config: cluster.Config{Kubeconfig: kubeconfig}, Namespaces: []string{"shop"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Hold(t.Context()); err == nil || fault.Is(err, fault.Missing) {
		t.Errorf("%v", err)
	}
}
