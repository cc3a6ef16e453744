package kubernetes

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

// references are what the objects of the namespaces name of the cluster's.
type references struct {
	names map[schema.GroupResource]map[string]bool
	// roles are those that gather the rules of others, by their labels.
	gathers map[string][]labels.Selector
	labels  map[string]labels.Set
}

// referring are the types whose objects name things of the cluster.
var referring = []schema.GroupResource{
	typePods, typeDeployments, typeStatefulSets, typeDaemonSets, typeJobs, typeCronJobs,
	typeClaims, typeRoleBindings, typeIngresses, typeSnapshots,
}

func (r *references) add(of schema.GroupResource, name string) {
	if name == "" {
		return
	}
	if r.names[of] == nil {
		r.names[of] = map[string]bool{}
	}
	r.names[of][name] = true
}

// follow notes what one object names.
func (r *references) follow(o Object) {
	body := o.Body.Object
	switch o.Resource {
	case typeClaims:
		r.claim(body)
	case typeRoleBindings, typeClusterBindings:
		if textAt(body, "roleRef", "kind") == "ClusterRole" {
			r.add(typeClusterRoles, textAt(body, "roleRef", "name"))
		}
	case typeIngresses:
		r.add(typeIngressClasses, textAt(body, "spec", "ingressClassName"))
	case typeSnapshots:
		r.add(typeSnapshotClasses, textAt(body, "spec", "volumeSnapshotClassName"))
		r.add(typeSnapshotContents, textAt(body, "status", "boundVolumeSnapshotContentName"))
	case typePods:
		r.pod(fieldsOf(body, "spec"))
	default:
		r.pod(fieldsOf(body, "spec", "template", "spec"))
		r.pod(fieldsOf(body, "spec", "jobTemplate", "spec", "template", "spec"))
		for _, claim := range mapsOf(body, "spec", "volumeClaimTemplates") {
			r.claim(claim)
		}
	}
}

func (r *references) claim(body map[string]any) {
	r.add(typeStorageClasses, textAt(body, "spec", "storageClassName"))
	r.add(typeVolumes, textAt(body, "spec", "volumeName"))
}

func (r *references) pod(spec map[string]any) {
	r.add(typePriorities, textAt(spec, "priorityClassName"))
	r.add(typeRuntimes, textAt(spec, "runtimeClassName"))
	for _, volume := range mapsOf(spec, "volumes") {
		r.claim(fieldsOf(volume, "ephemeral", "volumeClaimTemplate"))
	}
}

// role notes what a cluster role gathers, and by what it is gathered.
func (r *references) role(o Object) {
	r.labels[o.Name] = labels.Set(o.Body.GetLabels())
	for _, text := range mapsOf(o.Body.Object, "aggregationRule", "clusterRoleSelectors") {
		var selector metav1.LabelSelector
		if runtime.DefaultUnstructuredConverter.FromUnstructured(text, &selector) != nil {
			continue
		}
		if by, err := metav1.LabelSelectorAsSelector(&selector); err == nil {
			r.gathers[o.Name] = append(r.gathers[o.Name], by)
		}
	}
}

// gather adds the roles whose rules make up those of others.
func (r *references) gather() {
	for grown := true; grown; {
		grown = false
		for name, by := range r.gathers {
			if !r.names[typeClusterRoles][name] {
				continue
			}
			for other, given := range r.labels {
				matches := func(s labels.Selector) bool { return s.Matches(given) }
				if !r.names[typeClusterRoles][other] && slices.ContainsFunc(by, matches) {
					r.add(typeClusterRoles, other)
					grown = true
				}
			}
		}
	}
}

// cluster writes what the namespaces need of the cluster's.
func (d *dump) cluster(ctx context.Context, seen *survey) error {
	if err := d.look(ctx, seen); err != nil {
		return err
	}
	if err := d.still(seen); err != nil {
		return err
	}
	needed, err := d.references(ctx, seen)
	if err != nil {
		return err
	}
	for _, of := range d.catalogue.types {
		switch of.Resource {
		case typeDefinitions:
			err = d.named(ctx, of, d.definitions(seen))
		case typeNamespaces:
			err = d.named(ctx, of, d.namespaces)
		default:
			if _, one := clusterTypes[of.Resource]; one && seen.has(clusterTypes[of.Resource]) && !isExcluded(of.Resource, d.excluded) {
				err = d.walk(ctx, []listing{{of: of}}, d.missed, func(o Object) error { return d.ofCluster(o, needed) })
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// references reads what the objects of the namespaces name.
func (d *dump) references(ctx context.Context, seen *survey) (*references, error) {
	out := &references{
		names:   map[schema.GroupResource]map[string]bool{},
		gathers: map[string][]labels.Selector{}, labels: map[string]labels.Set{},
	}
	var lists []listing
	for _, of := range d.catalogue.within(d.excluded) {
		if slices.Contains(referring, of.Resource) && seen.found[of.Resource] > 0 {
			lists = append(lists, d.lists(of)...)
		}
	}
	err := d.inside(ctx, lists, func(o Object) error {
		out.follow(o)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, of := range d.wanted(seen) {
		var each func(Object) error
		switch of.Resource {
		case typeClusterBindings:
			each = func(o Object) error {
				if d.binds(o) {
					out.follow(o)
				}
				return nil
			}
		case typeClusterRoles:
			each = func(o Object) error { out.role(o); return nil }
		default:
			continue
		}
		if err := d.walk(ctx, []listing{{of: of}}, d.missed, each); err != nil {
			return nil, err
		}
	}
	out.gather()
	return out, nil
}

// binds reports whether a binding for the whole cluster gives something to a
// service account of the namespaces.
func (d *dump) binds(o Object) bool {
	own := remapper{}
	own.Namespaces = d.names
	return slices.ContainsFunc(mapsOf(o.Body.Object, "subjects"), own.isOurs)
}

// named writes single objects; one that has gone meanwhile is left out.
func (d *dump) named(ctx context.Context, of resourceType, names []string) error {
	for _, name := range names {
		o, err := d.get(ctx, listing{of: of}, name)
		switch why := unreadable(of, err); {
		case err == nil:
			err = d.write(o, true)
		case why != "":
			if d.known["namespace "+name] && of.Resource == typeNamespaces {
				continue
			}
			err = d.expected(refusal{of: of.Resource.String()}, why)
		case apierrors.IsNotFound(err):
			continue
		default:
			err = cluster.Failure(err, "read %s %s", of.Resource, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ofCluster writes an object of the cluster where the namespaces need it.
func (d *dump) ofCluster(o Object, needed *references) error {
	wanted := needed.names[o.Resource][o.Name]
	switch o.Resource {
	case typeClusterBindings:
		wanted = d.binds(o)
	case typeVolumes:
		_, ours := d.names[textAt(o.Body.Object, "spec", "claimRef", "namespace")]
		wanted = wanted && ours
	}
	if !wanted || skipped(o) {
		return nil
	}
	_, compared := comparedOfCluster[o.Resource]
	return d.write(o, compared && inventoried(o))
}
