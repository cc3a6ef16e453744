package kubernetes

import (
	"context"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

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
	// wanted are the entries that are expected, by their names.
	wanted  map[string]surface.Entry
	entries surface.Fingerprint
}

// Fingerprint implements surface.Surface: it reads the namespaces of a copy,
// and calls them as the point does. What controllers own there, and what an
// isolated environment has brought itself, is left out unless it is expected;
// of the cluster it has what is expected alone. Custom resources and others are
// read in the version that the copy's API server prefers.
//
// Where nothing is isolated, others may have what is theirs beside what was
// restored, and it has what is expected alone: restores delete nothing. After one
// that skips what is there, just that it is there counts: its entry is the
// expected one, whatever is in it. So are those of custom resources
// that an environment does not take: there is nothing to compare (see takes).
func (s *Surface) Fingerprint(ctx context.Context, t surface.Target) (surface.Fingerprint, error) {
	d, err := s.destination(t)
	if err != nil {
		return nil, err
	}
	v := &inventory{destination: d, names: map[string]string{}, wanted: map[string]surface.Entry{}}
	for _, e := range t.Expected {
		v.wanted[e.Name] = e
	}
	if v.source, err = s.copied(ctx, d); err != nil {
		return nil, err
	}
	if err := v.findNames(); err != nil {
		return nil, err
	}
	var lists []listing
	for _, of := range v.catalogue.within(s.config.ExcludeResources) {
		taken, err := d.takes(ctx, of.Resource)
		if err != nil {
			return nil, fault.While(err, "look at %s", d)
		}
		if taken && d.selector.hasType(of.Resource) {
			lists = append(lists, v.narrow(of)...)
		}
	}
	if err := v.source.walk(ctx, lists, v.refused, v.object); err != nil {
		return nil, fault.While(err, "look at %s", d)
	}
	if err := v.ofCluster(ctx); err != nil {
		return nil, fault.While(err, "look at %s", d)
	}
	if err := v.untaken(ctx); err != nil {
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
	if skipped(o) || !v.destination.selector.has(o) || !v.counts(o) {
		return nil
	}
	if v.isolated() && o.Resource == typePods {
		dropLimits(o.Body.Object)
	}
	return v.add(o)
}

// counts reports whether an object belongs into the fingerprint: it is expected,
// or nobody but the restore should have brought it. Where nothing at all is
// expected, everything is told of.
func (v *inventory) counts(o Object) bool {
	if _, wanted := v.wanted[entryName(o)]; wanted {
		return true
	}
	return (v.isolated() || len(v.wanted) == 0) && unexpected(o)
}

func (v *inventory) add(o Object) error {
	if wanted, expected := v.wanted[entryName(o)]; expected && !v.isolated() && v.conflict == surface.ConflictSkip {
		v.entries = append(v.entries, wanted)
		return nil
	}
	entry, err := entryOf(o, v.names)
	v.entries = append(v.entries, entry)
	return err
}

// untaken adds what is expected of types that the destination takes nothing of.
func (v *inventory) untaken(ctx context.Context) error {
	for name, wanted := range v.wanted {
		o, ok := parseEntry(name)
		if !ok || o.Namespace == "" {
			continue
		}
		taken, err := v.takes(ctx, o.Resource)
		if err != nil {
			return err
		}
		if !taken {
			v.entries = append(v.entries, wanted)
		}
	}
	return nil
}

// ofCluster looks for what is expected of the cluster's.
func (v *inventory) ofCluster(ctx context.Context) error {
	for name := range v.wanted {
		o, ok := parseEntry(name)
		if !ok || o.Namespace != "" {
			continue
		}
		found, err := v.oneOfCluster(ctx, o)
		if err != nil {
			return err
		}
		if found == nil {
			continue
		}
		o.Body = found
		if err := v.add(o); err != nil {
			return err
		}
	}
	return nil
}

// oneOfCluster reads what the copy has of an object of the cluster, by its name
// in the point; nil where it has none.
func (v *inventory) oneOfCluster(ctx context.Context, o Object) (*unstructured.Unstructured, error) {
	switch {
	case o.Resource == typeNamespaces:
		name, err := v.namespace(o.Name)
		if err != nil {
			return nil, err
		}
		return v.read(ctx, o.Resource, "", name)
	case o.Resource == typeClusterBindings && v.isolated():
		var found []*unstructured.Unstructured
		for _, namespace := range slices.Sorted(maps.Values(v.Namespaces)) {
			one, err := v.read(ctx, typeRoleBindings, namespace, bindingName(o.Name, v.ID))
			if err != nil {
				return nil, err
			}
			if one != nil {
				found = append(found, one)
			}
		}
		if len(found) == 0 {
			return nil, nil
		}
		return unconfined(found), nil
	default:
		return v.read(ctx, o.Resource, "", o.Name)
	}
}

// read reads one object; nil where there is none.
func (v *inventory) read(ctx context.Context, of schema.GroupResource, namespace, name string) (*unstructured.Unstructured, error) {
	t, known := v.catalogue.find(of)
	if !known {
		return nil, nil
	}
	found, err := v.get(ctx, listing{of: t, namespace: namespace}, name)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return found.Body, cluster.Failure(err, "read %s %s", of, name)
}
