package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// kubernetes reads one resource, and what belongs to it, and says whether it is ready.
func (r *Runner) kubernetes(ctx context.Context, c drill.Check) observation {
	kind, name, err := drill.ParseResource(c.Resource)
	if err != nil {
		return observation{subject: c.Resource, err: fault.Wrap(fault.Invalid, err, "resource")}
	}
	o := observation{subject: subjectOf(kind, name), expected: "ready"}
	a, err := r.connect(ctx, c, kind, name)
	if err != nil {
		o.err = err
		return o
	}
	o.subject = subjectOf(kind, a.name)
	if kind != drill.ResourceNode && kind != drill.ResourceNamespace {
		o.subject += " in namespace " + strings.Join(a.namespaces, ", ")
	}
	state, err := a.readiness(kind)
	if err != nil {
		o.observed, o.err = "not known", apiFailure(err, o.subject)
		return o
	}
	o.observed = state.observed
	if state.problem != "" {
		o.err = unlike("%s is not ready: %s", o.subject, state.problem)
	}
	return o
}

func subjectOf(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + "/" + name
}

// asked is a cluster that is asked, for one attempt, about what has a name, or
// about all, in some namespaces: in one alone, unless it is about all.
type asked struct {
	ctx        context.Context
	client     *clients.Client
	namespaces []string
	name       string
}

// connect takes the cluster of the check's kubeconfig and context (see
// cluster.Config), and its namespace, or else that of the context. With a
// surface it is the cluster that this was restored to, and the copy of the
// namespace; a name that is that of a namespace becomes that of its copy.
func (r *Runner) connect(ctx context.Context, c drill.Check, kind, name string) (*asked, error) {
	config := cluster.Config{Kubeconfig: c.Kubeconfig, Context: c.Context}
	a := &asked{ctx: ctx, namespaces: []string{c.Namespace}, name: name}
	if c.Surface != "" {
		server, err := r.server(c, "kubernetes", "velero")
		if err != nil {
			return nil, err
		}
		place, err := cluster.ParsePlace(server.URL)
		if err != nil {
			return nil, err
		}
		config = place.Config
		if err := a.takeCopies(place, c, kind); err != nil {
			return nil, err
		}
	}
	var err error
	if a.client, err = clients.Connect(config); err != nil {
		return nil, err
	}
	if a.namespaces[0] == "" {
		a.namespaces[0] = a.client.Namespace
	}
	return a, nil
}

// takeCopies has the copies of namespaces asked.
func (a *asked) takeCopies(place cluster.Place, c drill.Check, kind string) (err error) {
	switch {
	case kind == drill.ResourceNode:
	case kind == drill.ResourceNamespace:
		a.name, err = copyOf(place, c.Surface, a.name)
	case c.Namespace != "":
		a.namespaces[0], err = copyOf(place, c.Surface, c.Namespace)
	case len(place.Namespaces) == 1, kind == drill.ResourceAll && len(place.Namespaces) > 1:
		a.namespaces = slices.Sorted(maps.Values(place.Namespaces))
	default:
		err = fault.New(fault.Invalid, "namespace must be set to one of those of surface %s: %s", c.Surface, listedNamespaces(place))
	}
	return err
}

func listedNamespaces(p cluster.Place) string {
	if len(p.Namespaces) == 0 {
		return "it has none"
	}
	return strings.Join(slices.Sorted(maps.Keys(p.Namespaces)), ", ")
}

// copyOf is the copy of a namespace that the point has. The name of a copy is taken, too.
func copyOf(p cluster.Place, surface, namespace string) (string, error) {
	for old, copied := range p.Namespaces {
		if namespace == old || namespace == copied {
			return copied, nil
		}
	}
	return "", fault.New(fault.Invalid, "surface %s has no namespace %s: there is %s", surface, namespace, listedNamespaces(p))
}

// get reads a resource into an object of its type.
func (a *asked) get(resource schema.GroupVersionResource, namespace, name string, into any) error {
	found, err := a.client.Resource(resource, namespace).Get(a.ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return convert(found.Object, into)
}

// pageSize is how many resources are asked for at a time.
const pageSize = 500

// list hands all resources of a kind in a namespace to each.
func (a *asked) list(resource schema.GroupVersionResource, namespace, selector string, each func(map[string]any) error) error {
	options := metav1.ListOptions{LabelSelector: selector, Limit: pageSize}
	for {
		page, err := a.client.Resource(resource, namespace).List(a.ctx, options)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := each(item.Object); err != nil {
				return err
			}
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

func convert(object map[string]any, into any) error {
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, into)
	return fault.Wrap(fault.Unsupported, err, "read a %s", (&unstructured.Unstructured{Object: object}).GetKind())
}

// apiFailure classifies what an API server said.
func apiFailure(err error, subject string) error {
	switch {
	case errors.IsNotFound(err):
		return unlike("there is no %s", subject)
	case errors.IsForbidden(err), errors.IsUnauthorized(err):
		return fault.Wrap(fault.Denied, err, "read %s", subject)
	default:
		return unreachable(err, "%s", fmt.Sprintf("read %s", subject))
	}
}
