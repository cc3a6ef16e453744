package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// surveyors is how many types are asked for at once.
const surveyors = 8

// source is a connection to the cluster of a surface, and what a point of it has.
type source struct {
	*lister
	client     *clients.Client
	catalogue  catalogue
	namespaces []string
	// wide is set where the namespaces are all that there are: a type is then
	// read in one list where that is allowed.
	wide     bool
	selector string
	excluded []string
}

// survey is what can be read of a source.
type survey struct {
	mu sync.Mutex
	// found are the types that have objects, and about how many bytes of JSON.
	found map[schema.GroupResource]int64
	// refused says why lists can't be read, by their names.
	refused map[refusal]string
	// read is whether anything at all could be.
	read bool
}

// refusal is something that is missing: of one type in one namespace, of one
// type of the cluster, of a named object, or of a whole API group.
type refusal struct{ of, namespace string }

// open connects, and finds the types and the namespaces. It is fault.Missing
// where none of the namespaces is there, and then alone.
func (s *Surface) open(ctx context.Context) (*source, *survey, error) {
	client, err := s.connect()
	if err != nil {
		return nil, nil, err
	}
	out := &source{client: client, selector: s.config.LabelSelector, excluded: s.config.ExcludeResources, namespaces: s.config.Namespaces}
	out.wide = slices.Contains(s.config.Namespaces, allNamespaces)
	if out.lister, err = newLister(client); err != nil {
		return nil, nil, err
	}
	if out.catalogue, err = discover(client); err != nil {
		return nil, nil, present(err)
	}
	seen := &survey{found: map[schema.GroupResource]int64{}, refused: map[refusal]string{}}
	for group, why := range out.catalogue.silent {
		seen.refused[refusal{of: "API group " + group}] = why
	}
	err = out.findNamespaces(ctx, seen)
	return out, seen, err
}

// present is an error of a source that answers, but not as an API server does:
// fault.Missing says of a surface that its namespaces are gone.
func present(err error) error {
	if fault.Is(err, fault.Missing) {
		return fault.Wrap(fault.Unsupported, err, "read the source's API")
	}
	return err
}

// with narrows a source to namespaces that were found before.
func (s *source) with(namespaces []string) { s.namespaces = namespaces }

// findNamespaces resolves "*", and sees which namespaces are there. Those of
// isolated environments are none of the surface's.
func (s *source) findNamespaces(ctx context.Context, seen *survey) error {
	of, known := s.catalogue.find(typeNamespaces)
	if !known {
		return fault.New(fault.Unsupported, "the API server has no namespaces")
	}
	if s.wide {
		s.namespaces = nil
		err := s.walk(ctx, []listing{{of: of}}, func(_ listing, why string) error {
			return fault.New(fault.Denied, "list the namespaces: %s: name them in the configuration, or permit to list them", why)
		}, func(o Object) error {
			if _, environment := o.Body.GetLabels()[cluster.LabelEnvironment]; !environment {
				s.namespaces = append(s.namespaces, o.Name)
			}
			return nil
		})
		slices.Sort(s.namespaces)
		return present(err)
	}
	s.namespaces = slices.Compact(slices.Sorted(slices.Values(s.namespaces)))
	gone := 0
	for _, name := range s.namespaces {
		_, err := s.get(ctx, listing{of: of}, name)
		what := refusal{of: "namespace " + name}
		switch why := unreadable(of, err); {
		case err == nil:
		case apierrors.IsNotFound(err):
			gone++
			seen.refused[what] = "it is not there"
		case why != "":
			seen.refused[what] = why
		default:
			return present(cluster.Failure(err, "look for namespace %s", name))
		}
	}
	if gone == len(s.namespaces) {
		return fault.New(fault.Missing, "of the surface's namespaces none is there: %s", shorten(fmt.Sprint(s.namespaces)))
	}
	return nil
}

// lists are those of a type, in one or in each of the namespaces.
func (s *source) lists(of resourceType) []listing {
	if s.wide {
		return []listing{{of: of, selector: s.selector}}
	}
	return s.narrow(of)
}

// narrow are the lists of a type in each of the namespaces.
func (s *source) narrow(of resourceType) []listing {
	out := make([]listing, 0, len(s.namespaces))
	for _, namespace := range s.namespaces {
		out = append(out, listing{of: of, namespace: namespace, selector: s.selector})
	}
	return out
}

// look asks for one object of each type in each namespace, which tells whether
// the others may be read, and about how many there are.
func (s *source) look(ctx context.Context, seen *survey) error {
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(surveyors)
	for _, of := range s.catalogue.within(s.excluded) {
		group.Go(func() error { return s.lookAt(asking, of, s.lists(of), seen) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if !seen.read {
		for _, line := range seen.missing(s.namespaces) {
			return fault.New(fault.Denied, "nothing can be read in the surface's namespaces: %s", line)
		}
		return fault.New(fault.Unsupported, "the API server has no types that could be kept")
	}
	return s.lookAtCluster(ctx, seen)
}

func (s *source) lookAt(ctx context.Context, of resourceType, lists []listing, seen *survey) error {
	for _, one := range lists {
		p, err := s.page(ctx, one, 1, "")
		switch why := unreadable(of, err); {
		case err == nil:
			seen.saw(of.Resource, p)
		case why != "" && s.wide && one.namespace == "" && apierrors.IsForbidden(err):
			return s.lookAt(ctx, of, s.narrow(of), seen)
		case why != "":
			seen.refuse(refusal{of.Resource.String(), one.namespace}, why)
		case apierrors.IsNotFound(err):
		default:
			return cluster.Failure(err, "list %s", one)
		}
	}
	return nil
}

func (v *survey) saw(of schema.GroupResource, p page) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.read = true
	if len(p.items) > 0 {
		v.found[of] += int64(p.bytes) * (1 + p.remaining)
	}
}

func (v *survey) refuse(what refusal, why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refused[what] = why
}

// has reports whether there are objects of one of the types; of no types at
// all there are.
func (v *survey) has(types []schema.GroupResource) bool {
	return len(types) == 0 || slices.ContainsFunc(types, func(of schema.GroupResource) bool { return v.found[of] > 0 })
}

// bytes is about how much JSON there is.
func (v *survey) bytes() int64 {
	var sum int64
	for _, bytes := range v.found {
		sum += bytes
	}
	return sum
}

// missing names what is refused, one line each, in order. What is refused in
// every namespace is one line.
func (v *survey) missing(namespaces []string) []string {
	everywhere := map[refusal]int{}
	for what, why := range v.refused {
		everywhere[refusal{what.of, why}]++
	}
	var out []string
	for what, why := range v.refused {
		switch all := everywhere[refusal{what.of, why}] == len(namespaces) && len(namespaces) > 1; {
		case what.namespace == "":
			out = append(out, what.of+": "+why)
		case all:
			out = append(out, fmt.Sprintf("%s in all %d namespaces: %s", what.of, len(namespaces), why))
		default:
			out = append(out, what.of+" in namespace "+what.namespace+": "+why)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
