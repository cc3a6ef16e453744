package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

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

// labelVelero is on a volume that Velero has restored: it may be the very storage
// of what is live, or of a snapshot.
const labelVelero = "velero.io/restore-name"

// adoption is what is known of namespaces whose volumes are to go with them.
type adoption struct {
	place, restore string
	// since is when each namespace was made, claims the UIDs of their claims.
	since  map[string]metav1.Time
	claims map[types.UID]bool
}

func adopting(place string, of []unstructured.Unstructured) *adoption {
	a := &adoption{place: place, since: map[string]metav1.Time{}, claims: map[types.UID]bool{}}
	for _, n := range of {
		a.since[n.GetName()] = n.GetCreationTimestamp()
		a.restore = n.GetAnnotations()[annotationID]
	}
	return a
}

// noteClaims notes the claims that are there. They go with their namespaces,
// and new ones may come until then.
func (e *Environment) noteClaims(ctx context.Context, a *adoption) error {
	for name := range a.since {
		found, err := e.list(ctx, claims, name, "")
		if err != nil {
			return err
		}
		for _, claim := range found {
			a.claims[claim.GetUID()] = true
		}
	}
	return nil
}

// owns reports whether a volume was certainly provisioned for a claim of the
// environment: only then its data may be deleted. users says how many volumes
// have each storage.
func (a *adoption) owns(v corev1.PersistentVolume, users map[string]int) (bool, error) {
	of := v.Spec.ClaimRef
	if of == nil || !a.claims[of.UID] || v.Annotations[annotationProvisioned] == "" {
		return false, nil
	}
	since, known := a.since[of.Namespace]
	if _, restored := v.Labels[labelVelero]; restored || !known || v.CreationTimestamp.Before(&since) {
		return false, nil
	}
	storage, err := storageOf(v)
	return users[storage] == 1, err
}

// adoptVolumes labels the volumes that were provisioned for the claims of an
// environment, so that they are found when the namespaces are gone, and has them
// deleted with their data. Every other volume of these claims it leaves alone,
// but for an annotation by which Left finds it.
func (e *Environment) adoptVolumes(ctx context.Context, a *adoption) error {
	if len(a.since) == 0 {
		return nil
	}
	all, err := e.volumes(ctx)
	if err != nil {
		return err
	}
	users := map[string]int{}
	for _, v := range all {
		storage, err := storageOf(v)
		if err != nil {
			return err
		}
		users[storage]++
	}
	for _, v := range all {
		if v.Spec.ClaimRef == nil || v.Labels[cluster.LabelEnvironment] == a.place {
			continue
		}
		if _, ours := a.since[v.Spec.ClaimRef.Namespace]; !ours {
			continue
		}
		owned, err := a.owns(v, users)
		if err != nil {
			return err
		}
		if err := e.adopt(ctx, a, v, owned); err != nil {
			return err
		}
	}
	return nil
}

// adopt marks one volume, and has it deleted where it is owned.
func (e *Environment) adopt(ctx context.Context, a *adoption, v corev1.PersistentVolume, owned bool) error {
	metadata := map[string]any{"uid": v.UID, "annotations": map[string]any{annotationID: a.restore}}
	patch := map[string]any{"metadata": metadata}
	if owned {
		metadata["labels"] = map[string]any{cluster.LabelEnvironment: a.place}
		patch["spec"] = map[string]any{"persistentVolumeReclaimPolicy": string(corev1.PersistentVolumeReclaimDelete)}
	}
	text, err := json.Marshal(patch)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "write a patch")
	}
	_, err = e.client.Resource(volumes, "").Patch(ctx, v.Name, types.MergePatchType, text, metav1.PatchOptions{FieldManager: fieldManager})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return cluster.Failure(err, "mark the volume %s", v.Name)
	}
	return nil
}

// leftVolumes are the volumes that removal leaves alone, and those of claims in
// namespaces that are still there.
func (e *Environment) leftVolumes(ctx context.Context, place string, of []unstructured.Unstructured) ([]string, error) {
	all, err := e.volumes(ctx)
	if err != nil {
		return nil, err
	}
	standing := map[string]bool{}
	for _, n := range of {
		standing[n.GetName()] = true
	}
	var out []string
	for _, v := range all {
		claimed := v.Spec.ClaimRef
		if claimed == nil || v.Labels[cluster.LabelEnvironment] == place {
			continue
		}
		text := object{resource: volumes, name: v.Name}.String()
		restore := v.Annotations[annotationID]
		switch {
		case standing[claimed.Namespace]:
			out = append(out, text)
		case restore != "" && placeID(restore) == place && strings.HasPrefix(claimed.Namespace, e.config.Prefix):
			out = append(out, text+" was not provisioned for a claim of the environment alone, and stays with its data: release or delete it by hand")
		}
	}
	return out, nil
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
