package velero

import (
	"encoding/json"
	"slices"
	"testing"
)

// TestLiveVolumesAreNoticed has what Velero 1.18 writes about volumes.
func TestLiveVolumesAreNoticed(t *testing.T) {
	t.Parallel()
	var infos []volumeInfo
	err := json.Unmarshal([]byte(`[
		{"pvName": "snap", "pvcName": "a", "pvcNamespace": "shop", "backupMethod": "NativeSnapshot", "result": "succeeded", "nativeSnapshotInfo": {"snapshotHandle": "s-1"}, "pvInfo": {"reclaimPolicy": "Retain"}},
		{"pvName": "failed", "pvcName": "b", "pvcNamespace": "shop", "backupMethod": "NativeSnapshot", "result": "failed", "nativeSnapshotInfo": {"snapshotHandle": ""}, "pvInfo": {"reclaimPolicy": "Retain"}},
		{"pvName": "files", "pvcName": "c", "pvcNamespace": "shop", "backupMethod": "PodVolumeBackup", "result": "succeeded", "pvInfo": {"reclaimPolicy": "Retain"}},
		{"pvName": "csi", "pvcName": "d", "pvcNamespace": "shop", "backupMethod": "CSISnapshot", "result": "succeeded", "pvInfo": {"reclaimPolicy": "Retain"}},
		{"pvName": "kept", "pvcName": "e", "pvcNamespace": "shop", "skipped": true, "skippedReason": "opted out", "pvInfo": {"reclaimPolicy": "Retain"}},
		{"pvName": "dropped", "pvcName": "f", "pvcNamespace": "shop", "skipped": true, "pvInfo": {"reclaimPolicy": "Delete"}},
		{"pvName": "elsewhere", "pvcName": "g", "pvcNamespace": "other", "skipped": true, "pvInfo": {"reclaimPolicy": "Retain"}},
		{"pvName": "twice", "pvcName": "h", "pvcNamespace": "shop", "backupMethod": "PodVolumeBackup", "pvInfo": {}},
		{"pvName": "twice", "pvcName": "h", "pvcNamespace": "shop", "skipped": true, "pvInfo": {"reclaimPolicy": "Retain"}},
		{"pvName": "", "backupMethod": "PodVolumeBackup"}
	]`), &infos)
	if err != nil {
		t.Fatal(err)
	}
	got := references([]string{"snap", "failed", "files", "csi", "kept", "dropped", "elsewhere", "twice", "unknown"}, infos, []string{"shop"})
	want := []string{"failed of claim shop/b", "kept of claim shop/e", "twice of claim shop/h", "unknown"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	if got := references([]string{"snap", "files", "csi"}, infos, []string{"shop"}); len(got) != 0 {
		t.Errorf("volumes that are made anew are refused: %q", got)
	}
}
