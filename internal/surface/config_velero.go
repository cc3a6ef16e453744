package surface

import "time"

// What makes a point of a surface of kind velero.
const (
	// VeleroRunBackup makes a new Backup for each point.
	VeleroRunBackup = "backup"
	// VeleroRunAdopt takes the newest Backup that a schedule of Velero has completed.
	VeleroRunAdopt = "adopt"
)

// The providers of VeleroStorage.
const (
	VeleroS3    = "s3"
	VeleroAzure = "azure"
	VeleroGCS   = "gcs"
)

// Velero says how a surface of kind velero is backed up by Velero.
type Velero struct {
	// Namespace is where Velero runs; empty means velero.
	Namespace string `yaml:"namespace,omitempty" json:"namespace,omitempty"`
	// Storage is the BackupStorageLocation.
	Storage VeleroStorage `yaml:"storage,omitempty" json:"storage,omitzero"`
	// Schedules are kept on the cluster as SURFACE-NAME.
	Schedules map[string]VeleroSchedule `yaml:"schedules,omitempty" json:"schedules,omitempty"`
	// Run is VeleroRunBackup or VeleroRunAdopt; empty means the first.
	Run string `yaml:"run,omitempty" json:"run,omitempty"`
	// Schedule is the one whose Backups are adopted: a name of Schedules, or
	// that of a Schedule which somebody else has made.
	Schedule string `yaml:"schedule,omitempty" json:"schedule,omitempty"`
	// Backup is what the Backups of VeleroRunBackup are like.
	Backup VeleroBackup `yaml:"backup,omitempty" json:"backup,omitzero"`
	// AllowPartial accepts Backups that end as PartiallyFailed. The point then
	// is partial, and says what is missing.
	AllowPartial bool `yaml:"allowPartial,omitempty" json:"allowPartial,omitempty"`
}

// VeleroStorage is where Velero keeps its backups: a BackupStorageLocation.
type VeleroStorage struct {
	// Name is that of the location; empty means default. With nothing but a
	// name, the location is one that somebody else has made.
	Name string `yaml:"name,omitempty" json:"name,omitempty"`
	// Provider is VeleroS3, VeleroAzure or VeleroGCS.
	Provider string `yaml:"provider,omitempty" json:"provider,omitempty"`
	// Bucket is the bucket, or Azure's container; Prefix the folder in it.
	Bucket string `yaml:"bucket,omitempty" json:"bucket,omitempty"`
	Prefix string `yaml:"prefix,omitempty" json:"prefix,omitempty"`
	// CAFile has the certificates to trust, as PEM.
	CAFile string `yaml:"caFile,omitempty" json:"caFile,omitempty"`
	// Credential is a key of a Secret in Velero's namespace; empty means the
	// credentials that Velero was installed with.
	Credential VeleroCredential `yaml:"credential,omitempty" json:"credential,omitzero"`
	// AccessMode is ReadWrite or ReadOnly; empty means ReadWrite.
	AccessMode string `yaml:"accessMode,omitempty" json:"accessMode,omitempty"`
	// Default makes it the location of Backups that name none.
	Default bool `yaml:"default,omitempty" json:"default,omitempty"`

	// Region, Endpoint and PublicEndpoint are for s3. An Endpoint (as a URL) is
	// that of a service other than AWS; PublicEndpoint is the one that
	// downloads use, where Lifeboat can't reach the other.
	Region         string `yaml:"region,omitempty" json:"region,omitempty"`
	Endpoint       string `yaml:"endpoint,omitempty" json:"endpoint,omitempty"`
	PublicEndpoint string `yaml:"publicEndpoint,omitempty" json:"publicEndpoint,omitempty"`
	// ResourceGroup, StorageAccount and Subscription are for azure.
	ResourceGroup  string `yaml:"resourceGroup,omitempty" json:"resourceGroup,omitempty"`
	StorageAccount string `yaml:"storageAccount,omitempty" json:"storageAccount,omitempty"`
	Subscription   string `yaml:"subscription,omitempty" json:"subscription,omitempty"`
	// ServiceAccount is for gcs: the one that signs the URLs of downloads.
	ServiceAccount string `yaml:"serviceAccount,omitempty" json:"serviceAccount,omitempty"`
}

// VeleroCredential is a key of a Secret.
type VeleroCredential struct {
	Name string `yaml:"name" json:"name"`
	// Key is the entry of the Secret; empty means cloud.
	Key string `yaml:"key,omitempty" json:"key,omitempty"`
}

// VeleroBackup is what Backups are like.
type VeleroBackup struct {
	// RetentionDays or TTL is when Velero removes a Backup, with its data;
	// neither means 30 days.
	RetentionDays int           `yaml:"retentionDays,omitempty" json:"retentionDays,omitempty"`
	TTL           time.Duration `yaml:"ttl,omitempty" json:"ttl,omitempty"`
	// LabelSelector limits Backups to what has all these labels; empty means
	// the surface's own labelSelector.
	LabelSelector map[string]string `yaml:"labelSelector,omitempty" json:"labelSelector,omitempty"`
	// IncludeAllPVCs backs up the files of all volumes of pods; nil means true.
	IncludeAllPVCs *bool `yaml:"includeAllPVCs,omitempty" json:"includeAllPVCs,omitempty"`
	// SnapshotVolumes has the provider take snapshots of volumes; nil leaves it to Velero.
	SnapshotVolumes *bool `yaml:"snapshotVolumes,omitempty" json:"snapshotVolumes,omitempty"`
	// ExcludedResources are types that Backups leave out; nil means events. The
	// surface's own excludeResources come on top.
	ExcludedResources []string `yaml:"excludedResources,omitempty" json:"excludedResources,omitempty"`
}

// VeleroSchedule is a Schedule of Velero.
type VeleroSchedule struct {
	// Preset is one of the VeleroPresets. What is set beside it goes before it.
	Preset string `yaml:"preset,omitempty" json:"preset,omitempty"`
	// Cron has five fields, or is a name such as @daily; empty means 0 2 * * *.
	Cron string `yaml:"cron,omitempty" json:"cron,omitempty"`
	// Paused keeps the Schedule without running it.
	Paused       bool `yaml:"paused,omitempty" json:"paused,omitempty"`
	VeleroBackup `yaml:",inline"`
}

// VeleroPreset is a usual schedule.
type VeleroPreset struct {
	Cron string
	TTL  time.Duration
}

const day = 24 * time.Hour

// VeleroPresets are usual schedules, by name.
var VeleroPresets = map[string]VeleroPreset{
	"hourly":  {"0 * * * *", 48 * time.Hour},
	"daily":   {"0 2 * * *", 7 * day},
	"weekly":  {"0 3 * * 0", 30 * day},
	"support": {"0 */4 * * *", 7 * day},
}

const (
	veleroCron      = "0 2 * * *"
	veleroRetention = 30 * day
)

// Retention is after how long Velero removes a Backup.
func (b VeleroBackup) Retention() time.Duration {
	switch {
	case b.TTL > 0:
		return b.TTL
	case b.RetentionDays > 0:
		return time.Duration(b.RetentionDays) * day
	default:
		return veleroRetention
	}
}

// Expression is when the schedule runs, as cron has it.
func (s VeleroSchedule) Expression() string {
	switch {
	case s.Cron != "":
		return s.Cron
	case s.Preset != "":
		return VeleroPresets[s.Preset].Cron
	default:
		return veleroCron
	}
}

// Retention is after how long Velero removes what the schedule has made.
func (s VeleroSchedule) Retention() time.Duration {
	if s.Preset != "" && s.TTL == 0 && s.RetentionDays == 0 {
		return VeleroPresets[s.Preset].TTL
	}
	return s.VeleroBackup.Retention()
}

// Kept reports whether the configuration says what the location is like.
func (s VeleroStorage) Kept() bool { return s.Provider != "" }
