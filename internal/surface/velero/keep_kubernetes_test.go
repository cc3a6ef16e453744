//go:build kubernetes

package velero

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// veleroKeep makes, pauses, puts back and removes locations and schedules.
func veleroKeep(t *testing.T, b *bench) {
	second := b.location()
	second.Name, second.Prefix = "kept", "kept"
	both := map[string]surface.VeleroSchedule{"daily": {Preset: "daily"}, "hourly": {Preset: "hourly", Paused: true}}
	s := b.surface(t, "keep", func(v *surface.Velero) { v.Storage, v.Schedules = second, both }, "default")
	b.require(t, s, "made BackupStorageLocation kept", "made Schedule keep-daily", "made Schedule keep-hourly")
	servers.Eventually(t, "Velero takes the schedule", func() error {
		if phase := b.Phase(t.Context(), "schedules", "keep-daily"); phase != "Enabled" {
			return fmt.Errorf("it is %q", phase)
		}
		return nil
	})
	// What Velero has written of its own is no change.
	b.require(t, s)
	spec := func(name string) map[string]any {
		found := look(t, schedules.gvr(), b.Namespace, name)
		out, _, _ := unstructured.NestedMap(found.Object, "spec")
		return out
	}
	if spec("keep-daily")["schedule"] != "0 2 * * *" || spec("keep-daily")["template"].(map[string]any)["ttl"] != "168h0m0s" || spec("keep-hourly")["paused"] != true {
		t.Errorf("%v, %v", spec("keep-daily"), spec("keep-hourly"))
	}

	b.patch(t, schedules, "keep-daily", `{"spec": {"schedule": "0 5 * * *", "template": {"excludedNamespaces": ["x"]}}}`)
	b.patch(t, locations, "kept", `{"spec": {"objectStorage": {"prefix": "elsewhere"}}}`)
	b.require(t, s, "put BackupStorageLocation kept back: spec.objectStorage.prefix",
		"put Schedule keep-daily back: spec.schedule, spec.template.excludedNamespaces")
	if _, still := spec("keep-daily")["template"].(map[string]any)["excludedNamespaces"]; still {
		t.Error("what was added by hand is still there")
	}

	paused := map[string]surface.VeleroSchedule{"daily": {Preset: "daily", Paused: true}}
	s = b.surface(t, "keep", func(v *surface.Velero) { v.Storage, v.Schedules = second, paused }, "default")
	b.require(t, s, "put Schedule keep-daily back: spec.paused", "removed Schedule keep-hourly")

	theirs := "apiVersion: velero.io/v1\nkind: Schedule\nmetadata: {name: keep-theirs}\nspec: {schedule: '0 1 * * *', paused: true, template: {}}\n"
	kube.Apply(t, b.Namespace, theirs)
	wanted := map[string]surface.VeleroSchedule{"theirs": {}}
	_, err := b.surface(t, "keep", func(v *surface.Velero) { v.Schedules = wanted }, "default").Keep(t.Context())
	refused(t, err, fault.Conflict, "Schedule keep-theirs", "made by somebody else")

	bad := map[string]surface.VeleroSchedule{"bad": {Cron: "61 2 * * *"}}
	s = b.surface(t, "keep", func(v *surface.Velero) { v.Storage, v.Schedules = second, bad }, "default")
	// Velero may refuse it before Keep has come to its end.
	if changed, err := s.Keep(t.Context()); !slices.Equal(changed, []string{"made Schedule keep-bad", "removed Schedule keep-daily"}) {
		t.Errorf("%q, %v", changed, err)
	}
	servers.Eventually(t, "Velero refuses the schedule", func() error {
		if _, err := s.Keep(t.Context()); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "Velero refuses Schedule keep-bad") {
			return fmt.Errorf("it says: %w", err)
		}
		return nil
	})

	b.require(t, b.surface(t, "keep", nil, "default"), "removed Schedule keep-bad", "removed BackupStorageLocation kept")
	if found := look(t, schedules.gvr(), b.Namespace, "keep-theirs"); found.GetDeletionTimestamp() != nil {
		t.Error("what somebody else has made was removed")
	}
}

// veleroAdopt takes the Backups that a schedule of somebody else has made.
func veleroAdopt(t *testing.T, b *bench) {
	namespace, empty := kube.Namespace(t), kube.Namespace(t)
	kube.Apply(t, namespace, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, labels: {kots.io/app-slug: settlemint-dalp}}\n")
	adopting := func(v *surface.Velero) { v.Run, v.Schedule = surface.VeleroRunAdopt, "chart" }
	s := b.surface(t, "adopt", adopting, namespace)
	_, err := s.Hold(t.Context())
	refused(t, err, fault.Missing, "Schedule chart")

	// As `velero backup create --from-schedule` does it.
	const made = `
apiVersion: velero.io/v1
kind: Backup
metadata: {name: %s, labels: {velero.io/schedule-name: chart}}
spec:
  storageLocation: main
  ttl: 720h0m0s
  includedNamespaces: [%s]
  labelSelector: {matchLabels: {kots.io/app-slug: settlemint-dalp}}
`
	for _, name := range []string{"chart-1", "chart-2"} {
		kube.Apply(t, b.Namespace, fmt.Sprintf(made, name, namespace))
		servers.Eventually(t, "the Backup is Completed", func() error {
			if phase := b.Phase(t.Context(), "backups", name); phase != phaseCompleted {
				return fmt.Errorf("it is %q", phase)
			}
			return nil
		})
	}
	view, err := s.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if view.Token() != "chart-2" {
		t.Errorf("adopted %s", view.Token())
	}
	point := surfacetest.Dump(t, s, view)
	if f := point.Fingerprint(); len(f) != 1 || f[0].Name != namespace+"/configmaps/settings" {
		t.Errorf("the point has %v", f)
	}
	surfacetest.Restore(t, s, environmentOf(t, "d-adopt", namespace), point)
	_, err = b.surface(t, "adopt", adopting, namespace, empty).Hold(t.Context())
	refused(t, err, fault.Missing, "chart-2 has nothing of namespace "+empty)

	if err := kube.Client.Resource(backups.gvr(), b.Namespace).Delete(t.Context(), "chart-2", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	// Velero finds it in its storage again, as another object.
	servers.Eventually(t, "the view is lost", func() error {
		if err := view.Check(t.Context()); !fault.Is(err, fault.Lost) {
			return fmt.Errorf("it says: %w", err)
		}
		return nil
	})
}

// veleroLocation has storage that can't be reached, and none at all.
func veleroLocation(t *testing.T, b *bench) {
	none := b.location()
	none.Name, none.Bucket = "none", "no-such-bucket"
	s := b.surface(t, "nowhere", func(v *surface.Velero) { v.Storage = none }, "default")
	_, err := s.Hold(t.Context())
	refused(t, err, fault.Missing, "no BackupStorageLocation none")
	b.require(t, s, "made BackupStorageLocation none")
	servers.Eventually(t, "the location is Unavailable", func() error {
		if phase := b.Phase(t.Context(), "backupstoragelocations", "none"); phase != "Unavailable" {
			return fmt.Errorf("it is %q", phase)
		}
		return nil
	})
	servers.Eventually(t, "Velero says why", func() error {
		_, err = s.Hold(t.Context())
		if err == nil || !strings.Contains(err.Error(), "NoSuchBucket") {
			return fmt.Errorf("it says: %w", err)
		}
		return nil
	})
	refused(t, err, fault.Unavailable, "BackupStorageLocation none is Unavailable")
}

// veleroPartial has a volume that can't be backed up.
func veleroPartial(t *testing.T, b *bench) {
	namespace := application(t, 31003)
	b.agent.Fail(namespace)
	_, err := b.surface(t, "partial", nil, namespace).Hold(t.Context())
	refused(t, err, fault.Mismatch, "Velero's Backup partial-", "PartiallyFailed", "1 errors", "the disk is full")
	s := b.surface(t, "partial", func(v *surface.Velero) { v.AllowPartial = true }, namespace)
	view, err := s.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	missing := view.(surface.Partial).Missing()
	if len(missing) != 2 || !strings.Contains(missing[0], "the disk is full") {
		t.Errorf("missing: %q", missing)
	}
	point := surfacetest.Dump(t, s, view)
	if len(point.Fingerprint()) == 0 {
		t.Error("the point has nothing")
	}
}

// veleroVolumes has volumes that are not filled: one fails, one is not seen to
// be filled, and of one the record is lost.
func veleroVolumes(t *testing.T, b *bench) {
	namespace := application(t, 31004)
	s := b.surface(t, "volumes", nil, namespace)
	point := surfacetest.Take(t, s)

	failing := environmentOf(t, "d-failing", namespace)
	b.agent.Fail(placeOf(t, failing).Namespaces[namespace])
	if err := s.Begin(t.Context(), failing, point); err != nil {
		t.Fatal(err)
	}
	refused(t, surfacetest.Load(t.Context(), s, failing, point), fault.Mismatch, "Restore lifeboat-d-failing-1 is PartiallyFailed", "the disk is full")
	refused(t, s.Finish(t.Context(), failing, point), fault.Mismatch, "PartiallyFailed")

	target := environmentOf(t, "d-volumes", namespace)
	surfacetest.Restore(t, s, target, point)
	filled, err := list[volumeRestoreSpec, volumeStatus](t.Context(), b.server(t), volumeRestores, labelRestore+"=lifeboat-d-volumes-1")
	if err != nil || len(filled) != 1 {
		t.Fatalf("%d volumes were filled, %v", len(filled), err)
	}
	// Volumes lag behind the Restore.
	b.patch(t, volumeRestores, filled[0].Name, `{"status": {"phase": "Prepared"}}`)
	if err := s.Finish(t.Context(), target, point); err != nil {
		t.Error(err)
	}
	b.patch(t, volumeRestores, filled[0].Name, `{"status": {"phase": "Canceled", "message": "no node"}}`)
	refused(t, s.Finish(t.Context(), target, point), fault.Mismatch, "1 of 1 volumes were not filled", "cache of pod", "Canceled no node")
	if err := kube.Client.Resource(volumeRestores.gvr(), b.Namespace).Delete(t.Context(), filled[0].Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	refused(t, s.Finish(t.Context(), target, point), fault.Mismatch, "has filled no volume", "the files of 1")
}
