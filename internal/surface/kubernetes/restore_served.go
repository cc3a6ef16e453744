package kubernetes

import (
	"errors"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// served is what types a target's API server has. It asks once, and again
// after forget. It may be used by many goroutines.
type served struct {
	client *clients.Client

	mu       sync.Mutex
	versions map[schema.GroupResource][]string
	// silent are groups whose own servers did not answer.
	silent map[string]error
}

// forget makes the next call ask anew.
func (s *served) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client.Mapper.Reset()
	s.versions = nil
}

func (s *served) ask() error {
	if s.versions != nil {
		return nil
	}
	groups, lists, err := s.client.Discovery.ServerGroupsAndResources()
	silent := map[string]error{}
	var partly *discovery.ErrGroupDiscoveryFailed
	switch {
	case errors.As(err, &partly):
		for of, why := range partly.Groups {
			silent[of.Group] = why
		}
	case err != nil:
		return cluster.Failure(err, "ask the API server for its types")
	}
	s.silent, s.versions = silent, map[schema.GroupResource][]string{}
	for _, list := range lists {
		of, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return fault.Wrap(fault.Unsupported, err, "read the types of the API server")
		}
		for _, r := range list.APIResources {
			if writable(r) {
				key := schema.GroupResource{Group: of.Group, Resource: r.Name}
				s.versions[key] = append(s.versions[key], of.Version)
			}
		}
	}
	s.preferredFirst(groups)
	return nil
}

// writable reports whether objects of a type, no part of another's, can be applied.
func writable(r metav1.APIResource) bool {
	return !strings.Contains(r.Name, "/") && slices.Contains(r.Verbs, "create") && slices.Contains(r.Verbs, "patch") && slices.Contains(r.Verbs, "get")
}

func (s *served) preferredFirst(groups []*metav1.APIGroup) {
	preferred := map[string]string{}
	for _, group := range groups {
		preferred[group.Name] = group.PreferredVersion.Version
	}
	for of, versions := range s.versions {
		if i := slices.Index(versions, preferred[of.Group]); i > 0 {
			versions[0], versions[i] = versions[i], versions[0]
		}
	}
}

// has reports whether the API server has a type, in any version.
func (s *served) has(of schema.GroupResource) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask(); err != nil {
		return false, err
	}
	return len(s.versions[of]) > 0, nil
}

// knows reports whether the API server has a type of a name, PLURAL or PLURAL.GROUP.
func (s *served) knows(name string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask(); err != nil {
		return false, err
	}
	for of := range s.versions {
		if named(name, of) {
			return true, nil
		}
	}
	return false, nil
}

// resource is how the API server has a type: in the version that the point has
// it in where that is served, and else in the one that it prefers, in which the
// API server itself judges whether the object fits. There is none where it has
// the type in no version; fault.Unavailable where that can't be known.
func (s *served) resource(of schema.GroupResource, version string) (schema.GroupVersionResource, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ask(); err != nil {
		return schema.GroupVersionResource{}, false, err
	}
	versions := s.versions[of]
	switch {
	case slices.Contains(versions, version):
	case len(versions) > 0:
		version = versions[0]
	case s.silent[of.Group] != nil:
		return schema.GroupVersionResource{}, false, cluster.Failure(s.silent[of.Group], "ask for the types of group %s", of.Group)
	default:
		return schema.GroupVersionResource{}, false, nil
	}
	return of.WithVersion(version), true, nil
}
