package kubernetes

import (
	"context"
	"encoding/json"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// shared are the types of the cluster of which an environment brings what isn't
// there yet; what is there is used as it is.
var shared = []schema.GroupResource{
	typeDefinitions, typeStorageClasses, typeSnapshotClasses, typePriorities, typeRuntimes, typeIngressClasses, typeClusterRoles,
}

// decideShared says what an environment does about something of the cluster. It
// brings what is not there, with its label, by which the environment takes it away
// again. Of what another environment has brought, it takes the label over: the
// other one is asked whether it uses the thing, when this one is removed.
func (d *destination) decideShared(s *step) error {
	of := s.of.GroupResource()
	_, other := d.StorageClasses[s.wanted.GetName()]
	switch {
	case !slices.Contains(shared, of), of == typeStorageClasses && other:
	case !s.there:
		d.mark(s.wanted)
		s.action, s.brought = actionCreate, true
	case s.found.deleting:
		return goingAway()
	case s.found.environment != "" && s.found.environment != d.ID:
		s.action = actionShare
	}
	return nil
}

func goingAway() error {
	return fault.New(fault.Unavailable, "it is being deleted: try again once it is gone")
}

// bring makes something of the cluster. What another environment has made in
// the same moment is shared.
func (d *destination) bring(ctx context.Context, s *step) error {
	_, err := d.client.Resource(s.of, "").Create(ctx, s.wanted, metav1.CreateOptions{
		FieldManager: fieldManager, FieldValidation: metav1.FieldValidationStrict,
	})
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	found, err := d.live(ctx, s)
	if err != nil {
		return err
	}
	if found == nil {
		return goingAway()
	}
	if of := found.GetLabels()[cluster.LabelEnvironment]; of == "" || of == d.ID {
		return nil
	}
	return d.share(ctx, s)
}

// share puts this environment's label on what another one has brought.
func (d *destination) share(ctx context.Context, s *step) error {
	// Nobody's ID is better than that of the environment that had it before.
	var restore any
	if d.Restore != "" {
		restore = d.Restore
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"labels": map[string]any{cluster.LabelEnvironment: d.ID}, "annotations": map[string]any{cluster.AnnotationEnvironment: restore},
	}})
	if err != nil {
		return err
	}
	now, err := d.client.Resource(s.of, "").Patch(ctx, s.wanted.GetName(), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
	if apierrors.IsNotFound(err) || err == nil && now.GetDeletionTimestamp() != nil {
		return goingAway()
	}
	return err
}
