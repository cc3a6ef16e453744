// Package bucket is what a versioned bucket can do for the surface that
// protects it. Every implementation passes the suite in buckettest.
package bucket

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Bucket is one bucket or container. Its methods may be called concurrently.
// Errors are classified by package fault and name the bucket and key.
type Bucket interface {
	// Posture looks at what the bucket promises for the keys under a prefix.
	Posture(ctx context.Context, prefix string) (Posture, error)
	// Versions lists every version under a prefix: keys in ascending order of
	// their bytes, of each key the newest first, and where a key has no current
	// object, a Version that is Deleted before the others. It ends after an error.
	Versions(ctx context.Context, prefix string) iter.Seq2[Version, error]
	// Stat describes one version; an ID of "" means the current one. It answers
	// fault.Missing when there is none, or it is a delete marker.
	Stat(ctx context.Context, key, id string) (Version, error)
	// CopyFrom makes key, as its newest version, a copy of a version in a
	// bucket of the same service, which may be the same bucket. No byte passes
	// through this host. Contents and the metadata that describe them are the
	// same afterwards; it answers fault.Missing when the version is gone and
	// fault.Corrupt when the copy is not what was listed. Where v has no ID, the
	// current object is copied, if its ETag is still that of v.
	CopyFrom(ctx context.Context, from string, v Version, key string) (Version, error)
	// Put writes a small object, Get reads one: at most 1 MiB. Get answers fault.Missing.
	Put(ctx context.Context, key string, data []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
	// Hide deletes current objects as any program would: in a bucket with
	// versions they can be had back. A key without an object is fine.
	Hide(ctx context.Context, keys ...string) error
	// Destroy deletes versions, and delete markers with an ID, for good. One
	// that is gone already is fine.
	Destroy(ctx context.Context, versions ...Version) error
	// Onlookers are what is told of new objects under a prefix, or copies them
	// elsewhere: event notifications, replication; one line each.
	Onlookers(ctx context.Context, prefix string) ([]string, error)
	// Anonymous asks for an object without credentials and returns the HTTP
	// status of the answer. The object is not read.
	Anonymous(ctx context.Context, key string) (int, error)
	// In is another bucket or container of the same service, by the same credentials.
	In(name string) Bucket
	// Traits are what is the same for every bucket of the service.
	Traits() Traits
	// String is the bucket for people, such as s3://NAME.
	String() string
}

// Traits are what a service is like.
type Traits struct {
	// Product and API name the service and its protocol: Amazon S3, 2006-03-01.
	Product, API string
	// Digest is the algorithm of the digests that a copy has exactly as its
	// source has them; empty where a copy's may be other ones.
	Digest string
	// DeletesUntold is set where nobody can know when an object was deleted.
	DeletesUntold bool
	// OnlookersUnseen is set where Onlookers can't be looked at.
	OnlookersUnseen bool
	// EnableVersions is how to switch on versions, for people.
	EnableVersions string
	// Limits are what can't be looked at, one line each.
	Limits []string
}

// Version is one version of an object, or the mark of its deletion.
type Version struct {
	Key string
	// ID names the version; empty where the object has none. S3 calls what was
	// written before the bucket kept versions "null".
	ID   string
	Size int64
	// ETag is the service's, without quotes.
	ETag string
	// Digest is over the contents as ALGORITHM:HEX, where a listing has one.
	Digest string
	// Modified is when the version was made; zero of a deletion at an unknown time.
	Modified time.Time
	// Replaced is when the version ceased to be current, where a listing says so.
	Replaced time.Time
	// Current is set of the version that a reader gets who asks for none.
	Current bool
	// Deleted is set of a deletion.
	Deleted bool
}

func (v Version) String() string {
	if v.ID == "" {
		return v.Key
	}
	return fmt.Sprintf("%s version %s", v.Key, v.ID)
}

// Posture is what a bucket promises for old versions.
type Posture struct {
	// Now is the service's clock when it answered, in whole seconds or finer;
	// zero where it doesn't tell.
	Now time.Time
	// Versions says whether the bucket keeps versions.
	Versions bool
	// NoncurrentDays is after how many days the lifecycle removes a version that
	// is not current any more, the shortest where several rules hold; nil where
	// no rule does.
	NoncurrentDays *int
	// LockDays is for how long a new object can't be deleted by default; 0 for none.
	LockDays int
	// LifecycleUnknown and LockUnknown say why NoncurrentDays and LockDays could
	// not be looked at; empty where they could.
	LifecycleUnknown, LockUnknown string
}

// Expires notes that a lifecycle rule removes old versions after so many days.
// Of several rules the shortest counts.
func (p *Posture) Expires(days int) {
	if p.NoncurrentDays == nil || days < *p.NoncurrentDays {
		p.NoncurrentDays = &days
	}
}

// Overlap reports whether a rule for the keys under one prefix holds for any
// key under the other.
func Overlap(rule, prefix string) bool {
	return strings.HasPrefix(rule, prefix) || strings.HasPrefix(prefix, rule)
}

// MD5 and CRC32C are the algorithms of digests.
const (
	MD5    = "md5"
	CRC32C = "crc32c"
)

const (
	// AtOnce is how many requests whoever uses a bucket sends at the same time.
	AtOnce = 32
	// SmallLimit is the most that Get reads.
	SmallLimit = 1 << 20
)
