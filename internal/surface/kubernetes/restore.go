package kubernetes

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Begin implements surface.Surface. It looks at everything first, and changes
// nothing when something is in the way that must not be changed (fault.Conflict),
// or when the target has no such types (fault.Unsupported). Then it makes what
// belongs to the cluster: definitions of types, which it waits for, namespaces,
// classes, volumes, roles and their bindings.
//
// An environment must have its namespaces already, and a domain for its hosts
// where the point has ingresses (else fault.Invalid). Of the cluster that it is
// on, nothing is changed that is there; what it brings has its label. A binding
// for the whole cluster becomes one in the namespaces of its service accounts.
// Webhooks and API services are restored nowhere.
func (s *Surface) Begin(ctx context.Context, t surface.Target, src surface.Source) error {
	d, err := s.destination(t)
	if err != nil {
		return err
	}
	b := begin(d, src, refuseConflict)
	return fault.While(b.run(ctx), "prepare %s", d)
}

// Load implements surface.Surface: it sends the objects of namespaces, type by
// type in the order of the part. What is there as it is to be is left alone, so
// that a repeated call changes nothing. Objects that are refused don't keep the
// others from being restored; they are named at the end, at most mostTroubles.
func (s *Surface) Load(ctx context.Context, t surface.Target, part surface.Part, r io.Reader) error {
	d, err := s.destination(t)
	if err != nil {
		return err
	}
	w := d.walk(&troubles{}, d.selector.has)
	w.begun = true
	w.do = d.carryOut
	if err := w.run(ctx, r); err != nil {
		return fault.While(err, "restore %s into %s", part.Name, d)
	}
	return fault.While(w.troubles.err("could not be restored"), "restore %s into %s", part.Name, d)
}

// carryOut does what was decided about an object.
func (d *destination) carryOut(ctx context.Context, s *step) error {
	switch s.action {
	case actionSkip:
		return nil
	case actionConflict:
		return fault.New(fault.Conflict, "%s", s.inTheWay())
	case actionShare:
		return d.share(ctx, s)
	default:
		if s.brought {
			return d.bring(ctx, s)
		}
		_, err := d.apply(ctx, s, nil)
		return err
	}
}

func (s *step) inTheWay() string {
	switch {
	case s.found.environment != "":
		return "it belongs to the environment itself"
	case s.found.deleting:
		return "it is being deleted: wait until it is gone"
	default:
		return "it is there already, and not as in the point"
	}
}

func (d *destination) walk(t *troubles, selects func(Object) bool) *walk {
	return &walk{d: d, selects: selects, troubles: t}
}

// beginning is what Begin finds out about a point and its target.
type beginning struct {
	d        *destination
	src      surface.Source
	troubles *troubles
	// defined are the types whose definitions the point has, types all that it
	// has objects of.
	defined, types map[schema.GroupResource]bool
	// needed are the types that are restored, namespaces those that they are
	// in, by the point's names.
	needed     map[schema.GroupResource]bool
	namespaces map[string]bool
	selected   int
	// visit is called for everything that something is to be done about.
	visit func(context.Context, *step) error
}

func begin(d *destination, src surface.Source, visit func(context.Context, *step) error) *beginning {
	return &beginning{
		d: d, src: src, visit: visit, troubles: &troubles{}, namespaces: map[string]bool{},
		types: map[schema.GroupResource]bool{}, defined: map[schema.GroupResource]bool{}, needed: map[schema.GroupResource]bool{},
	}
}

func (b *beginning) run(ctx context.Context) error {
	if err := b.isolatedNamespaces(ctx); err != nil {
		return err
	}
	if err := b.look(ctx); err != nil {
		return err
	}
	if err := b.inTheWay(); err != nil {
		return err
	}
	w := b.d.walk(&troubles{}, b.selects)
	w.do = b.d.carryOut
	if err := b.cluster(ctx, w); err != nil {
		return err
	}
	if err := w.troubles.err("could not be restored"); err != nil {
		return err
	}
	if err := b.awaitDefinitions(ctx); err != nil {
		return err
	}
	if err := b.makeNamespaces(ctx); err != nil {
		return err
	}
	return b.awaitAccounts(ctx)
}

// inTheWay is an error for everything that keeps the restore from beginning.
func (b *beginning) inTheWay() error {
	err := b.troubles.err("in the way")
	if fault.Is(err, fault.Conflict) && b.d.conflict == surface.ConflictFail {
		return fault.New(fault.Conflict, "%s: skip or update what is there, or restore elsewhere", err)
	}
	return err
}

// look reads the point and the target, and changes nothing.
func (b *beginning) look(ctx context.Context) error {
	if err := b.survey(ctx); err != nil {
		return err
	}
	w := b.d.walk(b.troubles, func(o Object) bool {
		b.types[o.Resource] = true
		if !b.d.selector.has(o) {
			return false
		}
		b.selected++
		b.needed[o.Resource], b.namespaces[o.Namespace] = true, true
		return true
	})
	w.defined, w.do = b.defined, b.visit
	r, err := b.src.Open(ctx, resourcesPart)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := w.run(ctx, r); err != nil {
		return err
	}
	w = b.d.walk(b.troubles, b.selects)
	w.defined, w.do = b.defined, b.visit
	if err := b.cluster(ctx, w); err != nil {
		return err
	}
	return b.checkSelection()
}

func refuseConflict(_ context.Context, s *step) error {
	if s.action == actionConflict {
		return fault.New(fault.Conflict, "%s", s.inTheWay())
	}
	return nil
}

// cluster walks through the resources of the cluster, where the point has some.
func (b *beginning) cluster(ctx context.Context, w *walk) error {
	if !slices.ContainsFunc(b.src.Parts(), func(part surface.Part) bool { return part.Name == clusterPart }) {
		return nil
	}
	r, err := b.src.Open(ctx, clusterPart)
	if err != nil {
		return err
	}
	defer r.Close()
	return w.run(ctx, r)
}

// survey notes which types the point itself defines.
func (b *beginning) survey(ctx context.Context) error {
	w := b.d.walk(b.troubles, func(o Object) bool {
		b.types[o.Resource] = true
		if o.Resource == typeDefinitions {
			b.defined[schema.ParseGroupResource(o.Name)] = true
		}
		return false
	})
	return b.cluster(ctx, w)
}

// selects reports whether a resource of the cluster is restored. Of a selection
// those are that it needs (definitions and namespaces) or that it names.
func (b *beginning) selects(o Object) bool {
	switch {
	case b.d.selector.all():
		return true
	case o.Resource == typeDefinitions && b.needed[schema.ParseGroupResource(o.Name)]:
		return true
	case o.Resource == typeNamespaces && b.namespaces[o.Name]:
		return true
	case b.d.selector.has(o):
		b.selected++
		return true
	default:
		return false
	}
}

// checkSelection refuses a selection of what is not there.
func (b *beginning) checkSelection() error {
	for _, name := range b.d.selector.resources {
		inPoint := false
		for of := range b.types {
			inPoint = inPoint || named(name, of)
		}
		for of := range b.defined {
			inPoint = inPoint || named(name, of)
		}
		known, err := b.d.served.knows(name)
		if err != nil {
			return err
		}
		if !inPoint && !known {
			return fault.New(fault.Invalid, "neither the point nor the target has a resource %s: name it like PLURAL or PLURAL.GROUP", name)
		}
	}
	if !b.d.selector.all() && b.selected == 0 {
		return fault.New(fault.Invalid, "nothing in the point is as the selection has it")
	}
	return nil
}

// pollEvery is how often something is asked for again that is waited for.
const pollEvery = time.Second

// poll asks until there is nothing more to wait for, or ctx ends.
func poll(ctx context.Context, ask func() (waitsFor string, err error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		waitsFor, err := ask()
		if err != nil || waitsFor == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), "wait for %s", waitsFor)
		case <-tick.C:
		}
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
