package velero

import (
	"context"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// pageSize is how many resources are listed at once.
const pageSize = 500

// Fingerprint implements surface.Surface: what the target's namespaces have, by
// the names that the point has. Namespaces that somebody works in have more than
// was restored: of what is not expected, only what the last Restore has put
// there counts, where it is known what is expected, and otherwise whatever
// nobody's controller has made.
func (s *Surface) Fingerprint(ctx context.Context, t surface.Target) (surface.Fingerprint, error) {
	d, err := s.destination(t)
	if err != nil {
		return nil, err
	}
	namespaces := slices.Sorted(maps.Keys(d.Namespaces))
	if len(namespaces) == 0 {
		if namespaces, err = d.configured(ctx, s.cluster.Namespaces); err != nil {
			return nil, err
		}
	}
	expected := map[surface.Entry]bool{}
	for _, e := range t.Expected {
		expected[surface.Entry{Kind: e.Kind, Name: e.Name}] = true
	}
	_, count, err := d.last(ctx, "")
	if err != nil {
		return nil, err
	}
	restored := labelValue(d.attempt(count))
	found, err := d.inventory(ctx, namespaces, func(i item, o labelled) bool {
		byVelero := count > 0 && o.labels[labelRestore] == restored
		if len(expected) == 0 {
			_, environment := o.labels[cluster.LabelEnvironment]
			return byVelero || (!o.controlled && !environment)
		}
		e := i.entry()
		return byVelero || expected[surface.Entry{Kind: e.Kind, Name: e.Name}]
	})
	return s.Scope(found, t.Selection), err
}

// configured are namespaces by name; those that are there, for the name that stands for all.
func (v server) configured(ctx context.Context, names []string) ([]string, error) {
	if !slices.Contains(names, allNamespaces) {
		return names, nil
	}
	found, err := v.Dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, cluster.Failure(err, "list the namespaces")
	}
	var out []string
	for i := range found.Items {
		out = append(out, found.Items[i].GetName())
	}
	return out, nil
}

// labelled is what decides about a resource that is there.
type labelled struct {
	labels map[string]string
	// controlled is set for what another resource's controller has made.
	controlled bool
}

// inventory lists what is in the target's counterparts of a point's namespaces.
func (d destination) inventory(ctx context.Context, namespaces []string, counts func(item, labelled) bool) (surface.Fingerprint, error) {
	renamed, err := d.renamed(namespaces)
	if err != nil {
		return nil, err
	}
	types, err := d.listable()
	if err != nil {
		return nil, err
	}
	client, err := metadata.NewForConfig(d.REST)
	if err != nil {
		return nil, err
	}
	seen := map[item]bool{}
	for _, of := range types {
		for from, to := range renamed {
			err := eachOf(ctx, client.Resource(of).Namespace(to), func(o *metav1.PartialObjectMetadata) {
				i := item{from, o.Name, of.GroupResource()}
				if o.DeletionTimestamp == nil && i.compared() && counts(i, labelled{o.Labels, metav1.GetControllerOfNoCopy(o) != nil}) {
					seen[i] = true
				}
			})
			if err != nil {
				return nil, cluster.Failure(err, "list the %s of namespace %s", of.GroupResource(), to)
			}
		}
	}
	var out surface.Fingerprint
	for i := range seen {
		out = append(out, i.entry())
	}
	out.Sort()
	return out, nil
}

// listable are the namespaced types that can be listed and compared. An
// aggregated API that does not answer leaves its types out: what the point has
// of them is then missing.
func (d destination) listable() ([]schema.GroupVersionResource, error) {
	d.Mapper.Reset()
	lists, err := discovery.ServerPreferredNamespacedResources(d.Discovery)
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, cluster.Failure(err, "ask the cluster for its types")
	}
	var out []schema.GroupVersionResource
	for _, of := range lists {
		version, err := schema.ParseGroupVersion(of.GroupVersion)
		if err != nil {
			continue
		}
		for _, one := range of.APIResources {
			i := item{of: schema.GroupResource{Group: version.Group, Resource: one.Name}}
			if slices.Contains(one.Verbs, "list") && i.compared() {
				out = append(out, version.WithResource(one.Name))
			}
		}
	}
	return out, nil
}

func eachOf(ctx context.Context, of metadata.ResourceInterface, do func(*metav1.PartialObjectMetadata)) error {
	options := metav1.ListOptions{Limit: pageSize}
	for {
		page, err := of.List(ctx, options)
		if err != nil {
			return err
		}
		for i := range page.Items {
			do(&page.Items[i])
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return nil
		}
	}
}
