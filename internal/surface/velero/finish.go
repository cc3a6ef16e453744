package velero

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// volumesWithin is how long volumes may take to appear after a Restore that is Completed.
const volumesWithin = time.Minute

// Finish implements surface.Surface. Where the Backup has files of volumes, it
// waits until Velero has filled each of them: one that is not filled is empty.
func (s *Surface) Finish(ctx context.Context, t surface.Target, src surface.Source) error {
	of, spec, err := readRecord(ctx, src)
	if err != nil {
		return err
	}
	d, err := s.destination(t)
	if err != nil {
		return err
	}
	run, err := d.begun(ctx, spec.Backup)
	if err != nil {
		return err
	}
	if run.Status.Phase != phaseCompleted {
		return d.failure(ctx, run)
	}
	if d.ID != "" {
		err := d.Resource(configMapsResource, d.namespace).Delete(ctx, run.Name, metav1.DeleteOptions{})
		if err = cluster.Failure(err, "remove ConfigMap %s", run.Name); err != nil && !fault.Is(err, fault.Missing) {
			return err
		}
	}
	files := of.completed(spec.Namespaces)
	if len(files) == 0 || !hasPods(t.Selection) {
		return nil
	}
	return d.filled(ctx, run.Name, files)
}

// hasPods reports whether a restore has pods.
func hasPods(chosen surface.Selection) bool {
	return len(chosen.Resources) == 0 || selects(chosen.Resources, schema.GroupResource{Resource: "pods"})
}

// filled waits until the PodVolumeRestores of a Restore are over, and judges
// them: there must be one for each of the wanted volumes, and each Completed.
func (d destination) filled(ctx context.Context, name string, wanted []volume) error {
	var all []volumeRestore
	patient, cancel := context.WithTimeout(ctx, volumesWithin)
	defer cancel()
	err := await(ctx, "the volumes of Restore "+name+" are filled", func(ctx context.Context) (bool, error) {
		var err error
		all, err = list[volumeRestoreSpec, volumeStatus](ctx, d.server, volumeRestores, labelRestore+"="+labelValue(name))
		if err != nil || (len(unfilled(wanted, all)) > 0 && patient.Err() == nil) {
			return false, err
		}
		return !slices.ContainsFunc(all, func(one volumeRestore) bool { return !volumeEnded(one.Status.Phase) }), nil
	})
	if err != nil {
		return fault.While(err, "%s", pending(all))
	}
	return judgeFilled(name, wanted, all)
}

// judgeFilled says what is wrong with PodVolumeRestores that are over.
func judgeFilled(name string, wanted []volume, all []volumeRestore) error {
	if len(all) == 0 {
		return fault.New(fault.Mismatch, "Restore %s is Completed, but Velero has filled no volume, where the backup has the files of %d: their pods were not restored, or Velero's node agent does not run", name, len(wanted))
	}
	var bad []string
	for _, one := range all {
		if one.Status.Phase != phaseCompleted {
			bad = append(bad, fmt.Sprintf("%s of pod %s/%s is %s %s", one.Spec.Volume, one.Spec.Pod.Namespace, one.Spec.Pod.Name, one.Status.Phase, line(one.Status.Message)))
		}
	}
	if len(bad) > 0 {
		return fault.New(fault.Mismatch, "%d of %d volumes were not filled: %s", len(bad), len(all), strings.TrimSpace(strings.Join(bad[:min(maxQuoted, len(bad))], "; ")))
	}
	var empty []string
	for _, one := range unfilled(wanted, all) {
		empty = append(empty, fmt.Sprintf("%s of pod %s/%s", one.Volume, one.Namespace, one.Pod))
	}
	if len(empty) > 0 {
		return fault.New(fault.Mismatch, "%d of %d volumes whose files the backup has were not filled, because their pods were not restored: %s",
			len(empty), len(wanted), strings.Join(empty[:min(maxQuoted, len(empty))], "; "))
	}
	return nil
}

// unfilled are the wanted volumes that have no PodVolumeRestore. Restored pods
// keep their names; namespaces are those of the Backup.
func unfilled(wanted []volume, all []volumeRestore) []volume {
	has := map[volume]bool{}
	for _, one := range all {
		has[volume{Namespace: one.Spec.SourceNamespace, Pod: one.Spec.Pod.Name, Volume: one.Spec.Volume}] = true
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(v volume) bool { return has[volume{v.Namespace, v.Pod, v.Volume, ""}] })
}

// podsGone refuses a target with pods whose volumes the Backup has files of:
// Velero fills the volumes of pods that it makes, and leaves all others alone.
func (d destination) podsGone(ctx context.Context, files []volume) error {
	there := map[podReference]bool{}
	for from, to := range d.targets(files) {
		client, err := metadata.NewForConfig(d.REST)
		if err != nil {
			return err
		}
		pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
		err = eachOf(ctx, client.Resource(pods).Namespace(to), func(o *metav1.PartialObjectMetadata) {
			there[podReference{from, o.Name}] = true
		})
		if err != nil {
			return cluster.Failure(err, "list the pods of namespace %s", to)
		}
	}
	return inTheWay(files, there)
}

// targets are the target's names of the namespaces of volumes.
func (d destination) targets(files []volume) map[string]string {
	out := map[string]string{}
	for _, one := range files {
		out[one.Namespace] = one.Namespace
		if to, renamed := d.Namespaces[one.Namespace]; renamed {
			out[one.Namespace] = to
		}
	}
	return out
}

func inTheWay(files []volume, there map[podReference]bool) error {
	var names []string
	for _, one := range files {
		if name := one.Namespace + "/" + one.Pod; there[podReference{one.Namespace, one.Pod}] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "%d pods are in the way, such as %s: Velero fills the volumes of pods that it makes only, so stop their workloads first (replicas: 0), choose types without pods and claims, or restore into an environment",
		len(names), strings.Join(names[:min(maxQuoted, len(names))], ", "))
}

// volumeEnded reports whether a PodVolumeRestore stays in a phase.
func volumeEnded(phase string) bool {
	return phase == phaseCompleted || phase == phaseFailed || phase == "Canceled"
}

// pending says what is still waited for.
func pending(all []volumeRestore) string {
	for _, one := range all {
		if !volumeEnded(one.Status.Phase) {
			return fmt.Sprintf("%s of pod %s/%s is %s (a pod that is not scheduled is not filled)", one.Spec.Volume, one.Spec.Pod.Namespace, one.Spec.Pod.Name, one.Status.Phase)
		}
	}
	return "volumes"
}
