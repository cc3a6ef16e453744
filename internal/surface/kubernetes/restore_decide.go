package kubernetes

import (
	"context"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// deciders are the types about which is not decided as about all others.
var deciders = map[schema.GroupResource]func(context.Context, *destination, *step) (decided bool, err error){
	typeServiceAccounts: decideAccount,
	typeClaims:          decideClaim,
	typeDefinitions:     decideDefinition,
	typeNamespaces:      decideNamespace,
	typeVolumes:         decideVolume,
	typeStorageClasses:  decideStorageClass,
	typeClusterBindings: decideClusterBinding,
}

// decide says what is done about an object, and completes what is sent.
func (d *destination) decide(ctx context.Context, s *step, begun bool) error {
	of := s.of.GroupResource()
	ofCluster := s.wanted.GetNamespace() == ""
	if d.isolated() && ofCluster {
		return d.decideShared(s)
	}
	if special := deciders[of]; special != nil {
		if decided, err := special(ctx, d, s); decided || err != nil {
			return err
		}
	}
	if !s.there {
		s.action = actionCreate
		return nil
	}
	if s.found.deleting && d.conflict != surface.ConflictSkip {
		s.action = actionConflict
		return nil
	}
	same, err := d.unchanged(ctx, s)
	switch {
	case err != nil || same:
		return err
	case s.found.environment != "" && !s.found.ours && !ofCluster:
		// What keeps the environment apart must not become what the point has.
		s.action = actionConflict
	default:
		s.action = d.policy(s, begun)
	}
	return nil
}

// unchanged reports whether what is there is as it is to be sent. Of types in
// which an environment changes what people have set, and of which the sums say
// little therefore, it reads the object anew, but in an environment.
func (d *destination) unchanged(ctx context.Context, s *step) (bool, error) {
	of := s.of.GroupResource()
	sum, err := sumOf(of, s.wanted)
	if err != nil || sum != s.found.sum || d.isolated() || !slices.Contains(reshaped, of) && of.Group != groupGateway {
		return err == nil && sum == s.found.sum, err
	}
	found, err := d.live(ctx, s)
	return found != nil && covers(found.Object, s.wanted.Object), err
}

// reshaped are the types of which an environment gets objects that the sums do
// not tell from the point's.
var reshaped = []schema.GroupResource{typeServices, typeIngresses}

// covers reports whether a value has everything that is wanted of it.
func covers(has, wanted any) bool {
	switch wanted := wanted.(type) {
	case nil:
		return true
	case map[string]any:
		in, is := has.(map[string]any)
		for name, value := range wanted {
			if !is || !covers(in[name], value) {
				return false
			}
		}
		return is
	case []any:
		in, is := has.([]any)
		if !is || len(in) != len(wanted) {
			return false
		}
		for i, value := range wanted {
			if !covers(in[i], value) {
				return false
			}
		}
		return true
	default:
		return reflect.DeepEqual(has, wanted)
	}
}

// policy says what is done about an object that is there and not as in the
// point. What a restore has written is overwritten once this one has begun, for
// Begin found nothing in the way, and in an environment, which has one restore only.
func (d *destination) policy(s *step, begun bool) string {
	switch {
	case d.conflict == surface.ConflictSkip:
		return actionSkip
	case d.conflict == surface.ConflictUpdate, s.found.ours && (begun || d.isolated()):
		return actionUpdate
	default:
		return actionConflict
	}
}

// live reads what there is of an object; nil where it has gone since.
func (d *destination) live(ctx context.Context, s *step) (*unstructured.Unstructured, error) {
	found, err := d.client.Resource(s.of, s.wanted.GetNamespace()).Get(ctx, s.wanted.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		s.there = false
		return nil, nil
	}
	return found, cluster.Failure(err, "read it")
}

// decideAccount joins the secrets of a service account with those that it has
// in the target. That alone is never in the way. The account that the cluster
// makes in every namespace gets those of the point, and stays as it is otherwise.
func decideAccount(ctx context.Context, d *destination, s *step) (bool, error) {
	if !s.there {
		return false, nil
	}
	found, err := d.live(ctx, s)
	if err != nil || found == nil {
		return false, err
	}
	joined := found.DeepCopy()
	more := false
	for _, list := range []string{"secrets", "imagePullSecrets"} {
		items, grown := union(listAt(found.Object, list), listAt(s.wanted.Object, list))
		if more = more || grown; len(items) > 0 {
			joined.Object[list], s.wanted.Object[list] = items, items
		}
	}
	same, err := d.same(s, joined)
	isDefault := s.wanted.GetName() == metav1.NamespaceDefault
	if isDefault && !same {
		wanted := map[string]any{"apiVersion": s.wanted.GetAPIVersion(), "kind": s.wanted.GetKind(), "metadata": map[string]any{
			"name": s.wanted.GetName(), "namespace": s.wanted.GetNamespace(),
		}}
		for _, list := range []string{"secrets", "imagePullSecrets"} {
			if items, there := s.wanted.Object[list]; there {
				wanted[list] = items
			}
		}
		s.wanted.Object = wanted
	}
	switch {
	case err != nil:
	case !same && !isDefault:
		return false, nil
	case more && (isDefault || d.conflict != surface.ConflictSkip):
		s.action = actionUpdate
	}
	return true, err
}

// union adds to a list what it does not have yet, and reports whether it has grown.
func union(list, with []any) (out []any, grown bool) {
	out = slices.Clone(list)
	for _, item := range with {
		if !slices.ContainsFunc(out, func(has any) bool { return reflect.DeepEqual(has, item) }) {
			out, grown = append(out, item), true
		}
	}
	return out, grown
}

// same reports whether an object is as it is to be sent.
func (d *destination) same(s *step, found *unstructured.Unstructured) (bool, error) {
	wanted, err := sumOf(s.of.GroupResource(), s.wanted)
	if err != nil {
		return false, err
	}
	has, err := sumOf(s.of.GroupResource(), found)
	return wanted == has, err
}
