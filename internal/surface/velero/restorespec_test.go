package velero

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

var ofPoint = partSpec{Namespaces: []string{"pay", "shop"}, Backup: "b", Location: "default"}

func TestRestoresAreWhatIsAsked(t *testing.T) {
	t.Parallel()
	drilled := cluster.Place{ID: "d-1", Namespaces: map[string]string{"shop": "d-1-shop", "pay": "d-1-pay"}}
	snapshots := record{Backup: map[string]any{"status": map[string]any{"volumeSnapshotsCompleted": 1.0}}}
	databases := record{Types: []string{"clusters.postgresql.cnpg.io", "deployments.apps", "objectstores.barmancloud.cnpg.io", "pods"}}
	for name, c := range map[string]struct {
		place  cluster.Place
		target surface.Target
		of     record
		want   string
	}{
		"where it was": {cluster.Place{}, surface.Target{Replace: true}, databases, `{"backupName": "b", "includedNamespaces": ["pay", "shop"],
			"excludedResources": ["nodes", "events", "events.events.k8s.io", "clusters.postgresql.cnpg.io"], "restorePVs": true, "existingResourcePolicy": "update"}`},
		"an environment": {drilled, surface.Target{Throwaway: true}, record{}, `{"backupName": "b", "includedNamespaces": ["pay", "shop"],
			"excludedResources": ["nodes", "events", "events.events.k8s.io", "persistentvolumes"], "restorePVs": true, "existingResourcePolicy": "none",
			"namespaceMapping": {"shop": "d-1-shop", "pay": "d-1-pay"}}`},
		"an environment, with snapshots of volumes": {drilled, surface.Target{}, snapshots, `{"backupName": "b", "includedNamespaces": ["pay", "shop"],
			"excludedResources": ["nodes", "events", "events.events.k8s.io"], "restorePVs": true, "existingResourcePolicy": "none",
			"namespaceMapping": {"shop": "d-1-shop", "pay": "d-1-pay"}}`},
		"an environment, with snapshots, but without volumes": {drilled, surface.Target{Selection: surface.Selection{Resources: []string{"pods", "persistentvolumeclaims"}}}, snapshots, `{
			"backupName": "b", "includedNamespaces": ["pay", "shop"], "includedResources": ["pods", "persistentvolumeclaims"],
			"excludedResources": ["nodes", "events", "events.events.k8s.io", "persistentvolumes"], "restorePVs": true, "existingResourcePolicy": "none",
			"namespaceMapping": {"shop": "d-1-shop", "pay": "d-1-pay"}}`},
		"some types, skipping": {
			cluster.Place{Namespaces: map[string]string{"shop": "copy", "pay": "pay"}},
			surface.Target{Conflict: surface.ConflictSkip, Replace: true, Selection: surface.Selection{Resources: []string{"secrets"}}}, record{},
			`{"backupName": "b", "includedNamespaces": ["pay", "shop"], "includedResources": ["secrets"],
			"excludedResources": ["nodes", "events", "events.events.k8s.io"], "restorePVs": true, "existingResourcePolicy": "none", "namespaceMapping": {"shop": "copy"}}`,
		},
	} {
		got, err := destination{Place: c.place}.restoreSpec(c.target, ofPoint, c.of)
		if err != nil {
			t.Fatal(err)
		}
		requireJSON(t, name, got, c.want)
	}
}

func TestPlacesThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]destination{
		"a namespace is missing": {Place: cluster.Place{ID: "d", Namespaces: map[string]string{"shop": "x"}}},
		"two into one":           {Place: cluster.Place{Namespaces: map[string]string{"shop": "pay"}}},
	} {
		if _, err := d.restoreSpec(surface.Target{}, ofPoint, record{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (destination{}).restoreSpec(surface.Target{Conflict: "explode"}, ofPoint, record{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a policy that is none: %v", err)
	}
}

func TestClaimsWithoutPodsAreRefused(t *testing.T) {
	t.Parallel()
	files := record{Volumes: []volume{{"shop", "db-0", "data", phaseCompleted}, {"elsewhere", "x", "y", phaseCompleted}, {"shop", "z", "bad", phaseFailed}}}
	choose := func(types ...string) surface.Selection { return surface.Selection{Resources: types} }
	for _, c := range []struct {
		chosen surface.Selection
		of     record
		want   fault.Kind
	}{
		{choose("persistentvolumeclaims"), files, fault.Invalid},
		{choose("statefulsets.apps", "persistentvolumeclaims", "persistentvolumes"), files, fault.Invalid},
		{choose("persistentvolumes"), files, fault.Invalid},
		{choose("pvc"), files, fault.Invalid},
		{choose("PersistentVolumeClaim"), files, fault.Invalid},
		{choose("persistentvolumeclaim"), files, fault.Invalid},
		{choose("pv"), files, fault.Invalid},
		{choose("pvc", "Pod"), files, ""},
		{choose("persistentvolumeclaims", "pods"), files, ""},
		{choose("persistentvolumeclaims"), record{Volumes: files.Volumes[1:]}, ""},
		{choose("configmaps"), files, ""},
		{surface.Selection{}, files, ""},
		{surface.Selection{Names: []string{"x"}}, files, fault.Unsupported},
		{surface.Selection{Labels: "a=b"}, files, fault.Unsupported},
		{surface.Selection{Tables: []string{"a.b"}}, files, fault.Invalid},
	} {
		err := refuse(c.chosen, ofPoint, c.of)
		if (err == nil) != (c.want == "") || (err != nil && fault.KindOf(err) != c.want) {
			t.Errorf("%+v: %v", c.chosen, err)
		}
	}
	if err := refuse(choose("persistentvolumeclaims"), ofPoint, files); err == nil || !strings.Contains(err.Error(), "files of 1 volumes (such as data of pod shop/db-0)") {
		t.Error(err)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	found := results{
		Errors: messages{
			Velero: []string{"storage\n is gone"}, Cluster: []string{`spec.x: Invalid value: "hunter\"2": must not be`},
			Namespaces: map[string][]string{"b": {"two"}, "a": {"one"}},
		},
	}
	for _, c := range []struct {
		of   outcome
		err  error
		kind fault.Kind
		text string
	}{
		{
			outcome{kind: "Backup", name: "b", phase: phasePartiallyFailed, errors: 4, warnings: 1}, nil, fault.Mismatch,
			"Velero's Backup b is PartiallyFailed (4 errors, 1 warnings): storage is gone; cluster: spec.x: Invalid value: must not be; namespace a: one; 1 more, see `velero backup describe` or `velero restore describe`",
		},
		{
			outcome{kind: "Restore", name: "r", phase: phaseFailed, reason: "no room"}, fault.New(fault.Unavailable, "no answer"), fault.Mismatch,
			"Velero's Restore r is Failed: no room (0 errors, 0 warnings): its messages can't be read: no answer",
		},
		{
			outcome{kind: "Backup", name: "b", phase: phaseFailedValidation, validation: []string{"a", "b"}}, nil, fault.Invalid,
			"Velero's Backup b is FailedValidation: a; b",
		},
		{
			outcome{kind: "Backup", name: "b", phase: phaseDeleting}, nil, fault.Lost,
			"Velero's Backup b is Deleting (0 errors, 0 warnings): storage is gone; cluster: spec.x: Invalid value: must not be; namespace a: one; 1 more, see `velero backup describe` or `velero restore describe`",
		},
	} {
		err := c.of.failure(func() (results, error) { return found, c.err })
		if err.Error() != c.text || fault.KindOf(err) != c.kind {
			t.Errorf("%s %v", fault.KindOf(err), err)
		}
	}
}

func TestPhasesThatAreTheEnd(t *testing.T) {
	t.Parallel()
	for phase, want := range map[string]bool{
		"": false, "New": false, "Queued": false, "ReadyToStart": false, "InProgress": false, "WaitingForPluginOperations": false,
		"WaitingForPluginOperationsPartiallyFailed": false, "Finalizing": false, "FinalizingPartiallyFailed": false,
		"Completed": true, "PartiallyFailed": true, "Failed": true, "FailedValidation": true, "Deleting": true,
	} {
		if ended(phase) != want {
			t.Errorf("%q: %v", phase, !want)
		}
	}
	for phase, want := range map[string]bool{
		"": false, "New": false, "Accepted": false, "Prepared": false, "InProgress": false, "Canceling": false,
		"Canceled": true, "Completed": true, "Failed": true,
	} {
		if volumeEnded(phase) != want {
			t.Errorf("volume %q: %v", phase, !want)
		}
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for version, kind := range map[string]fault.Kind{
		"v1.18.3": "", "1.16.0": "", "v2.0.0": "", "main": "", "": "", "v1.15.2": fault.Unsupported, "v0.11.0": fault.Unsupported,
	} {
		got, err := judge(version)
		if (err == nil) != (kind == "") || (err != nil && fault.KindOf(err) != kind) || got.Product != "Velero" {
			t.Errorf("%q: %+v, %v", version, got, err)
		}
	}
	if got, _ := judge("v1.18.3"); got.Version != "1.18.3" || got.Major != 1 {
		t.Errorf("%+v", got)
	}
}
