package kubernetes

import (
	"context"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// inventory takes the fingerprint of a copy.
type inventory struct {
	*source
	*destination
	// names has the point's namespaces by those of the copy.
	names map[string]string
	// wanted are the entries that are expected.
	wanted  map[string]bool
	entries surface.Fingerprint
}

// Fingerprint implements surface.Surface: it reads the namespaces of a copy,
// and calls them as the point does. What controllers own there, and what an
// isolated environment has brought itself, is left out unless it is expected;
// of the cluster it has what is expected alone. Custom resources and others are
// read in the version that the copy's API server prefers.
func (s *Surface) Fingerprint(ctx context.Context, t surface.Target) (surface.Fingerprint, error) {
	d, err := s.destination(t)
	if err != nil {
		return nil, err
	}
	v := &inventory{destination: d, names: map[string]string{}, wanted: map[string]bool{}}
	for _, e := range t.Expected {
		v.wanted[e.Name] = true
	}
	if v.source, err = s.copied(ctx, d); err != nil {
		return nil, err
	}
	if err := v.findNames(); err != nil {
		return nil, err
	}
	var lists []listing
	for _, of := range v.catalogue.within(s.config.ExcludeResources) {
		if d.selector.hasType(of.Resource) {
			lists = append(lists, v.narrow(of)...)
		}
	}
	if err := v.source.walk(ctx, lists, v.refused, v.object); err != nil {
		return nil, fault.While(err, "look at %s", d)
	}
	if err := v.ofCluster(ctx); err != nil {
		return nil, fault.While(err, "look at %s", d)
	}
	v.entries.Sort()
	return v.entries, nil
}

// copied is a copy as a source, without namespaces.
func (s *Surface) copied(ctx context.Context, d *destination) (*source, error) {
	out := &source{client: d.client, selector: s.config.LabelSelector, namespaces: s.config.Namespaces}
	var err error
	if out.lister, err = newLister(d.client); err != nil {
		return nil, err
	}
	if out.catalogue, err = discover(d.client); err != nil {
		return nil, err
	}
	if out.wide = slices.Contains(out.namespaces, allNamespaces); out.wide && len(d.Namespaces) == 0 {
		err = out.findNamespaces(ctx, &survey{})
	}
	return out, err
}

// findNames finds out which namespaces of the copy stand for which of the
// point: those of the place, of what is expected, and else of the surface.
func (v *inventory) findNames() error {
	points := map[string]bool{}
	for name := range v.Namespaces {
		points[name] = true
	}
	for name := range v.wanted {
		if o, ok := parseEntry(name); ok && o.Namespace != "" {
			points[o.Namespace] = true
		}
	}
	if len(points) == 0 {
		for _, name := range v.namespaces {
			points[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(points)) {
		to, err := v.namespace(name)
		if err != nil {
			return err
		}
		if other, taken := v.names[to]; taken {
			return fault.New(fault.Invalid, "namespaces %s and %s of the point have one namespace %s: their resources can't be told apart", other, name, to)
		}
		v.names[to] = name
	}
	v.with(slices.Sorted(maps.Keys(v.names)))
	return nil
}

// refused is fatal where something of the type is expected.
func (v *inventory) refused(of listing, why string) error {
	for name := range v.wanted {
		if o, ok := parseEntry(name); ok && o.Resource == of.of.Resource && o.Namespace == v.names[of.namespace] {
			return fault.New(fault.Denied, "list %s: %s", of, why)
		}
	}
	return nil
}

// object takes down one object of a namespace, under the point's names.
func (v *inventory) object(o Object) error {
	o.Namespace = v.names[o.Namespace]
	if skipped(o) || !v.destination.selector.has(o) || !v.wanted[entryName(o)] && !unexpected(o) {
		return nil
	}
	return v.add(o)
}

func (v *inventory) add(o Object) error {
	entry, err := entryOf(o, v.names)
	v.entries = append(v.entries, entry)
	return err
}

// ofCluster looks for what is expected of the cluster's.
func (v *inventory) ofCluster(ctx context.Context) error {
	for name := range v.wanted {
		o, ok := parseEntry(name)
		if !ok || o.Namespace != "" {
			continue
		}
		of, known := v.catalogue.find(o.Resource)
		if !known {
			continue
		}
		there, err := v.nameOfCluster(o)
		if err != nil {
			return err
		}
		found, err := v.get(ctx, listing{of: of}, there)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return cluster.Failure(err, "read %s %s", of.Resource, there)
		}
		found.Name = o.Name
		if err := v.add(found); err != nil {
			return err
		}
	}
	return nil
}

// nameOfCluster is the name that an object of the cluster has for the copy.
func (v *inventory) nameOfCluster(o Object) (string, error) {
	switch {
	case o.Resource == typeNamespaces:
		return v.namespace(o.Name)
	case o.Resource == typeClusterBindings && v.isolated():
		return bindingName(o.Name, v.ID), nil
	default:
		return o.Name, nil
	}
}
