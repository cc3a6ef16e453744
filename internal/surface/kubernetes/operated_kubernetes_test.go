//go:build kubernetes

package kubernetes

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

func TestCustomResourcesOfLiveTypesStayOutOfEnvironments(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	awaitBound(t, shop, "data")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	shops := schema.GroupResource{Group: shop + ".example.com", Resource: "shops"}
	for name, allowed := range map[string][]string{"not allowed": nil, "allowed": {shops.String()}} {
		to, place := apartFrom(t, shop)
		place.CustomResources = allowed
		to.URL = place.URL()
		surfacetest.Restore(t, s, to, point)
		if there := isThere(t, shops, place.Namespaces[shop], "main"); there != (len(allowed) > 0) {
			t.Errorf("%s: there is %v", name, there)
		}
		surfacetest.RequireSame(t, s, to, point)
		changes, err := s.Diff(t.Context(), surface.Target{URL: to.URL, Conflict: surface.ConflictUpdate}, point, 10)
		if err != nil || len(changes) > 0 {
			t.Errorf("%s: would change %v %v", name, changes, err)
		}
	}
}
