package kubernetes

import (
	"context"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
)

// fieldManager is who API servers note as the owner of what a restore sets.
const fieldManager = "lifeboat"

// apply sends an object by server-side apply, and takes over fields that others
// own. A dry run has the API server do everything but keep it. What is returned
// is the object as the server has it then.
func (d *destination) apply(ctx context.Context, s *step, dryRun []string) (*unstructured.Unstructured, error) {
	text, err := encode(s.wanted.Object)
	if err != nil {
		return nil, err
	}
	force := true
	options := metav1.PatchOptions{FieldManager: fieldManager, Force: &force, DryRun: dryRun}
	if s.converted {
		// A field that this version does not have must not be lost on the way.
		options.FieldValidation = metav1.FieldValidationStrict
	}
	client := d.client.Resource(s.of, s.wanted.GetNamespace())
	got, err := client.Patch(ctx, s.wanted.GetName(), types.ApplyYAMLPatchType, text, options)
	switch {
	case isUnmergeable(err):
		return d.send(ctx, s, dryRun)
	case err != nil || s.action != actionUpdate || len(dryRun) > 0:
		return got, err
	default:
		return got, d.trim(ctx, s, got)
	}
}

// isUnmergeable reports whether server-side apply can't take an object that a
// plain request can: lists with the same key twice, such as two environment
// variables of one name, which older clients could send.
func isUnmergeable(err error) bool {
	return err != nil && strings.Contains(err.Error(), "failed to create typed patch object")
}

// send creates or replaces an object without server-side apply.
func (d *destination) send(ctx context.Context, s *step, dryRun []string) (*unstructured.Unstructured, error) {
	client := d.client.Resource(s.of, s.wanted.GetNamespace())
	if !s.there {
		return client.Create(ctx, s.wanted, metav1.CreateOptions{
			FieldManager: fieldManager, DryRun: dryRun, FieldValidation: metav1.FieldValidationStrict,
		})
	}
	var got *unstructured.Unstructured
	// Controllers write the status of what is there meanwhile.
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		found, err := client.Get(ctx, s.wanted.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		d.converge(s, found)
		got, err = client.Update(ctx, found, metav1.UpdateOptions{
			FieldManager: fieldManager, DryRun: dryRun, FieldValidation: metav1.FieldValidationStrict,
		})
		return err
	})
	return got, err
}

// trim removes what an object has beyond the point's: server-side apply leaves
// there what it does not name.
func (d *destination) trim(ctx context.Context, s *step, got *unstructured.Unstructured) error {
	client := d.client.Resource(s.of, s.wanted.GetNamespace())
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		same, err := d.same(s, got)
		if err != nil || same || isPartial(s) {
			return err
		}
		d.converge(s, got)
		_, err = client.Update(ctx, got, metav1.UpdateOptions{FieldManager: fieldManager})
		if apierrors.IsConflict(err) {
			// Somebody has changed it in between.
			if got, _ = client.Get(ctx, s.wanted.GetName(), metav1.GetOptions{}); got == nil {
				return nil
			}
		}
		return err
	})
}

// isPartial reports whether what is sent is only what is to be added.
func isPartial(s *step) bool {
	of := s.of.GroupResource()
	return of == typeServiceAccounts && s.wanted.GetName() == metav1.NamespaceDefault || of == typeNamespaces
}

// converge makes of an object that is there the one that is wanted. What a
// restore leaves to the server (see normalise) stays as it is.
func (d *destination) converge(s *step, found *unstructured.Unstructured) {
	of := s.of.GroupResource()
	wants, has := normalise(of, s.wanted.DeepCopy().Object, nil), normalise(of, found.DeepCopy().Object, nil)
	overwrite(found.Object, s.wanted.Object, has, wants)
}

// overwrite changes into so that what it has, in has without what does not
// count, becomes what is wanted. What is put into it comes from the object from.
func overwrite(into, from, has, wants map[string]any) {
	for field, value := range has {
		if _, wanted := wants[field]; !wanted {
			delete(into, field)
			continue
		}
		deeper, isMap := value.(map[string]any)
		wantsDeeper, wantsMap := wants[field].(map[string]any)
		below, isBelow := into[field].(map[string]any)
		source, isSource := from[field].(map[string]any)
		switch {
		case isMap && wantsMap && isBelow && isSource:
			overwrite(below, source, deeper, wantsDeeper)
		case !reflect.DeepEqual(value, wants[field]):
			into[field] = runtime.DeepCopyJSONValue(from[field])
		}
	}
	for field := range wants {
		if _, there := has[field]; !there {
			into[field] = runtime.DeepCopyJSONValue(from[field])
		}
	}
}
