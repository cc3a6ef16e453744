package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// annotationProvisioned is on a volume that was made for a claim; it names who made it.
const annotationProvisioned = "pv.kubernetes.io/provisioned-by"

// volumesOf are the volumes of the claims in namespaces.
func (e *Environment) volumesOf(ctx context.Context, of []unstructured.Unstructured) ([]corev1.PersistentVolume, error) {
	all, err := e.volumes(ctx)
	if err != nil {
		return nil, err
	}
	claimants := map[string]bool{}
	for _, n := range of {
		claimants[n.GetName()] = true
	}
	var out []corev1.PersistentVolume
	for _, v := range all {
		if v.Spec.ClaimRef != nil && claimants[v.Spec.ClaimRef.Namespace] {
			out = append(out, v)
		}
	}
	return out, nil
}

// volumes are all of the cluster.
func (e *Environment) volumes(ctx context.Context) ([]corev1.PersistentVolume, error) {
	found, err := e.list(ctx, volumes, "", "")
	if err != nil {
		return nil, err
	}
	out := make([]corev1.PersistentVolume, len(found))
	for n := range found {
		if err := convert(found[n], &out[n]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// adoptVolumes labels the volumes of the claims in namespaces, so that they are
// found when the namespaces are gone, and has those deleted with their data that
// were provisioned for these claims.
func (e *Environment) adoptVolumes(ctx context.Context, place string, of []unstructured.Unstructured) error {
	if len(of) == 0 {
		return nil
	}
	made := map[string]metav1.Time{}
	for _, n := range of {
		made[n.GetName()] = n.GetCreationTimestamp()
	}
	found, err := e.volumesOf(ctx, of)
	if err != nil {
		return err
	}
	for _, v := range found {
		since := made[v.Spec.ClaimRef.Namespace]
		patch := map[string]any{"metadata": map[string]any{"uid": v.UID, "labels": map[string]any{cluster.LabelEnvironment: place}}}
		if v.Annotations[annotationProvisioned] != "" && !v.CreationTimestamp.Before(&since) {
			patch["spec"] = map[string]any{"persistentVolumeReclaimPolicy": string(corev1.PersistentVolumeReclaimDelete)}
		}
		text, err := json.Marshal(patch)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "write a patch")
		}
		_, err = e.client.Resource(volumes, "").Patch(ctx, v.Name, types.MergePatchType, text, metav1.PatchOptions{FieldManager: fieldManager})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return cluster.Failure(err, "label the volume %s", v.Name)
		}
	}
	return nil
}

// removeVolume deletes a volume whose claim is gone, unless its provisioner is
// to do so with the data on it; it says what is being waited for.
func (e *Environment) removeVolume(ctx context.Context, o object) (string, error) {
	found, err := e.client.Resource(volumes, "").Get(ctx, o.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return o.held(), nil
	} else if err != nil {
		return "", cluster.Failure(err, "read %s", o)
	}
	var v corev1.PersistentVolume
	if err := convert(*found, &v); err != nil {
		return "", err
	}
	if v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete {
		switch v.Status.Phase {
		case corev1.VolumeBound, corev1.VolumeReleased:
			return o.String() + " waits for its provisioner, which deletes the data", nil
		case corev1.VolumeFailed:
			return fmt.Sprintf("%s could not be deleted by its provisioner: %s", o, v.Status.Message), nil
		}
	}
	return o.held(), e.delete(ctx, o)
}

// convert reads an object into one of its type.
func convert(of unstructured.Unstructured, into any) error {
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(of.Object, into)
	return fault.Wrap(fault.Unsupported, err, "read the %s %s", of.GetKind(), of.GetName())
}
