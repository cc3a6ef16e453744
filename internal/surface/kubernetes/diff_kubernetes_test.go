//go:build kubernetes

package kubernetes

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

func TestADiffChangesNothing(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	to := into(t, shop)
	name := target(t, to, shop)
	changes, err := s.Diff(t.Context(), to, point, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if isThere(t, typeNamespaces, "", name) {
		t.Fatal("a diff made a namespace")
	}
	found := map[string]surface.Change{}
	for _, c := range changes {
		found[c.Kind+" "+c.Name] = c
	}
	for _, what := range []string{"Namespace " + name, "Shop " + name + "/main", "Deployment " + name + "/web"} {
		if found[what].Action != actionCreate {
			t.Errorf("%s: %+v", what, found[what])
		}
	}
	if few, err := s.Diff(t.Context(), to, point, 2); err != nil || cmp.Diff(changes[:2], few) != "" {
		t.Errorf("the first two: %+v %v", few, err)
	}

	surfacetest.Restore(t, s, to, point)
	if changes, err := s.Diff(t.Context(), to, point, 1000); err != nil || len(changes) > 0 {
		t.Errorf("after a restore: %+v %v", changes, err)
	}
	merge(t, typeConfigMaps, name, "settings", `{"data":{"log.level":"hunter3","size":null,"extra":"hunter4"}}`)
	before := versions(t, name)
	to.Conflict = surface.ConflictUpdate
	changes, err = s.Diff(t.Context(), to, point, 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := []surface.Change{{Action: actionUpdate, Kind: "ConfigMap", Name: name + "/settings", Fields: []string{"data.extra", "data.size", `data["log.level"]`}}}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Error(diff)
	}
	for _, policy := range []string{surface.ConflictSkip, surface.ConflictFail} {
		to.Conflict = policy
		if changes, err := s.Diff(t.Context(), to, point, 1000); err != nil || len(changes) != 1 ||
			changes[0].Action != map[string]string{surface.ConflictSkip: actionSkip, surface.ConflictFail: actionConflict}[policy] {
			t.Errorf("%s: %+v %v", policy, changes, err)
		}
	}
	if diff := cmp.Diff(before, versions(t, name)); diff != "" {
		t.Errorf("a diff changed something: %s", diff)
	}
}
