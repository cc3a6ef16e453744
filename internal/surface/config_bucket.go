package surface

import (
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// The services that a bucket can be on.
const (
	BucketS3    = "s3"
	BucketAzure = "azure"
	BucketGCS   = "gcs"
)

// DefaultNoncurrentDays is for how long old versions are to be kept where the configuration doesn't say.
const DefaultNoncurrentDays = 90

// DefaultRestorePrefix is where isolated copies go in a bucket where the configuration doesn't say.
const DefaultRestorePrefix = ".lifeboat-restores/"

// Bucket is the versioned bucket of a surface of kind objects.
type Bucket struct {
	// Kind is s3, azure or gcs.
	Kind string `yaml:"kind" json:"kind"`
	// Name is the bucket of kinds s3 and gcs.
	Name string `yaml:"bucket,omitempty" json:"bucket,omitempty"`
	// Prefix limits the surface to what is below it, as a folder, without a
	// leading slash; empty means the whole bucket.
	Prefix string `yaml:"prefix,omitempty" json:"prefix,omitempty"`
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
	// Container and ConnectionString of kind azure.
	Container        string        `yaml:"container,omitempty" json:"container,omitempty"`
	ConnectionString secret.String `yaml:"connectionString,omitempty" json:"connectionString,omitempty"`
	// CredentialsFile of kind gcs; empty means the application default credentials.
	CredentialsFile string `yaml:"credentialsFile,omitempty" json:"credentialsFile,omitempty"`
	// CAFile is a PEM file with further certificate authorities to trust.
	CAFile string `yaml:"caFile,omitempty" json:"caFile,omitempty"`

	// NoncurrentDays is for how many days the bucket's lifecycle has to keep old
	// versions; default 90. With 0 nobody looks.
	NoncurrentDays *int `yaml:"noncurrentDays,omitempty" json:"noncurrentDays,omitempty"`
	// ObjectLock says that the bucket has to lock new objects by default.
	ObjectLock bool `yaml:"objectLock,omitempty" json:"objectLock,omitempty"`
	// RestoreTo is where isolated copies are made.
	RestoreTo RestoreTo `yaml:"restoreTo,omitempty" json:"restoreTo,omitzero"`
	// VerifyOnly has isolated restores copy nothing: that each object is there
	// at the version of the point is all they show.
	VerifyOnly bool `yaml:"verifyOnly,omitempty" json:"verifyOnly,omitempty"`
}

// RestoreTo is a place for copies that the same credentials reach.
type RestoreTo struct {
	// Bucket is a bucket or container on the same service; empty means the surface's own.
	Bucket string `yaml:"bucket,omitempty" json:"bucket,omitempty"`
	// Prefix is put before every key of a copy; default ".lifeboat-restores/".
	Prefix string `yaml:"prefix,omitempty" json:"prefix,omitempty"`
}

// Holder is the name of the bucket or container.
func (c *Bucket) Holder() string {
	if c.Kind == BucketAzure {
		return c.Container
	}
	return c.Name
}

// LivePrefix is what every protected key begins with: empty, or ending with a slash.
func (c *Bucket) LivePrefix() string { return folder(c.Prefix) }

// Copies is where isolated copies go, with nothing left to default.
func (c *Bucket) Copies() RestoreTo {
	to := RestoreTo{Bucket: c.RestoreTo.Bucket, Prefix: folder(c.RestoreTo.Prefix)}
	if to.Bucket == "" {
		to.Bucket = c.Holder()
	}
	if to.Prefix == "" {
		to.Prefix = DefaultRestorePrefix
	}
	return to
}

// Promised is for how many days old versions are to be kept; 0 for no promise.
func (c *Bucket) Promised() int {
	if c.NoncurrentDays == nil {
		return DefaultNoncurrentDays
	}
	return *c.NoncurrentDays
}

func folder(prefix string) string {
	if prefix = strings.TrimSuffix(prefix, "/"); prefix == "" {
		return ""
	}
	return prefix + "/"
}

func (c *Bucket) problems() []Problem {
	if !slices.Contains([]string{BucketS3, BucketAzure, BucketGCS}, c.Kind) {
		return []Problem{{"kind", "kind must be s3, azure or gcs"}}
	}
	var wrong []Problem
	for _, check := range []func() (setting, text string){
		c.holderProblem, c.foreignProblem, c.keyProblem, c.endpointProblem, c.promiseProblem,
		func() (string, string) { return prefixProblem("prefix", c.Prefix) },
		func() (string, string) { return prefixProblem("restoreTo.prefix", c.RestoreTo.Prefix) },
		c.copiesProblem,
	} {
		if setting, text := check(); text != "" {
			wrong = append(wrong, Problem{setting, text})
		}
	}
	return wrong
}

func (c *Bucket) holderProblem() (setting, text string) {
	switch {
	case c.Kind == BucketAzure && c.Container == "":
		return "container", "container is missing: kind azure needs it"
	case c.Kind == BucketAzure && c.ConnectionString == "":
		return "connectionString", "connectionString is missing: kind azure needs it"
	case c.Kind != BucketAzure && c.Name == "":
		return "bucket", "bucket is missing: kind " + c.Kind + " needs it"
	}
	return "", ""
}

// foreignProblem finds a setting that only another kind has.
func (c *Bucket) foreignProblem() (setting, text string) {
	for _, s := range []struct {
		setting string
		set     bool
		kinds   []string
	}{
		{"bucket", c.Name != "", []string{BucketS3, BucketGCS}},
		{"region", c.Region != "", []string{BucketS3}},
		{"endpoint", c.Endpoint != "", []string{BucketS3, BucketGCS}},
		{"pathStyle", c.PathStyle != nil, []string{BucketS3}},
		{"accessKeyId", c.AccessKeyID != "", []string{BucketS3}},
		{"secretAccessKey", c.SecretAccessKey != "", []string{BucketS3}},
		{"container", c.Container != "", []string{BucketAzure}},
		{"connectionString", c.ConnectionString != "", []string{BucketAzure}},
		{"credentialsFile", c.CredentialsFile != "", []string{BucketGCS}},
	} {
		if s.set && !slices.Contains(s.kinds, c.Kind) {
			return s.setting, s.setting + " means nothing for a bucket of kind " + c.Kind
		}
	}
	return "", ""
}

func (c *Bucket) keyProblem() (setting, text string) {
	switch {
	case c.Kind != BucketS3 || (c.AccessKeyID == "") == (c.SecretAccessKey == ""):
		return "", ""
	case c.AccessKeyID == "":
		return "accessKeyId", "secretAccessKey needs accessKeyId"
	default:
		return "secretAccessKey", "accessKeyId needs secretAccessKey"
	}
}

func (c *Bucket) endpointProblem() (setting, text string) {
	if c.Endpoint == "" {
		return "", ""
	}
	if _, err := transport.Endpoint(c.Endpoint); err != nil {
		return "endpoint", err.Error()
	}
	return "", ""
}

func (c *Bucket) promiseProblem() (setting, text string) {
	if c.Promised() < 0 {
		return "noncurrentDays", "noncurrentDays must be a number of days, or 0 for no promise"
	}
	return "", ""
}

func prefixProblem(setting, prefix string) (string, string) {
	switch {
	case strings.HasPrefix(prefix, "/"):
		return setting, setting + " must not begin with a slash"
	case len(prefix) > 500:
		return setting, setting + " is longer than 500 bytes"
	case strings.Contains(prefix, "//"), strings.ContainsFunc(prefix, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\\' }):
		return setting, setting + " has an empty element, a control character or a backslash"
	}
	return "", ""
}

// copiesProblem refuses copies that could not be told from what is live. Copies
// below what is live are left out of points; what is live below the copies would be lost in them.
func (c *Bucket) copiesProblem() (setting, text string) {
	to := c.Copies()
	if to.Bucket == c.Holder() && c.Holder() != "" && c.LivePrefix() != "" && strings.HasPrefix(c.LivePrefix(), to.Prefix) {
		return "restoreTo.prefix", "restoreTo.prefix must not hold what is live: " + c.LivePrefix() + " is below it"
	}
	return "", ""
}
