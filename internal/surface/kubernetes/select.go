package kubernetes

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// selector is a Selection as it is asked of each object of a point: by the
// names and namespaces of the point, not of the target.
type selector struct {
	resources, names []string
	labels           labels.Selector
}

// newSelector reads a selection; fault.Invalid where it says nothing for this
// kind of surface, or its label selector can't be read.
func newSelector(s surface.Selection) (selector, error) {
	if len(s.Schemas)+len(s.Tables) > 0 {
		return selector{}, fault.New(fault.Invalid, "a selection of Kubernetes resources has no schemas and tables: use resources, names and labels")
	}
	for _, name := range s.Names {
		if strings.Count(name, "/") > 1 || strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || name == "" {
			return selector{}, fault.New(fault.Invalid, "the name %q of the selection must be like NAME or NAMESPACE/NAME", name)
		}
	}
	if slices.Contains(s.Resources, "") {
		return selector{}, fault.New(fault.Invalid, "a resource of the selection has no name: it must be like PLURAL or PLURAL.GROUP")
	}
	by, err := labels.Parse(s.Labels)
	if err != nil {
		return selector{}, fault.Wrap(fault.Invalid, err, "read the label selector %q of the selection", s.Labels)
	}
	return selector{resources: s.Resources, names: s.Names, labels: by}, nil
}

// all reports whether everything is selected.
func (s selector) all() bool { return len(s.resources) == 0 && len(s.names) == 0 && s.labels.Empty() }

// hasType reports whether objects of a type may be selected. PLURAL alone
// stands for the types of that name in every group, but those of byNameOnly.
func (s selector) hasType(of schema.GroupResource) bool {
	if slices.Contains(byNameOnly, of.Group) {
		return slices.Contains(s.resources, of.String())
	}
	return len(s.resources) == 0 || slices.ContainsFunc(s.resources, func(asked string) bool { return named(asked, of) })
}

func named(asked string, of schema.GroupResource) bool {
	return asked == of.Resource || asked == of.String()
}

// has reports whether an object of a point is selected.
func (s selector) has(o Object) bool {
	return s.hasType(o.Resource) &&
		(len(s.names) == 0 || slices.Contains(s.names, o.Name) || slices.Contains(s.names, o.Namespace+"/"+o.Name)) &&
		s.labels.Matches(labels.Set(o.Body.GetLabels()))
}
