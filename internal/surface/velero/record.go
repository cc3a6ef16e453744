package velero

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The parts of a point.
const (
	partBackup    = "backup.json"
	partResources = "resources.json"
	formatBackup  = "lifeboat-velero-backup"
	formatList    = "velero-resource-list"
)

// partSpec is the description that both parts have.
type partSpec struct {
	// Namespaces are those that the point holds.
	Namespaces []string `json:"namespaces"`
	// Backup is the name of Velero's Backup, Location that of its storage.
	Backup   string `json:"backup"`
	Location string `json:"location"`
}

func specOf(part surface.Part) (partSpec, error) {
	var spec partSpec
	if err := json.Unmarshal(part.Spec, &spec); err != nil || spec.Backup == "" {
		return spec, fault.New(fault.Corrupt, "part %s does not say which Backup of Velero it is of", part.Name)
	}
	return spec, nil
}

// InPoint implements surface.Namespaced.
func (s *Surface) InPoint(parts []surface.Part) ([]string, error) {
	for _, part := range parts {
		spec, err := specOf(part)
		return spec.Namespaces, err
	}
	return nil, fault.New(fault.Corrupt, "the point has no parts")
}

// record is the part backup.json. See docs/velero.md.
type record struct {
	// Version is that of Velero.
	Version string `json:"version"`
	// Backup is the object as it was on the cluster.
	Backup map[string]any `json:"backup"`
	// Results are its errors and warnings.
	Results results `json:"results"`
	// Volumes are those of pods whose files the Backup has.
	Volumes []volume `json:"volumes,omitempty"`
	// Skipped are claims whose volumes the Backup does not have, with the reason.
	Skipped []skipped `json:"skipped,omitempty"`
	// Types are all types of which it has anything, as PLURAL or PLURAL.GROUP.
	Types []string `json:"types"`
}

type volume struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	Volume    string `json:"volume"`
	Phase     string `json:"phase"`
}

type skipped struct {
	Namespace string `json:"pvcNamespace"`
	Claim     string `json:"pvcName"`
	Skipped   bool   `json:"skipped"`
	Reason    string `json:"skippedReason,omitempty"`
}

func (s skipped) String() string {
	return "the volume of claim " + s.Namespace + "/" + s.Claim + " is not in the backup: " + line(s.Reason)
}

// skipped asks Velero which volumes it has left out of a Backup.
func (v server) skipped(ctx context.Context, backupName, locationName string) ([]skipped, error) {
	var all []skipped
	err := v.fetch(ctx, targetVolumes, backupName, locationName, func(r io.Reader) error {
		return fault.Wrap(fault.Unsupported, json.NewDecoder(io.LimitReader(r, maxResults)).Decode(&all), "understand them")
	})
	return slices.DeleteFunc(all, func(one skipped) bool { return !one.Skipped }), err
}

// completed are the volumes of these namespaces that were backed up.
func (r record) completed(namespaces []string) []volume {
	return slices.DeleteFunc(slices.Clone(r.Volumes), func(v volume) bool {
		return v.Phase != phaseCompleted || !slices.Contains(namespaces, v.Namespace)
	})
}

// readRecord reads it from a sealed point, with the parts' description.
func readRecord(ctx context.Context, src surface.Source) (record, partSpec, error) {
	var out record
	at := slices.IndexFunc(src.Parts(), func(p surface.Part) bool { return p.Name == partBackup })
	if at < 0 {
		return out, partSpec{}, fault.New(fault.Corrupt, "the point has no part %s", partBackup)
	}
	spec, err := specOf(src.Parts()[at])
	if err != nil {
		return out, spec, err
	}
	r, err := src.Open(ctx, partBackup)
	if err != nil {
		return out, spec, err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return out, spec, fault.While(err, "read part %s", partBackup)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, spec, fault.New(fault.Corrupt, "part %s is no record of a Backup", partBackup)
	}
	return out, spec, nil
}
