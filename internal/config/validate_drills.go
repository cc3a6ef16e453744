package config

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
)

// planValidator checks one plan.
type planValidator struct {
	*validator
	p    drill.Plan
	name string
	path string
}

func (v *validator) drills() {
	for _, name := range sorted(v.c.Drills) {
		d := &planValidator{v, v.c.Drills[name], name, "drills." + name}
		if !slices.Contains(drill.Kinds, d.p.Kind) {
			d.refuse(d.path+".kind", "%s.kind %q must be one of %s", d.path, d.p.Kind, strings.Join(drill.Kinds, ", "))
			continue
		}
		d.schedule(d.path, d.p.Cron, d.p.TimeZone)
		d.signOff()
		d.runbook()
		if d.p.Kind == drill.Tabletop {
			d.tabletop()
			continue
		}
		if len(d.p.Steps) > 0 {
			d.refuse(d.path+".steps", "%s.steps is for kind tabletop", d.path)
		}
		d.surfaces()
		d.points()
		d.after()
		d.sanitize()
		d.start()
		d.checks()
		d.reconcile()
		if d.p.Kind == drill.AnnualFull {
			d.offSite()
			d.apart()
		}
	}
}

// tabletop is of people: nothing is restored, and so nothing is measured.
func (d *planValidator) tabletop() {
	if len(d.p.Steps) == 0 {
		d.refuse(d.path, "%s.steps is missing: kind tabletop is a checklist", d.path)
	}
	for i, step := range d.p.Steps {
		if at := index(d.path, "steps", i); strings.TrimSpace(step) == "" {
			d.refuse(at, "%s is empty", at)
		}
	}
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"after", len(d.p.After) > 0},
		{"surfaces", len(d.p.Surfaces) > 0},
		{"store", d.p.Store != ""},
		{"points", len(d.p.Points) > 0},
		{"targets", d.p.Targets != drill.Targets{}},
		{"sanitize", len(d.p.Sanitize) > 0},
		{"start", len(d.p.Start) > 0},
		{"checks", len(d.p.Checks) > 0},
		{"reconcile", len(d.p.Reconcile) > 0},
		{"keep", d.p.Keep != 0},
	} {
		if field.set {
			d.refuse(d.path+"."+field.name, "%s.%s means nothing for kind tabletop: it restores nothing", d.path, field.name)
		}
	}
}

func (d *planValidator) surfaces() {
	if len(d.p.Surfaces) == 0 {
		d.refuse(d.path, "%s.surfaces is missing: say what is restored", d.path)
	}
	for i, name := range d.p.Surfaces {
		at := index(d.path, "surfaces", i)
		if _, known := d.c.Surfaces[name]; !known {
			d.refuse(at, "%s.surfaces: %q is not among the surfaces (%s)", d.path, name, listed(sorted(d.c.Surfaces)))
		} else if slices.Contains(d.p.Surfaces[:i], name) {
			d.refuse(at, "%s.surfaces: %q is there twice", d.path, name)
		}
	}
	d.store(d.path, d.p.Store)
}

// store checks a store that may be named under a path.
func (d *planValidator) store(path, name string) {
	if _, known := d.c.Stores[name]; name != "" && !known {
		d.refuse(path+".store", "%s.store %q is not among the stores (%s)", path, name, listed(sorted(d.c.Stores)))
	}
}

// surface checks a surface that is named under a path: it is one of the plan's,
// and of one of the kinds where any are given.
func (d *planValidator) surface(path, name string, kinds ...string) {
	at := path + ".surface"
	if !slices.Contains(d.p.Surfaces, name) {
		d.refuse(at, "%s %q is not among the surfaces of the plan (%s)", at, name, listed(d.p.Surfaces))
		return
	}
	if s, known := d.c.Surfaces[name]; known && len(kinds) > 0 && !slices.Contains(kinds, s.Kind) {
		d.refuse(at, "%s %q is of kind %s, and must be of kind %s", at, name, s.Kind, strings.Join(kinds, " or "))
	}
}

func (d *planValidator) points() {
	for _, name := range sorted(d.p.Points) {
		s, path := d.p.Points[name], d.path+".points."+name
		if !slices.Contains(d.p.Surfaces, name) {
			d.refuse(path, "%s.points: %q is not among the surfaces of the plan (%s)", d.path, name, listed(d.p.Surfaces))
			continue
		}
		d.store(path, s.Store)
		if s.ID != "" && s.Select != drill.SelectPoint {
			d.refuse(path+".id", "%s.id is for select: point", path)
		}
		if s.At != "" && s.Select != drill.SelectMoment {
			d.refuse(path+".at", "%s.at is for select: moment", path)
		}
		switch s.Select {
		case drill.SelectLatest, drill.SelectSnapshot, drill.SelectRandom:
		case drill.SelectPoint:
			if s.ID == "" {
				d.refuse(path, "%s.id is missing: select: point needs it", path)
			}
			if _, known := d.c.Stores[storeOfID(s.ID)]; storeOfID(s.ID) != "" && !known {
				d.refuse(path+".id", "%s.id: the store %q is not among the stores (%s)", path, storeOfID(s.ID), listed(sorted(d.c.Stores)))
			}
		case drill.SelectMoment:
			d.moment(path, name, s.At)
		default:
			d.refuse(path+".select", "%s.select %q must be latest, snapshot, random, point or moment", path, s.Select)
		}
	}
}

// moment checks the target of a recovery to a moment.
func (d *planValidator) moment(path, surfaceName, at string) {
	if s, known := d.c.Surfaces[surfaceName]; known && s.Kind != "postgres" {
		d.refuse(path+".select", "%s.select moment is for surfaces of kind postgres", path)
	}
	ago, relative := strings.CutPrefix(at, "-")
	switch {
	case at == "":
		d.refuse(path, "%s.at is missing: select: moment needs it", path)
	case relative:
		if before, err := time.ParseDuration(ago); err != nil || before <= 0 {
			d.refuse(path+".at", "%s.at %q must be a time before the failure such as -10m, or a target as pitr restore takes it", path, at)
		}
	default:
		if _, err := pitr.ParseTarget(at); err != nil {
			d.refuse(path+".at", "%s.at: %s", path, err)
		}
	}
}

func (d *planValidator) after() {
	for i, name := range d.p.After {
		at := index(d.path, "after", i)
		p, known := d.c.Policies[name]
		switch {
		case !known:
			d.refuse(at, "%s.after: %q is not among the policies (%s)", d.path, name, listed(sorted(d.c.Policies)))
		case slices.Contains(d.p.After[:i], name):
			d.refuse(at, "%s.after: %q is there twice", d.path, name)
		case p.Kind == KindWAL:
			d.refuse(at, "%s.after: the policy %q makes no points; one of kind snapshot or base does", d.path, name)
		case !slices.Contains(d.p.Surfaces, p.Surface):
			d.refuse(at, "%s.after: the policy %q is of %s, which is not among the surfaces of the plan (%s)",
				d.path, name, p.Surface, listed(d.p.Surfaces))
		}
	}
}

// offSite holds a full drill to copies: every surface is read from a store that
// holds something of it and is not its first, which counts as lost.
func (d *planValidator) offSite() {
	for _, name := range d.p.Surfaces {
		if _, known := d.c.Surfaces[name]; !known {
			continue
		}
		path, from := d.path, d.p.Store
		if own := cmp.Or(storeOfID(d.p.Points[name].ID), d.p.Points[name].Store); own != "" {
			path, from = d.path+".points."+name, own
		}
		chosen, known := d.c.Stores[from]
		if from == "" {
			d.refuse(d.path, "%s.store is missing: kind annual_full reads a copy off site, so name its store, or one for %s under points", d.path, name)
		}
		if !known {
			continue
		}
		for _, first := range d.c.firstStores(name, KindSnapshot, KindBase, KindWAL) {
			if place(d.c.Stores[first]) == place(chosen) {
				d.refuse(path+".store", "%s.store %q is where %s is stored first, which kind annual_full takes for lost; name a copy off site",
					path, from, name)
			}
		}
		if !d.c.holds(from, name) {
			d.refuse(path+".store", "%s.store %q: no policy of %s writes or copies to it", path, from, name)
		}
	}
}

func (d *planValidator) signOff() {
	path := d.path + ".signOff"
	if len(d.p.SignOff.Approvers) > 0 && !d.p.NeedsSignOff() {
		d.refuse(path+".approvers", "%s.approvers means nothing where nobody has to sign; set required: true", path)
	}
	for i, name := range d.p.SignOff.Approvers {
		at := index(path, "approvers", i)
		key, known := d.c.adminKey(name)
		switch {
		case !ValidKeyName(name):
			d.refuse(at, "%s.approvers: %q can't be the name of a key: 1 to 40 lower-case letters, digits or \"-\"", path, name)
		case slices.Contains(d.p.SignOff.Approvers[:i], name):
			d.refuse(at, "%s.approvers: %q is there twice", path, name)
		case known && key.Role != "approver" && key.Role != "admin":
			d.refuse(at, "%s.approvers: the key %q has the role %s, which may not sign", path, name, key.Role)
		}
	}
	for _, field := range []struct {
		name  string
		value drill.Duration
	}{
		{"within", d.p.SignOff.Within},
		{"remind", d.p.SignOff.Remind},
		{"validity", d.p.SignOff.Validity},
	} {
		if field.value <= 0 {
			d.refuse(path+"."+field.name, "%s.%s must be longer than 0; leave it out for the default", path, field.name)
		}
	}
}

func (d *planValidator) runbook() {
	if d.p.Runbook == nil {
		return
	}
	r, path := *d.p.Runbook, d.path+".runbook"
	if !filepath.IsAbs(r.Repository) {
		d.refuse(path+".repository", "%s.repository %q must be an absolute path", path, r.Repository)
	}
	if !filepath.IsLocal(r.File) || filepath.Clean(r.File) != r.File || r.File == "." {
		d.refuse(path+".file", "%s.file %q must be the path of a file within the repository", path, r.File)
	}
	if strings.HasPrefix(r.Ref, "-") || strings.ContainsAny(r.Ref, " \t\n:") {
		d.refuse(path+".ref", "%s.ref %q must be a branch, a tag or a commit", path, r.Ref)
	}
}
