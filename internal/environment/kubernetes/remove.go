package kubernetes

import (
	"context"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
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
// volume that was provisioned for a claim is deleted with its data, whatever
// its reclaim policy was; of any other one, the object alone. Finalisers that
// have held something in the namespaces for a minute are taken off.
//
// Errors: Unavailable when the context ends before everything is gone, saying
// what holds it; Conflict where a type that came with the environment is used
// by somebody else now. Calling it again goes on.
func (e *Environment) Remove(ctx context.Context, id string) error {
	return fault.While(e.remove(ctx, placeID(id)), "remove environment %s", id)
}

func (e *Environment) remove(ctx context.Context, place string) error {
	found, err := e.made(ctx, place)
	if err != nil {
		return err
	}
	if err := e.adoptVolumes(ctx, place, found); err != nil {
		return err
	}
	// What could stand in the way of the rest, such as webhooks, goes first.
	rest, err := e.clusterObjects(ctx, selecting(place))
	if err != nil {
		return err
	}
	for _, o := range rest {
		if o.resource != volumes && o.resource.GroupResource() != definitions.GroupResource() {
			if err := e.delete(ctx, o); err != nil {
				return err
			}
		}
	}
	if err := e.untilGone(ctx, func() ([]string, error) { return e.removeNamespaces(ctx, place) }); err != nil {
		return err
	}
	// A volume may have been provisioned in the last moment.
	if err := e.adoptVolumes(ctx, place, found); err != nil {
		return err
	}
	return e.untilGone(ctx, func() ([]string, error) { return e.removeRest(ctx, place) })
}

// untilGone repeats a step until it says that nothing is left.
func (e *Environment) untilGone(ctx context.Context, step func() (left []string, err error)) error {
	var left []string
	for {
		now, err := step()
		if ctx.Err() == nil {
			if err != nil || len(now) == 0 {
				return err
			}
			left = now
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "not gone in time: %s (a finaliser is taken off after %v; anything else has to go by itself, or by hand)",
				strings.Join(left, "; "), e.patience)
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
		case o.resource.GroupResource() == definitions.GroupResource():
			err = e.removeDefinition(ctx, o)
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

// removeDefinition deletes a type, unless somebody outside of the environment uses it.
func (e *Environment) removeDefinition(ctx context.Context, o object) error {
	found, err := e.client.Resource(o.resource, "").Get(ctx, o.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	} else if err != nil {
		return cluster.Failure(err, "read %s", o)
	}
	group, _, _ := unstructured.NestedString(found.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(found.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(found.Object, "spec", "versions")
	for _, v := range versions {
		version, _ := v.(map[string]any)
		if version["served"] != true {
			continue
		}
		name, _ := version["name"].(string)
		users, err := e.objects(ctx, schema.GroupVersionResource{Group: group, Version: name, Resource: plural}, "", "")
		if err != nil {
			return err
		}
		if n := slices.IndexFunc(users, func(u object) bool { return u.place != o.place }); n >= 0 {
			return fault.New(fault.Conflict, "%s came with the environment, and %s is of that type now: to keep the type, take the label %s off it",
				o, users[n], cluster.LabelEnvironment)
		}
		break
	}
	return e.delete(ctx, o)
}
