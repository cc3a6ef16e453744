package config

import (
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// apart refuses the steps of a plan that name the address of a live surface of
// the plan: while it is rehearsed that all of them are lost, nothing asks them.
func (d *planValidator) apart() {
	steps := map[string][]string{}
	for i, s := range d.p.Start {
		steps[index(d.path, "start", i)] = s.Reaches()
	}
	for i, c := range d.p.Checks {
		steps[index(d.path, "checks", i)] = c.Reaches()
	}
	for i, r := range d.p.Reconcile {
		steps[index(d.path, "reconcile", i)] = r.Reaches()
	}
	for _, name := range d.p.Surfaces {
		s := d.c.Surfaces[name]
		for _, u := range []secret.String{s.URL, s.StandbyURL} {
			live, ok := drill.EndpointOf(u)
			if !ok {
				continue
			}
			for _, path := range sorted(steps) {
				if live.Named(steps[path]...) {
					d.refuse(path, "%s names the address of %s, which kind annual_full takes for lost; write {{%s.address}} for the restored one", path, name, name)
				}
			}
		}
	}
}
