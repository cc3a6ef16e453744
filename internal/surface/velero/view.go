package velero

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// view is a Backup that has ended. It implements surface.View, surface.Dated
// and surface.Partial.
type view struct {
	source  server
	server  surface.Server
	backup  backup
	results results
	skipped []skipped
	// behind and notes are of a Backup that was adopted.
	behind []string
	notes  []string
	parts  []surface.Part
}

// plan makes the parts.
func (w *view) plan(namespaces []string, all resourceList) error {
	spec, err := json.Marshal(partSpec{Namespaces: namespaces, Backup: w.backup.Name, Location: w.backup.Spec.StorageLocation})
	if err != nil {
		return err
	}
	var estimate int64
	for _, names := range all {
		for _, name := range names {
			estimate += int64(len(name)) + 3
		}
	}
	w.skipped = slices.DeleteFunc(w.skipped, func(one skipped) bool { return !slices.Contains(namespaces, one.Namespace) })
	w.parts = []surface.Part{
		{Name: partResources, Role: surface.RoleData, Format: formatList, Estimate: estimate, Spec: spec},
		{Name: partBackup, Role: surface.RoleMeta, Format: formatBackup, Spec: spec},
	}
	return nil
}

func (w *view) Token() string                    { return w.backup.Name }
func (w *view) Server() surface.Server           { return w.server }
func (w *view) Parts() []surface.Part            { return w.parts }
func (w *view) Fingerprint() surface.Fingerprint { return nil }

// Moment implements surface.Dated: when Velero began.
func (w *view) Moment() time.Time { return w.backup.Status.StartTimestamp.Time }

// Missing implements surface.Partial: the errors of a Backup that is
// PartiallyFailed, the volumes that it does not have although it was to have all
// of them, and, where it was adopted, newer ones that have failed or that should be there.
func (w *view) Missing() []string {
	out := slices.Clone(w.behind)
	if w.backup.Status.Phase == phasePartiallyFailed {
		why := w.results.Errors.few(maxLines)
		if len(why) == 0 {
			why = []string{"Backup " + w.backup.Name + " is PartiallyFailed, and does not say why"}
		}
		out = append(out, why...)
	}
	for _, one := range w.skipped {
		if w.wants(one) {
			out = append(out, one.String())
		}
	}
	return out
}

// Notes are Velero's warnings, the volumes that were left out on purpose, and
// what else is to be known of a Backup that was adopted.
func (w *view) Notes() []string {
	out := slices.Clone(w.notes)
	for _, one := range w.skipped {
		if !w.wants(one) {
			out = append(out, one.String())
		}
	}
	return append(out, w.results.Warnings.few(maxLines)...)
}

// wants reports whether the Backup was to have a volume that it does not have.
func (w *view) wants(one skipped) bool {
	all := w.backup.Spec.DefaultVolumesToFsBackup
	return all != nil && *all && !strings.Contains(one.Reason, "opted out") && !strings.Contains(one.Reason, "resource policies")
}

// Check implements surface.View: a Backup stays until somebody removes it. An
// API server that does not answer for a while takes nothing from it.
func (w *view) Check(ctx context.Context) error {
	found, err := get[backupSpec, backupStatus](ctx, w.source, backups, w.backup.Name)
	if fault.Is(err, fault.Missing) || (err == nil && (found.UID != w.backup.UID || found.Status.Phase == phaseDeleting)) {
		return fault.New(fault.Lost, "Velero's Backup %s was removed", w.backup.Name)
	}
	return nil
}

// Close implements surface.View. The Backup stays: it is the data.
func (w *view) Close() error { return nil }

// record makes the part backup.json.
func (v server) record(ctx context.Context, spec partSpec, types map[string]schema.GroupResource) (record, error) {
	probed, err := v.version(ctx)
	if err != nil {
		return record{}, err
	}
	found, err := v.Resource(backups.gvr(), v.namespace).Get(ctx, spec.Backup, metav1.GetOptions{})
	if err != nil {
		return record{}, cluster.Failure(err, "look at Backup %s", spec.Backup)
	}
	unstructured.RemoveNestedField(found.Object, "metadata", "managedFields")
	out := record{Version: probed.Version, Backup: found.Object}
	var of backup
	if err := decode(found, &of); err != nil {
		return out, err
	}
	if of.Status.Errors > 0 || of.Status.Warnings > 0 {
		if out.Results, err = v.results(ctx, targetBackupResults, spec.Backup, spec.Location); err != nil {
			return out, err
		}
	}
	volumes, err := list[volumeBackupSpec, volumeStatus](ctx, v, volumeBackups, labelBackup+"="+labelValue(spec.Backup))
	if err != nil {
		return out, err
	}
	for _, one := range volumes {
		out.Volumes = append(out.Volumes, volume{one.Spec.Pod.Namespace, one.Spec.Pod.Name, one.Spec.Volume, one.Status.Phase})
	}
	if out.Skipped, err = v.skipped(ctx, spec.Backup, spec.Location); err != nil {
		return out, err
	}
	names := map[string]bool{}
	for _, of := range types {
		names[of.String()] = true
	}
	out.Types = slices.Sorted(maps.Keys(names))
	return out, nil
}
