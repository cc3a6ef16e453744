//go:build kubernetes

package kubernetes

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

func TestASelectionIsRestoredAlone(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	for name, c := range map[string]struct {
		selection surface.Selection
		has, not  []string
	}{
		"type":        {surface.Selection{Resources: []string{"configmaps", "secrets", "serviceaccounts"}}, []string{"configmaps settings", "secrets registry"}, []string{"services web"}},
		"name":        {surface.Selection{Names: []string{shop + "/web"}}, []string{"services web", "serviceaccounts web"}, []string{"services queue"}},
		"labels":      {surface.Selection{Labels: "app=web"}, []string{"configmaps settings"}, []string{"services queue", "services web"}},
		"all of them": {surface.Selection{Resources: []string{"secrets"}, Labels: "app=web"}, []string{"secrets registry"}, []string{"secrets long-lived", "configmaps settings"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := into(t, shop)
			to.Selection = c.selection
			if err := s.Begin(t.Context(), to, point); err != nil {
				t.Fatal(err)
			}
			if err := surfacetest.Load(t.Context(), s, to, point); err != nil {
				t.Fatal(err)
			}
			if err := s.Finish(t.Context(), to, point); err != nil {
				t.Fatal(err)
			}
			there := func(what string) bool {
				of, name, _ := strings.Cut(what, " ")
				return isThere(t, schema.ParseGroupResource(of), target(t, to, shop), name)
			}
			for _, what := range c.has {
				if !there(what) {
					t.Errorf("%s is missing", what)
				}
			}
			for _, what := range c.not {
				if there(what) {
					t.Errorf("%s is there", what)
				}
			}
			to.Expected = s.Scope(point.Fingerprint(), c.selection)
			got, err := s.Fingerprint(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range to.Expected.Compare(got) {
				t.Error(d)
			}
		})
	}
	for _, selection := range []surface.Selection{
		{Resources: []string{"shopz"}}, {Labels: "app in"}, {Tables: []string{"a.b"}}, {Names: []string{"nobody"}},
	} {
		to := into(t, shop)
		to.Selection = selection
		if err := s.Begin(t.Context(), to, point); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", selection, err)
		}
	}
}
