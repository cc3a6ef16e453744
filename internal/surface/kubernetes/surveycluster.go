package kubernetes

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

var (
	typeRuntimes         = schema.GroupResource{Group: "node.k8s.io", Resource: "runtimeclasses"}
	typeSnapshots        = schema.GroupResource{Group: groupSnapshots, Resource: "volumesnapshots"}
	typeSnapshotClasses  = schema.GroupResource{Group: groupSnapshots, Resource: "volumesnapshotclasses"}
	typeSnapshotContents = schema.GroupResource{Group: groupSnapshots, Resource: "volumesnapshotcontents"}
)

// clusterTypes are the types of the cluster of which a point has what its
// namespaces name, each with the types that name it: where there is none of
// those, it does not matter whether it may be read. Namespaces and definitions,
// which are read by name, come beside them.
var clusterTypes = map[schema.GroupResource][]schema.GroupResource{
	typeStorageClasses:   {typeClaims},
	typeVolumes:          {typeClaims},
	typeClusterRoles:     nil,
	typeClusterBindings:  nil,
	typePriorities:       {typePods},
	typeRuntimes:         {typePods},
	typeIngressClasses:   {typeIngresses},
	typeSnapshotClasses:  {typeSnapshots},
	typeSnapshotContents: {typeSnapshots},
}

// wanted are the types of the cluster that a point may have something of.
func (s *source) wanted(seen *survey) []resourceType {
	var out []resourceType
	for _, t := range s.catalogue.types {
		by, one := clusterTypes[t.Resource]
		if one && seen.has(by) && !isExcluded(t.Resource, s.excluded) {
			out = append(out, t)
		}
	}
	return out
}

// definitions are the names of the definitions of the custom resources that were found.
func (s *source) definitions(seen *survey) []string {
	var out []string
	if isExcluded(typeDefinitions, s.excluded) {
		return nil
	}
	for _, t := range s.catalogue.types {
		if t.Namespaced && t.custom() && seen.found[t.Resource] > 0 {
			out = append(out, t.Resource.String())
		}
	}
	return out
}

// lookAtCluster finds out which types of the cluster may be read.
func (s *source) lookAtCluster(ctx context.Context, seen *survey) error {
	for _, of := range s.wanted(seen) {
		if _, err := s.page(ctx, listing{of: of}, 1, ""); err != nil {
			why := unreadable(of, err)
			if why == "" {
				return cluster.Failure(err, "list %s", of.Resource)
			}
			seen.refuse(refusal{of: of.Resource.String()}, why)
		}
	}
	of, known := s.catalogue.find(typeDefinitions)
	names := s.definitions(seen)
	if !known || len(names) == 0 {
		return nil
	}
	// They are read by name, and one shows whether that is allowed. There is
	// none of what a server of its own keeps.
	_, err := s.get(ctx, listing{of: of}, names[0])
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	why := unreadable(of, err)
	if why == "" {
		return cluster.Failure(err, "read %s %s", of.Resource, names[0])
	}
	seen.refuse(refusal{of: of.Resource.String()}, why)
	return nil
}
