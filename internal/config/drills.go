package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// What a plan does when it isn't told.
const (
	defaultSignOff = drill.Duration(14 * day)
	defaultRemind  = drill.Duration(day)
	defaultDepth   = 64
	day            = 24 * time.Hour
)

// validities are for how long a signed pass counts, by the kind of drill: until
// the next one is due, and some days more.
var validities = map[string]drill.Duration{
	drill.RestoreTest: drill.Duration(8 * day),
	drill.Quarterly:   drill.Duration(100 * day),
	drill.AnnualFull:  drill.Duration(400 * day),
	drill.Tabletop:    drill.Duration(400 * day),
}

// completeDrill fills in the defaults of a plan. Only what was not written down
// gets one: a length of time of 0 that was is refused later.
func completeDrill(p *drill.Plan, o origins, path string) {
	if p.Kind == "" {
		p.Kind = drill.Quarterly
		if len(p.After) > 0 {
			p.Kind = drill.RestoreTest
		}
	}
	if p.TimeZone == "" {
		p.TimeZone = "UTC"
	}
	for _, field := range []struct {
		name  string
		value *drill.Duration
		byDef drill.Duration
	}{
		{"within", &p.SignOff.Within, defaultSignOff},
		{"remind", &p.SignOff.Remind, defaultRemind},
		{"validity", &p.SignOff.Validity, validities[p.Kind]},
	} {
		if _, written := o[path+".signOff."+field.name]; !written {
			*field.value = field.byDef
		}
	}
	for name, s := range p.Points {
		switch {
		case s.Select != "":
		case s.ID != "":
			s.Select = drill.SelectPoint
		case s.At != "":
			s.Select = drill.SelectMoment
		default:
			s.Select = drill.SelectLatest
		}
		p.Points[name] = s
	}
	if p.Runbook != nil && p.Runbook.Ref == "" {
		p.Runbook.Ref = "HEAD"
	}
	for _, r := range p.Reconcile {
		if r.Chain != nil && r.Chain.Depth == 0 {
			r.Chain.Depth = defaultDepth
		}
	}
	completeNames(p)
}

// completeNames names what the plan has left without a name.
func completeNames(p *drill.Plan) {
	// What is found wrong is known by the name of what found it, so checks and
	// reconciliations share their names.
	var steps []named
	for i := range p.Checks {
		steps = append(steps, named{&p.Checks[i].Name, p.Checks[i].Kind})
	}
	for i := range p.Reconcile {
		steps = append(steps, named{&p.Reconcile[i].Name, p.Reconcile[i].Kind})
	}
	nameAll(steps)
	var rules, programs []named
	for i := range p.Sanitize {
		rules = append(rules, named{&p.Sanitize[i].Name, "sanitize"})
	}
	nameAll(rules)
	for i := range p.Start {
		programs = append(programs, named{&p.Start[i].Name, "program"})
	}
	nameAll(programs)
}

// named is something that has a name, or gets one after its kind.
type named struct {
	name *string
	kind string
}

// nameAll calls what has no name by its kind and its number among those of the
// kind: http-1, http-2. A number is left out when another was given that name.
func nameAll(all []named) {
	var taken []string
	for _, n := range all {
		taken = append(taken, *n.name)
	}
	numbers := make(map[string]int)
	for _, n := range all {
		numbers[n.kind]++
		for *n.name == "" {
			if name := fmt.Sprintf("%s-%d", n.kind, numbers[n.kind]); !slices.Contains(taken, name) {
				*n.name = name
				break
			}
			numbers[n.kind]++
		}
	}
}

// drillWarnings tell of plans that can be carried out, and perhaps not as meant.
func (c *Config) drillWarnings(made []string) []string {
	var out []string
	for _, name := range sorted(c.Drills) {
		p := c.Drills[name]
		out = append(out, c.literalPasswords(name)...)
		if p.Owner == "" {
			out = append(out, fmt.Sprintf("drills.%s has no owner: nobody is named to mend what it finds", name))
		}
		for _, approver := range p.SignOff.Approvers {
			if _, known := c.adminKey(approver); !known && !slices.Contains(made, approver) {
				out = append(out, fmt.Sprintf("drills.%s.signOff.approvers: there is no key %q: until one of that name is made, it can't sign", name, approver))
			}
		}
		for _, surface := range p.Surfaces {
			if p.Points[surface].Select == drill.SelectMoment && !c.reachesMoments(surface) {
				out = append(out, fmt.Sprintf("drills.%s recovers %s to a moment, for which there is no provider, nor a policy of kind base and one of kind wal",
					name, surface))
				continue
			}
			for _, store := range c.DrillStores(name, surface) {
				if !c.holds(store, surface) {
					out = append(out, fmt.Sprintf("drills.%s reads %s from the store %s, and no policy puts anything of it there",
						name, surface, store))
				}
			}
		}
	}
	return out
}

// reachesMoments reports whether a surface can be recovered to a moment: by a
// service, or by base backups and WAL.
func (c *Config) reachesMoments(surface string) bool {
	if c.Provider(surface, "") != nil {
		return true
	}
	kept := map[string]bool{}
	for _, p := range c.Policies {
		kept[p.Kind] = kept[p.Kind] || p.Surface == surface
	}
	return kept[KindBase] && kept[KindWAL]
}

// adminKey is a key of the API that the configuration fixes, LIFEBOAT_ADMIN_KEY's among them.
func (c *Config) adminKey(name string) (AdminKey, bool) {
	if name == "admin" {
		return AdminKey{Name: name, Role: "admin"}, true
	}
	for _, key := range c.Admin.Keys {
		if key.Name == name {
			return key, true
		}
	}
	return AdminKey{}, false
}

// holds reports whether some policy of a surface writes or copies to a store.
func (c *Config) holds(storeName, surfaceName string) bool {
	for _, p := range c.Policies {
		if p.Surface == surfaceName && (p.Store == storeName || slices.Contains(p.Copies, storeName)) {
			return true
		}
	}
	return false
}

// DrillStores are the stores that a plan reads a surface from, each once and in
// order of their names: the one that its selection names, else the plan's, else
// the first stores (see FirstStore) of what the selection reads. There are none
// for what a service recovers (see Provider), for a surface that is
// not in the plan, and for a plan that is not there.
func (c *Config) DrillStores(plan, surfaceName string) []string {
	p := c.Drills[plan]
	if !slices.Contains(p.Surfaces, surfaceName) {
		return nil
	}
	chosen := p.Points[surfaceName]
	if own := cmp.Or(storeOfID(chosen.ID), chosen.Store, p.Store); own != "" {
		return []string{own}
	}
	moment := chosen.Select == drill.SelectMoment
	latest := chosen.Select == "" || chosen.Select == drill.SelectLatest
	switch wal, _ := c.WALPolicy(surfaceName); {
	case (moment || latest) && c.Provider(surfaceName, "") != nil:
		return nil
	case moment, latest && wal != "":
		return c.firstStores(surfaceName, KindBase, KindWAL)
	default:
		return c.firstStores(surfaceName, KindSnapshot)
	}
}

// storeOfID is the store in STORE:ID, which the name of a point may be.
func storeOfID(id string) string {
	name, _, named := strings.Cut(id, ":")
	if !named || strings.Contains(name, "/") {
		return ""
	}
	return name
}

// firstStores are those of the kinds that policies make of a surface; without
// such a policy, that of the first kind.
func (c *Config) firstStores(surfaceName string, kinds ...string) []string {
	var stores []string
	for _, kind := range kinds {
		for _, p := range c.Policies {
			if p.Surface == surfaceName && p.Kind == kind {
				stores = append(stores, c.FirstStore(surfaceName, kind))
				break
			}
		}
	}
	if first := c.FirstStore(surfaceName, kinds[0]); len(stores) == 0 && first != "" {
		stores = append(stores, first)
	}
	slices.Sort(stores)
	return slices.Compact(stores)
}

// index writes the path of an element of a list.
func index(path, list string, i int) string { return path + "." + list + "." + strconv.Itoa(i) }
