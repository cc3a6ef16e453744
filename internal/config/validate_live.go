package config

import (
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// onOwnCluster reports whether the points of a surface are restored to the cluster that they come from.
func (c *Config) onOwnCluster(s Surface) bool {
	isolated, named := c.Environments[s.Environment]
	return !named || isolated.Config == s.Cluster.Config
}

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
		if s.Namespaces != nil && d.c.onOwnCluster(s) {
			d.refuse(d.path+".surfaces", "%s restores %s to the very cluster that kind annual_full takes for lost: give surfaces.%s an environment on another one", d.path, name, name)
		}
		if s.Kind == surface.KindObjects {
			d.refuse(d.path+".surfaces", "%s restores %s from the old versions in the live bucket itself, which kind annual_full takes for lost: leave it out, and name it under exclusions", d.path, name)
		}
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
