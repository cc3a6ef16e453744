package velero

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// volumesWithin is how long volumes may take to appear after a Restore that is Completed.
const volumesWithin = time.Minute

// Finish implements surface.Surface. Where the Backup has files of volumes, it
// waits until Velero has filled those of the restored pods, and counts them:
// none at all would be a restore of empty volumes.
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
	if len(files) == 0 || (len(t.Selection.Resources) > 0 && !slices.Contains(t.Selection.Resources, "pods")) {
		return nil
	}
	return d.filled(ctx, run.Name, len(files))
}

// filled waits until every PodVolumeRestore of a Restore is over, and judges them.
func (d destination) filled(ctx context.Context, name string, wanted int) error {
	var all []volumeRestore
	patient, cancel := context.WithTimeout(ctx, volumesWithin)
	defer cancel()
	err := await(ctx, "the volumes of Restore "+name+" are filled", func(ctx context.Context) (bool, error) {
		var err error
		all, err = list[volumeRestoreSpec, volumeStatus](ctx, d.server, volumeRestores, labelRestore+"="+labelValue(name))
		if err != nil || (len(all) == 0 && patient.Err() != nil) {
			return err == nil, err
		}
		over := len(all) > 0
		for _, one := range all {
			over = over && volumeEnded(one.Status.Phase)
		}
		return over, nil
	})
	if err != nil {
		return fault.While(err, "%s", pending(all))
	}
	if len(all) == 0 {
		return fault.New(fault.Mismatch, "Restore %s is Completed, but Velero has filled no volume, where the backup has the files of %d: their pods were not restored, or Velero's node agent does not run", name, wanted)
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
	return nil
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
