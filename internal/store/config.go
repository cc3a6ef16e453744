package store

import (
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Config is one store as the configuration file names it.
type Config struct {
	// Kind is s3, azure, gcs or local.
	Kind string `yaml:"kind" json:"kind"`
	// Bucket is the bucket of kinds s3 and gcs.
	Bucket string `yaml:"bucket,omitempty" json:"bucket,omitempty"`
	// Region of kind s3; default us-east-1.
	Region string `yaml:"region,omitempty" json:"region,omitempty"`
	// Endpoint is the base URL of an S3-compatible service or of a GCS emulator; empty for the public one.
	Endpoint string `yaml:"endpoint,omitempty" json:"endpoint,omitempty"`
	// PathStyle puts the bucket into the path instead of the host name. It is implied by an Endpoint of kind s3.
	PathStyle *bool `yaml:"pathStyle,omitempty" json:"pathStyle,omitempty"`
	// AccessKeyID and SecretAccessKey of kind s3; both empty means the SDK's
	// own chain (environment, profile, instance role).
	AccessKeyID     string        `yaml:"accessKeyId,omitempty" json:"accessKeyId,omitempty"`
	SecretAccessKey secret.String `yaml:"secretAccessKey,omitempty" json:"secretAccessKey,omitempty"`
	// CAFile is a PEM file with further certificate authorities to trust for this store.
	CAFile string `yaml:"caFile,omitempty" json:"caFile,omitempty"`
	// Container and ConnectionString of kind azure.
	Container        string        `yaml:"container,omitempty" json:"container,omitempty"`
	ConnectionString secret.String `yaml:"connectionString,omitempty" json:"connectionString,omitempty"`
	// CredentialsFile of kind gcs; empty means the application default credentials.
	CredentialsFile string `yaml:"credentialsFile,omitempty" json:"credentialsFile,omitempty"`
	// Dir of kind local: an absolute folder, created when missing.
	Dir string `yaml:"dir,omitempty" json:"dir,omitempty"`
	// LockDays makes every object of a new point immutable for so many days; 0
	// for none. The bucket must have object lock (s3, gcs) or the container
	// version-level immutability (azure).
	LockDays int `yaml:"lockDays,omitempty" json:"lockDays,omitempty"`
	// Prefix is put before every key, without a leading slash.
	Prefix string `yaml:"prefix,omitempty" json:"prefix,omitempty"`
}

// ValidKey reports, as a fault of kind Invalid, what makes a key unusable in
// some store: empty, longer than 900 bytes, a leading or doubled slash, a "."
// or ".." element, a control character or a backslash.
func ValidKey(key string) error {
	switch {
	case key == "":
		return fault.New(fault.Invalid, "an object key may not be empty")
	case len(key) > 900:
		return fault.New(fault.Invalid, "object key of %d bytes: at most 900 are possible", len(key))
	case strings.ContainsFunc(key, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }):
		return fault.New(fault.Invalid, "object key %q has a control character or a backslash", key)
	}
	for element := range strings.SplitSeq(key, "/") {
		if element == "" || element == "." || element == ".." {
			return fault.New(fault.Invalid, "object key %q has an empty, \".\" or \"..\" element", key)
		}
	}
	return nil
}
