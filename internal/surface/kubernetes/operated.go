package kubernetes

import (
	"context"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// everyCustom stands for all types of custom resources in a place.
const everyCustom = "*"

// byNameOnly are the groups of which a restore brings back only what its
// selection names as PLURAL.GROUP. A database cluster that is made from the
// object of another one writes into the same archive, over what that one needs
// to be recovered from.
var byNameOnly = []string{"postgresql.cnpg.io", "barmancloud.cnpg.io"}

// isCustom reports whether a type is one of custom resources, or of a server
// behind the API server: somebody else than Kubernetes acts on its objects.
func isCustom(of schema.GroupResource) bool { return !slices.Contains(builtinGroups, of.Group) }

// operated remembers which types of custom resources an environment takes. It
// may be used by many goroutines.
type operated struct {
	mu    sync.Mutex
	known map[schema.GroupResource]bool
}

// takes reports whether objects of a type are restored into this destination. An
// environment takes custom resources only of types that it allows, or that came
// with an environment: of those that the cluster had before, live operators would
// act on the copies, with the names, accounts and archives of what is live. A
// type that the cluster does not have is taken, for the restore brings it or says
// that it is missing.
func (d *destination) takes(ctx context.Context, of schema.GroupResource) (bool, error) {
	if !d.isolated() || !isCustom(of) || d.allowsCustom(of) {
		return true, nil
	}
	d.operated.mu.Lock()
	defer d.operated.mu.Unlock()
	if taken, asked := d.operated.known[of]; asked {
		return taken, nil
	}
	definition, err := d.client.Resource(definitionsResource, "").Get(ctx, of.String(), metav1.GetOptions{})
	var taken bool
	switch {
	case err == nil:
		_, taken = definition.GetLabels()[cluster.LabelEnvironment]
	case apierrors.IsNotFound(err):
		served, err := d.served.has(of)
		if err != nil {
			return false, err
		}
		taken = !served
	default:
		return false, cluster.Failure(err, "look whether the cluster has the type %s", of)
	}
	if d.operated.known == nil {
		d.operated.known = map[schema.GroupResource]bool{}
	}
	d.operated.known[of] = taken
	return taken, nil
}

// ScopeOf implements surface.TargetScoper: entries of types that an environment
// does not take are neither restored nor compared.
func (s *Surface) ScopeOf(ctx context.Context, f surface.Fingerprint, t surface.Target) (surface.Fingerprint, error) {
	d, err := s.destination(t)
	if err != nil {
		return nil, err
	}
	var out surface.Fingerprint
	for _, e := range f {
		o, ok := parseEntry(e.Name)
		if ok && o.Namespace != "" {
			taken, err := d.takes(ctx, o.Resource)
			if err != nil {
				return nil, fault.While(err, "look at %s", d)
			}
			if !taken {
				continue
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// allowsCustom reports whether the place itself allows a type of custom resources.
func (r remapper) allowsCustom(of schema.GroupResource) bool {
	return slices.Contains(r.CustomResources, everyCustom) || slices.Contains(r.CustomResources, of.String())
}
