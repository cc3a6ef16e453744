package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// resourceType is one type that an API server has, in the version it prefers.
type resourceType struct {
	Resource      schema.GroupResource
	Version, Kind string
	Namespaced    bool
}

func (t resourceType) groupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: t.Resource.Group, Version: t.Version}
}

// custom reports whether its objects are custom resources.
func (t resourceType) custom() bool { return !slices.Contains(builtinGroups, t.Resource.Group) }

// catalogue is what types an API server has of which objects can be kept and restored.
type catalogue struct {
	// types are in the order of a restore.
	types []resourceType
	// silent says why groups, as GROUP/VERSION, can't be asked.
	silent map[string]string
}

// discover asks for all types whose objects can be listed, read, made and
// deleted. A group whose own server is broken is named, and no error.
func discover(client *clients.Client) (catalogue, error) {
	out := catalogue{silent: map[string]string{}}
	lists, err := client.Discovery.ServerPreferredResources()
	var partly *discovery.ErrGroupDiscoveryFailed
	switch {
	case errors.As(err, &partly):
		for of, why := range partly.Groups {
			out.silent[of.String()] = shorten(fault.Line(why))
		}
	case err != nil:
		return out, cluster.Failure(err, "ask the API server for its types")
	}
	for _, list := range lists {
		of, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return out, fault.Wrap(fault.Unsupported, err, "read the types of the API server")
		}
		for _, r := range list.APIResources {
			resource := schema.GroupResource{Group: of.Group, Resource: r.Name}
			if kept(r) && !neverInPoint(resource) {
				out.types = append(out.types, resourceType{Resource: resource, Version: of.Version, Kind: r.Kind, Namespaced: r.Namespaced})
			}
		}
	}
	slices.SortFunc(out.types, func(a, b resourceType) int {
		return cmp.Or(cmp.Compare(legacy(a), legacy(b)), cmp.Compare(order(a.Resource), order(b.Resource)),
			cmp.Compare(a.Resource.String(), b.Resource.String()))
	})
	return out, nil
}

// legacy puts the group last whose objects are all seen in newer groups, too:
// of two types with the same objects the first is kept.
func legacy(t resourceType) int {
	if t.Resource.Group == groupExtensions {
		return 1
	}
	return 0
}

// kept reports whether objects of a type, no part of another's, can be kept and restored.
func kept(r metav1.APIResource) bool {
	return !strings.Contains(r.Name, "/") && !slices.ContainsFunc([]string{"list", "create", "get", "delete"}, func(verb string) bool {
		return !slices.Contains(r.Verbs, verb)
	})
}

// find returns a type by its name.
func (c catalogue) find(of schema.GroupResource) (resourceType, bool) {
	i := slices.IndexFunc(c.types, func(t resourceType) bool { return t.Resource == of })
	if i < 0 {
		return resourceType{}, false
	}
	return c.types[i], true
}

// within leaves the namespaced types, but those that are excluded.
func (c catalogue) within(excluded []string) []resourceType {
	var out []resourceType
	for _, t := range c.types {
		if t.Namespaced && !isExcluded(t.Resource, excluded) {
			out = append(out, t)
		}
	}
	return out
}

func isExcluded(of schema.GroupResource, excluded []string) bool {
	return slices.ContainsFunc(excluded, func(asked string) bool { return named(asked, of) })
}

var userInError = regexp.MustCompile(`User "([^"]*)"`)

// unreadable says why objects of a type can't be read, where that is how things
// are: the point goes without them, and names them. It is empty for what may
// pass by itself.
func unreadable(of resourceType, err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return ""
	}
	text := status.Status().Message
	switch {
	case apierrors.IsForbidden(err):
		if user := userInError.FindStringSubmatch(text); user != nil {
			return "forbidden to user " + user[1]
		}
		return "forbidden"
	case apierrors.IsMethodNotSupported(err):
		return "the API server does not list them"
	case strings.Contains(text, "etcdserver:"):
		return ""
	case apierrors.IsInternalError(err):
		return "the API server can't read them: " + shorten(fault.Line(errors.New(text)))
	case of.custom() && (apierrors.IsServiceUnavailable(err) || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err)):
		return fmt.Sprintf("the server of API group %s does not answer", of.Resource.Group)
	default:
		return ""
	}
}
