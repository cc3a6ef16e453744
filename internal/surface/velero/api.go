package velero

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// What is used of Velero's own API, velero.io/v1. Its module has types for all
// of it, but brings its requirements with them, and writes empty fields that
// nobody has set.

const group = "velero.io"

var apiVersion = schema.GroupVersion{Group: group, Version: "v1"}

// The types, each with its kind.
var (
	backups          = resource{"backups", "Backup"}
	restores         = resource{"restores", "Restore"}
	schedules        = resource{"schedules", "Schedule"}
	locations        = resource{"backupstoragelocations", "BackupStorageLocation"}
	downloadRequests = resource{"downloadrequests", "DownloadRequest"}
	statusRequests   = resource{"serverstatusrequests", "ServerStatusRequest"}
	volumeBackups    = resource{"podvolumebackups", "PodVolumeBackup"}
	volumeRestores   = resource{"podvolumerestores", "PodVolumeRestore"}
)

type resource struct{ plural, kind string }

func (r resource) gvr() schema.GroupVersionResource { return apiVersion.WithResource(r.plural) }

// The labels by which Velero's objects, and what it restores, name each other.
const (
	labelBackup   = "velero.io/backup-name"
	labelRestore  = "velero.io/restore-name"
	labelSchedule = "velero.io/schedule-name"
)

// object is what every type has. A T is the type's spec and status.
type object[S, T any] struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              S `json:"spec"`
	Status            T `json:"status,omitzero"`
}

type (
	backup        = object[backupSpec, backupStatus]
	restore       = object[restoreSpec, restoreStatus]
	download      = object[downloadSpec, downloadStatus]
	statusRequest = object[struct{}, serverStatus]
	volumeRestore = object[volumeRestoreSpec, volumeStatus]
)

type backupSpec struct {
	IncludedNamespaces       []string              `json:"includedNamespaces,omitempty"`
	ExcludedResources        []string              `json:"excludedResources,omitempty"`
	LabelSelector            *metav1.LabelSelector `json:"labelSelector,omitempty"`
	SnapshotVolumes          *bool                 `json:"snapshotVolumes,omitempty"`
	DefaultVolumesToFsBackup *bool                 `json:"defaultVolumesToFsBackup,omitempty"`
	StorageLocation          string                `json:"storageLocation,omitempty"`
	TTL                      metav1.Duration       `json:"ttl,omitzero"`
}

type backupStatus struct {
	Phase                    string       `json:"phase,omitempty"`
	ValidationErrors         []string     `json:"validationErrors,omitempty"`
	FailureReason            string       `json:"failureReason,omitempty"`
	StartTimestamp           *metav1.Time `json:"startTimestamp,omitempty"`
	CompletionTimestamp      *metav1.Time `json:"completionTimestamp,omitempty"`
	Expiration               *metav1.Time `json:"expiration,omitempty"`
	Errors                   int          `json:"errors,omitempty"`
	Warnings                 int          `json:"warnings,omitempty"`
	VolumeSnapshotsCompleted int          `json:"volumeSnapshotsCompleted,omitempty"`
}

type restoreSpec struct {
	BackupName             string            `json:"backupName"`
	IncludedNamespaces     []string          `json:"includedNamespaces,omitempty"`
	IncludedResources      []string          `json:"includedResources,omitempty"`
	ExcludedResources      []string          `json:"excludedResources,omitempty"`
	NamespaceMapping       map[string]string `json:"namespaceMapping,omitempty"`
	RestorePVs             *bool             `json:"restorePVs,omitempty"`
	ExistingResourcePolicy string            `json:"existingResourcePolicy,omitempty"`
	ResourceModifier       *localObject      `json:"resourceModifier,omitempty"`
}

type localObject struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

type restoreStatus struct {
	Phase            string   `json:"phase,omitempty"`
	ValidationErrors []string `json:"validationErrors,omitempty"`
	FailureReason    string   `json:"failureReason,omitempty"`
	Errors           int      `json:"errors,omitempty"`
	Warnings         int      `json:"warnings,omitempty"`
}

type scheduleSpec struct {
	Schedule string     `json:"schedule"`
	Paused   bool       `json:"paused,omitempty"`
	Template backupSpec `json:"template"`
	// SkipImmediately is Velero's own to change.
	SkipImmediately *bool `json:"skipImmediately,omitempty"`
}

type scheduleStatus struct {
	Phase            string   `json:"phase,omitempty"`
	ValidationErrors []string `json:"validationErrors,omitempty"`
}

type locationSpec struct {
	Provider      string            `json:"provider"`
	Config        map[string]string `json:"config,omitempty"`
	Credential    *secretKey        `json:"credential,omitempty"`
	ObjectStorage objectStorage     `json:"objectStorage"`
	Default       bool              `json:"default,omitempty"`
	AccessMode    string            `json:"accessMode,omitempty"`
}

type objectStorage struct {
	Bucket    string     `json:"bucket"`
	Prefix    string     `json:"prefix,omitempty"`
	CACert    []byte     `json:"caCert,omitempty"`
	CACertRef *secretKey `json:"caCertRef,omitempty"`
}

type secretKey struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

type locationStatus struct {
	Phase          string       `json:"phase,omitempty"`
	Message        string       `json:"message,omitempty"`
	LastSyncedTime *metav1.Time `json:"lastSyncedTime,omitempty"`
}

type downloadSpec struct {
	Target downloadTarget `json:"target"`
}

type downloadTarget struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

type downloadStatus struct {
	Phase       string `json:"phase,omitempty"`
	DownloadURL string `json:"downloadURL,omitempty"`
}

type serverStatus struct {
	Phase         string `json:"phase,omitempty"`
	ServerVersion string `json:"serverVersion,omitempty"`
}

type podReference struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

type volumeBackupSpec struct {
	Pod    podReference `json:"pod"`
	Volume string       `json:"volume"`
}

type volumeRestoreSpec struct {
	Pod             podReference `json:"pod"`
	Volume          string       `json:"volume"`
	SourceNamespace string       `json:"sourceNamespace,omitempty"`
}

type volumeStatus struct {
	Phase   string `json:"phase,omitempty"`
	Message string `json:"message,omitempty"`
}

// The phases of Backups and Restores that are no step on the way.
const (
	phaseCompleted        = "Completed"
	phasePartiallyFailed  = "PartiallyFailed"
	phaseFailed           = "Failed"
	phaseFailedValidation = "FailedValidation"
	phaseDeleting         = "Deleting"
)

// ended reports whether a phase of a Backup or Restore is one that it stays in.
func ended(phase string) bool {
	switch phase {
	case phaseCompleted, phasePartiallyFailed, phaseFailed, phaseFailedValidation, phaseDeleting:
		return true
	default:
		return false
	}
}
