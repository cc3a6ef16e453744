package kubernetes

import (
	"context"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// finaliserPatience is how long a finaliser may hold an object of an
// environment that is being removed, before Lifeboat takes it off. The object is
// a copy, and so is what its controller would clean up; a controller that did so
// by the names in a copy could even clean up what is live.
const finaliserPatience = time.Minute

// pollEvery is how often it is looked at what is still there.
const pollEvery = time.Second

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// Remove deletes the namespaces of a place, every object of the cluster that has
// its label, and the volumes of its claims, and waits until all of it is gone. A
// volume that was provisioned for a claim of the environment is deleted with its
// data, whatever its reclaim policy was; any other one stays as it is (so does one that
// Velero has restored, and one whose storage another volume has), and Left names it. Finalisers that
// have held something in the namespaces for a minute are taken off. Types,
// classes and roles that came with the environment and that others use now
// stay: as another environment's where only those do, and else without a label.
//
// Errors: Unavailable when the context ends before everything is gone, saying
// what holds it. Calling it again goes on.
func (e *Environment) Remove(ctx context.Context, id string) error {
	return fault.While(e.remove(ctx, placeID(id)), "remove environment %s", id)
}

func (e *Environment) remove(ctx context.Context, place string) error {
	found, err := e.made(ctx, place)
	if err != nil {
		return err
	}
	adopted := adopting(place, found)
	if err := e.noteClaims(ctx, adopted); err != nil {
		return err
	}
	if err := e.adoptVolumes(ctx, adopted); err != nil {
		return err
	}
	// What could stand in the way of the rest, such as webhooks, goes first.
	rest, err := e.clusterObjects(ctx, selecting(place))
	if err != nil {
		return err
	}
	for _, o := range rest {
		if o.resource != volumes && !isShared(o) {
			if err := e.delete(ctx, o); err != nil {
				return err
			}
		}
	}
	if err := e.untilGone(ctx, func() ([]string, error) {
		if err := e.noteClaims(ctx, adopted); err != nil {
			return nil, err
		}
		return e.removeNamespaces(ctx, place)
	}); err != nil {
		return err
	}
	// A volume may have been provisioned in the last moment.
	if err := e.adoptVolumes(ctx, adopted); err != nil {
		return err
	}
	return e.untilGone(ctx, func() ([]string, error) { return e.removeRest(ctx, place) })
}

// untilGone repeats a step until it says that nothing is left.
func (e *Environment) untilGone(ctx context.Context, step func() (left []string, err error)) error {
	left, err := until(ctx, step)
	if err != nil || len(left) == 0 {
		return err
	}
	return fault.New(fault.Unavailable, "not gone in time: %s (a finaliser is taken off after %v; anything else has to go by itself, or by hand)",
		strings.Join(left, "; "), e.patience)
}

// until repeats a step until it waits for nothing more, or the context ends:
// then it returns what the step waits for.
func until(ctx context.Context, step func() (waitsFor []string, err error)) ([]string, error) {
	var left []string
	for {
		now, err := step()
		if ctx.Err() == nil {
			if err != nil || len(now) == 0 {
				return nil, err
			}
			left = now
		}
		select {
		case <-ctx.Done():
			if len(left) == 0 {
				left = []string{"the API server"}
			}
			return left, nil
		case <-time.After(pollEvery):
		}
	}
}

// removeNamespaces deletes the namespaces that are still there, and what holds
// them for too long.
func (e *Environment) removeNamespaces(ctx context.Context, place string) ([]string, error) {
	found, err := e.made(ctx, place)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, n := range found {
		if err := e.delete(ctx, namespaceObject(n)); err != nil {
			return nil, err
		}
		held, texts, err := e.holds(ctx, n.GetName())
		if err != nil {
			return nil, err
		}
		left = append(left, texts...)
		for _, o := range held {
			if time.Since(o.deleted) < e.patience {
				continue
			}
			if err := e.takeFinalisersOff(ctx, o); err != nil {
				return nil, err
			}
		}
	}
	return left, nil
}

// removeRest deletes what belongs to no namespace, once the namespaces are gone.
func (e *Environment) removeRest(ctx context.Context, place string) ([]string, error) {
	rest, err := e.clusterObjects(ctx, selecting(place))
	if err != nil {
		return nil, err
	}
	var left []string
	for _, o := range rest {
		text := o.held()
		switch {
		case o.resource == volumes:
			text, err = e.removeVolume(ctx, o)
		case isShared(o):
			err = e.removeShared(ctx, o)
		default:
			err = e.delete(ctx, o)
		}
		if err != nil {
			return nil, err
		}
		left = append(left, text)
	}
	return left, nil
}
