// Package s3 is a versioned bucket of Amazon S3, or of a service that speaks its protocol.
package s3

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

const (
	// wholeLimit is the largest object that S3 copies in one request.
	wholeLimit = 5 << 30
	// partSize is how much of a larger one it copies at once: of the 10,000 parts
	// that an object may have, each stays far below what one request may take.
	partSize = 1 << 30
)

// Bucket is one bucket.
type Bucket struct {
	client *s3.Client
	// stranger sends no credentials.
	stranger *s3.Client
	name     string
	// public is set for Amazon's own service.
	public               bool
	wholeLimit, partSize int64
}

// Open prepares the client; nothing is sent yet. Errors are of kind fault.Invalid.
func Open(c surface.Bucket) (*Bucket, error) {
	client, err := amazon.S3{
		Options: amazon.Options{
			Region: c.Region, AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey,
			Transport: transport.Options{CAFile: c.CAFile, Idle: transport.Idle, Connections: bucket.AtOnce},
			// A service asks who copies many objects at once to wait.
			Attempts: attempts, Backoff: 5 * time.Second,
		},
		Endpoint: c.Endpoint, PathStyle: c.PathStyle,
	}.Connect(context.Background())
	if err != nil {
		return nil, err
	}
	return &Bucket{
		client: client, stranger: s3.New(client.Options(), unknown),
		name: c.Name, public: c.Endpoint == "", wholeLimit: wholeLimit, partSize: partSize,
	}, nil
}

// unknown makes a client one of its own without credentials.
func unknown(o *s3.Options) { o.Credentials, o.ExpressCredentials = aws.AnonymousCredentials{}, nil }

// In implements bucket.Bucket.
func (b *Bucket) In(name string) bucket.Bucket {
	other := *b
	other.name = name
	return &other
}

// String implements bucket.Bucket.
func (b *Bucket) String() string { return "s3://" + b.name }

// Traits implements bucket.Bucket. The ETag of a copy is another one where the
// source was written in parts or is encrypted by a key of KMS, and a listing
// has no other digest.
func (b *Bucket) Traits() bucket.Traits {
	product := "S3-compatible service"
	if b.public {
		product = "Amazon S3"
	}
	return bucket.Traits{
		Product: product, API: "2006-03-01",
		EnableVersions: "aws s3api put-bucket-versioning --bucket " + b.name + " --versioning-configuration Status=Enabled",
	}
}
