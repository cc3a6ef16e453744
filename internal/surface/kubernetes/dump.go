package kubernetes

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// names are those of what was refused; types alone where they are not wanted
// in full.
func (v *survey) names(full bool) []string {
	out := map[string]bool{}
	for what := range v.refused {
		name := what.of
		if full && what.namespace != "" {
			name += "@" + what.namespace
		}
		out[name] = true
	}
	return slices.Sorted(maps.Keys(out))
}

// dump writes one part of a point.
type dump struct {
	*source
	out *objectWriter
	// known has what was refused when the view was opened.
	known map[string]bool
	// names has the point's namespaces, each by its own name.
	names   map[string]string
	entries surface.Fingerprint
	// twins has the UIDs of what was written of types whose name several groups have.
	twins map[string]nameSet
}

// Dump implements surface.Surface. What could be read when the view was opened
// and can't be now is fault.Lost: a point that starts afresh names it.
func (s *Surface) Dump(ctx context.Context, opened string, part surface.Part, w io.Writer) (surface.Fingerprint, error) {
	var was token
	if err := json.Unmarshal([]byte(opened), &was); err != nil {
		return nil, fault.New(fault.Invalid, "the token of the view can't be read")
	}
	namespaces, err := namespacesOf(part)
	if err != nil {
		return nil, err
	}
	src, seen, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	src.with(namespaces)
	d := &dump{source: src, known: map[string]bool{}, names: map[string]string{}}
	for _, name := range was.Refused {
		d.known[name] = true
	}
	for _, name := range namespaces {
		d.names[name] = name
	}
	if err := d.still(seen); err != nil {
		return nil, err
	}
	if d.out, err = newObjectWriter(w); err != nil {
		return nil, err
	}
	switch part.Name {
	case resourcesPart:
		err = d.resources(ctx)
	case clusterPart:
		err = d.cluster(ctx, seen)
	default:
		err = fault.New(fault.Invalid, "there is no part %s", part.Name)
	}
	if err != nil {
		return nil, err
	}
	if err := d.out.close(); err != nil {
		return nil, err
	}
	d.entries.Sort()
	return d.entries, nil
}

// still sees that nothing is refused that was not when the view was opened.
func (d *dump) still(seen *survey) error {
	for what, why := range seen.refused {
		if err := d.expected(what, why); err != nil {
			return err
		}
	}
	return nil
}

func (d *dump) expected(what refusal, why string) error {
	if d.known[what.of] || d.known[what.of+"@"+what.namespace] {
		return nil
	}
	return fault.New(fault.Lost, "%s could be read when the view was opened, and can't be any more: %s",
		strings.TrimSuffix(what.of+" in namespace "+what.namespace, " in namespace "), why)
}

// resources writes what is in the namespaces.
func (d *dump) resources(ctx context.Context) error {
	var lists []listing
	types := d.catalogue.within(d.excluded)
	groups := map[string]int{}
	for _, of := range types {
		groups[of.Resource.Resource]++
		lists = append(lists, d.lists(of)...)
	}
	d.twins = map[string]nameSet{}
	for name, count := range groups {
		if count > 1 {
			d.twins[name] = newNameSet()
		}
	}
	return d.inside(ctx, lists, d.resource)
}

// inside hands on what lists have of the point's namespaces. What may not be
// read in all namespaces at once is read in each of them.
func (d *dump) inside(ctx context.Context, lists []listing, each func(Object) error) error {
	refused := func(of listing, why string) error {
		if of.namespace == "" {
			return d.inside(ctx, d.narrow(of.of), each)
		}
		return d.missed(of, why)
	}
	return d.walk(ctx, lists, refused, func(o Object) error {
		if _, ours := d.names[o.Namespace]; !ours || skipped(o) {
			return nil
		}
		return each(o)
	})
}

// missed lets pass what the view has named.
func (d *dump) missed(of listing, why string) error {
	return d.expected(refusal{of.of.Resource.String(), of.namespace}, why)
}

// resource writes one object of a namespace.
func (d *dump) resource(o Object) error {
	uid := string(o.Body.GetUID())
	if twins, several := d.twins[o.Resource.Resource]; several && uid != "" && !twins.add(uid) {
		return nil
	}
	return d.write(o, inventoried(o))
}

// write puts an object into the part, and where it is to be compared, into the fingerprint.
func (d *dump) write(o Object, compared bool) error {
	text, err := encode(o.Body.Object)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "write %s", o)
	}
	if err := d.out.write(o, text); err != nil || !compared {
		return err
	}
	entry, err := entryOf(o, d.names)
	d.entries = append(d.entries, entry)
	return err
}
