package velero

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

const (
	claimsResource  = "persistentvolumeclaims"
	volumesResource = "persistentvolumes"
)

// volumeInfo is what Velero has written down about a volume in a Backup.
type volumeInfo struct {
	Volume    string `json:"pvName"`
	Claim     string `json:"pvcName"`
	Namespace string `json:"pvcNamespace"`
	// Method is empty for a volume that Velero has left out.
	Method   string `json:"backupMethod"`
	Result   string `json:"result"`
	Snapshot struct {
		Handle string `json:"snapshotHandle"`
	} `json:"nativeSnapshotInfo"`
	Of struct {
		ReclaimPolicy string `json:"reclaimPolicy"`
	} `json:"pvInfo"`
}

// remade reports whether a restore makes a new volume, which is never the one
// that was backed up: from a snapshot, for files to come, or an empty one. Any
// other PersistentVolume Velero makes as it was, with the live volume's handle.
func (i volumeInfo) remade() bool {
	switch i.Method {
	case "NativeSnapshot":
		return i.Result == "succeeded" && i.Snapshot.Handle != ""
	case "PodVolumeBackup", "CSISnapshot":
		return true
	default:
		return i.Of.ReclaimPolicy == "Delete"
	}
}

// snapshots reports whether a Backup has snapshots of volumes by their provider.
func (r record) snapshots() bool {
	status, _ := r.Backup["status"].(map[string]any)
	count, _ := status["volumeSnapshotsCompleted"].(float64)
	return count > 0
}

// brings reports whether a restore into an environment brings volumes along,
// rather than have claims get new ones.
func (r record) brings(chosen surface.Selection) bool {
	return r.snapshots() && (len(chosen.Resources) == 0 || selects(chosen.Resources, schema.GroupResource{Resource: volumesResource}))
}

// separate refuses a Backup from which a restore would bring back a reference to
// a live volume: an environment that is removed would take its data along.
func (d destination) separate(ctx context.Context, src surface.Source, spec partSpec, of backup) error {
	r, err := src.Open(ctx, partResources)
	if err != nil {
		return err
	}
	defer r.Close()
	all, err := readList(r)
	if err != nil {
		return fault.While(err, "read part %s", partResources)
	}
	var infos []volumeInfo
	err = d.fetch(ctx, targetVolumes, of.Name, of.Spec.StorageLocation, func(r io.Reader) error {
		return fault.Wrap(fault.Unsupported, json.NewDecoder(io.LimitReader(r, maxResults)).Decode(&infos), "understand them")
	})
	if err != nil {
		return err
	}
	live := references(all["v1/PersistentVolume"], infos, spec.Namespaces)
	if len(live) == 0 {
		return nil
	}
	return fault.New(fault.Unsupported, "Backup %s has snapshots of some volumes, but of %d it has neither a snapshot nor files, such as %s: Velero would bring them back as references to the live volumes. Have them backed up, give them the reclaim policy Delete, or choose types without %s",
		of.Name, len(live), strings.Join(live[:min(maxQuoted, len(live))], ", "), volumesResource)
}

// references are the volumes of a Backup that a restore of these namespaces
// would not make anew. Of one that nothing is written about, it is not known
// whose it is.
func references(volumes []string, infos []volumeInfo, namespaces []string) []string {
	var out []string
	for _, name := range volumes {
		known, bad, of := false, false, ""
		for _, i := range infos {
			if i.Volume != name {
				continue
			}
			known = true
			if i.Namespace != "" {
				of = " of claim " + i.Namespace + "/" + i.Claim
			}
			bad = bad || (!i.remade() && (i.Namespace == "" || slices.Contains(namespaces, i.Namespace)))
		}
		if bad || !known {
			out = append(out, name+of)
		}
	}
	return out
}
