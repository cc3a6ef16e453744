package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Diff implements surface.Differ. What is not there is told of by its name
// alone; what is there and would change is sent to the API server as a dry
// run, so that defaults and admission have their say. A field that the server
// does not let be changed makes a conflict.
func (s *Surface) Diff(ctx context.Context, t surface.Target, src surface.Source, most int) ([]surface.Change, error) {
	d, err := s.destination(t)
	if err != nil {
		return nil, err
	}
	all := &changes{most: most}
	b := begin(d, src, func(ctx context.Context, s *step) error { return all.look(ctx, d, s) })
	if err := b.isolatedNamespaces(ctx); err != nil {
		return nil, fault.While(err, "compare with %s", d)
	}
	if err := b.look(ctx); err != nil {
		return nil, fault.While(err, "compare with %s", d)
	}
	if err := b.troubles.err("can't be compared"); err != nil {
		return nil, fault.While(err, "compare with %s", d)
	}
	return all.sorted(), nil
}

// changes gathers the first ones in order of kind and name.
type changes struct {
	most int

	mu  sync.Mutex
	all []surface.Change
}

func (c *changes) look(ctx context.Context, d *destination, s *step) error {
	if s.action == actionShare {
		return nil
	}
	change := surface.Change{Action: s.action, Kind: s.wanted.GetKind(), Name: s.name()}
	if s.there {
		var err error
		if change.Fields, err = d.changed(ctx, s, &change); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// Twice as many are kept, so that sorting is rare.
	if c.all = append(c.all, change); len(c.all) >= 2*c.most {
		c.trim()
	}
	return nil
}

func (c *changes) trim() {
	slices.SortFunc(c.all, func(a, b surface.Change) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	if len(c.all) > c.most {
		c.all = c.all[:c.most]
	}
}

func (c *changes) sorted() []surface.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trim()
	return c.all
}

// mostFields is how many paths a change names at most.
const mostFields = 20

// changed are the paths of the fields that a restore would change.
func (d *destination) changed(ctx context.Context, s *step, change *surface.Change) ([]string, error) {
	found, err := d.live(ctx, s)
	if err != nil || found == nil {
		return nil, err
	}
	after, err := d.apply(ctx, s, []string{metav1.DryRunAll})
	if apierrors.IsInvalid(err) {
		var status apierrors.APIStatus
		if errors.As(err, &status) && status.Status().Details != nil {
			change.Action = actionConflict
			return refusedFields(status.Status().Details.Causes), nil
		}
	}
	if err != nil {
		return nil, err
	}
	has, becomes := found.DeepCopy().Object, after.DeepCopy().Object
	if !isPartial(s) {
		// A restore removes what server-side apply would leave.
		d.converge(s, after)
		becomes = after.Object
	}
	var paths pathList
	for _, field := range []string{"status", "apiVersion"} {
		delete(has, field)
		delete(becomes, field)
	}
	remapper{}.strip(found)
	remapper{}.strip(after)
	has["metadata"], becomes["metadata"] = found.Object["metadata"], after.Object["metadata"]
	paths.compare("", has, becomes)
	return paths.sorted(), nil
}

func refusedFields(of []metav1.StatusCause) []string {
	var paths pathList
	for _, cause := range of {
		paths.add(cause.Field)
	}
	return paths.sorted()
}
