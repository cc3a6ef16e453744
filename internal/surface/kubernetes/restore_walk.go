package kubernetes

import (
	"context"
	"io"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// atOnce is how many objects of one type are worked on at the same time. With
// the one being read there are never more of a point in memory, each of at most
// maxObject bytes of JSON, and a page of existingPage of the target's.
const atOnce = 16

// step is what a restore does about one object of a point.
type step struct {
	of schema.GroupVersionResource
	// wanted is the object as it is sent.
	wanted *unstructured.Unstructured
	// converted is set where wanted was read in another version than it is sent in.
	converted bool
	// found is what there is of it, where there is something.
	there bool
	found existing
	// action is one of those below.
	action string
	// brought is set where an environment makes something of the cluster that others may use, too.
	brought bool
}

// What is done about an object. All but the first two are those of surface.Change.
const (
	actionNone = ""
	// actionShare takes part in what another environment has brought.
	actionShare    = "share"
	actionCreate   = "create"
	actionUpdate   = "update"
	actionSkip     = "skip"
	actionConflict = "conflict"
)

// String names the object for people, as it is called in the target.
func (s *step) String() string { return s.wanted.GetKind() + " " + s.name() }

func (s *step) name() string {
	if namespace := s.wanted.GetNamespace(); namespace != "" {
		return namespace + "/" + s.wanted.GetName()
	}
	return s.wanted.GetName()
}

// walk goes through the objects of a tarball that a restore is about.
type walk struct {
	d *destination
	// selects says which objects are restored.
	selects func(Object) bool
	// defined are the types that the restore itself brings.
	defined map[schema.GroupResource]bool
	// begun is set once Begin has looked for what is in the way: what a restore
	// has written is then of this one.
	begun bool
	// do is called for each object that something is to be done about, for
	// several of one type at once. Its errors end the walk.
	do func(context.Context, *step) error
	// troubles gathers what is wrong with single objects.
	troubles *troubles

	index  index
	now    schema.GroupResource
	group  *errgroup.Group
	ending context.Context
}

// run reads a tarball. It does everything about one type before the next begins.
func (w *walk) run(ctx context.Context, r io.Reader) error {
	w.index.d = w.d
	w.open(ctx)
	err := readObjects(r, func(o Object) error {
		if leftOut(o) || !w.selects(o) {
			return nil
		}
		// What belongs to the cluster is passive: classes, roles, definitions.
		if o.Namespace != "" {
			if taken, err := w.d.takes(ctx, o.Resource); err != nil || !taken {
				return err
			}
		}
		if o.Resource != w.now {
			if err := w.group.Wait(); err != nil {
				return err
			}
			w.now = o.Resource
			w.open(ctx)
		}
		return w.object(ctx, o)
	})
	if failed := w.group.Wait(); failed != nil {
		return failed
	}
	return err
}

func (w *walk) open(ctx context.Context) {
	w.group, w.ending = errgroup.WithContext(ctx)
	w.group.SetLimit(atOnce)
}

// object plans what is done about one object, and has it done.
func (w *walk) object(ctx context.Context, o Object) error {
	if _, has, err := w.d.served.resource(o.Resource, o.Version); err != nil {
		return err
	} else if !has && !w.defined[o.Resource] {
		w.troubles.unserved(o.Resource)
		return nil
	}
	resource, bodies, err := w.d.sends(o)
	if err != nil {
		return err
	}
	of, has, err := w.d.served.resource(resource, o.Version)
	if err != nil {
		return err
	}
	for _, body := range bodies {
		s := &step{of: of, wanted: body}
		if has {
			if s.converted = of.Version != o.Version; s.converted {
				s.wanted.SetAPIVersion(of.GroupVersion().String())
			}
			if s.found, s.there, err = w.index.find(ctx, of, body.GetNamespace(), body.GetName()); err != nil {
				return err
			}
		}
		if err := w.step(s); err != nil {
			return err
		}
	}
	return nil
}

// step has one object decided upon, and done, while others are.
func (w *walk) step(s *step) error {
	w.group.Go(func() error {
		err := w.d.decide(w.ending, s, w.begun)
		if err == nil && s.action != actionNone {
			err = w.do(w.ending, s)
		}
		return w.troubles.add(s, err)
	})
	// One that failed ends the walk at once.
	return fault.Wrap(fault.Unavailable, w.ending.Err(), "restore %s", s)
}
