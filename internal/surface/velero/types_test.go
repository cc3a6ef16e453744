package velero

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func TestNamesOfTypes(t *testing.T) {
	t.Parallel()
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, of := range []schema.GroupVersionKind{
		{Version: "v1", Kind: "PersistentVolumeClaim"}, {Version: "v1", Kind: "Pod"}, {Group: "apps", Version: "v1", Kind: "Deployment"},
	} {
		mapper.Add(of, meta.RESTScopeNamespace)
	}
	odd := schema.GroupVersion{Group: "example.com", Version: "v1"}
	mapper.AddSpecific(odd.WithKind("Geese"), odd.WithResource("geese"), odd.WithResource("goose"), meta.RESTScopeNamespace)
	for _, c := range []struct{ given, want, wrong string }{
		{"persistentvolumeclaims", "persistentvolumeclaims", ""},
		{"persistentvolumeclaim", "persistentvolumeclaims", ""},
		{"PersistentVolumeClaim", "persistentvolumeclaims", ""},
		{"Deployment", "deployments.apps", ""},
		{"deployments.apps", "deployments.apps", ""},
		{"things.example.com", "things.example.com", ""},
		{"goose", "", "goose is geese.example.com: choose it by that name"},
		{"persistent*", "", "no type"},
		{"*", "", "no type"},
		{"nonsense", "", "no type"},
	} {
		got, err := resolved(mapper, []string{c.given}, []string{"things.example.com"})
		if c.wrong == "" && (err != nil || !slices.Equal(got, []string{c.want})) {
			t.Errorf("%s: %q, %v", c.given, got, err)
		}
		if c.wrong != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %q, %v", c.given, got, err)
		}
	}
	for name, want := range map[string]bool{"pvc": true, "PVC": true, "pv": false, "pods": false, "pvc.apps": false, "": false} {
		if selects([]string{name}, schema.GroupResource{Resource: claimsResource}) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestAChoiceOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	s := configured(t, surface.Velero{})
	point := surface.Fingerprint{
		{Kind: "volume", Name: "shop/persistentvolumeclaims/data", Count: 1},
		{Kind: "ingress", Name: "shop/ingresses.networking.k8s.io/web", Count: 1}, {Kind: "custom", Name: "shop/ingresses.example.com/web", Count: 1},
	}
	for _, c := range []struct{ names, types, wrong string }{
		{"pvc", "persistentvolumeclaims", ""},
		{"ingresses.networking.k8s.io", "ingresses.networking.k8s.io", ""},
		{"pods", "pods", "has nothing of pods"},
		{"cm", "configmaps", "has nothing of cm"},
		{"ing", "ingresses.networking.k8s.io", "more than one type"},
	} {
		err := s.chosen(point, []string{c.names}, []string{c.types})
		if (err == nil) != (c.wrong == "") || (err != nil && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.wrong))) {
			t.Errorf("%s: %v", c.names, err)
		}
	}
}
