// Package s3 is a versioned bucket of Amazon S3, or of a service that speaks its protocol.
package s3

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// defaultRegion is where a bucket is that says nothing else.
const defaultRegion = "us-east-1"

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
	var badCA error
	client := awshttp.NewBuildableClient().WithReadTimeout(0).WithTransportOptions(func(t *http.Transport) {
		badCA = transport.Options{CAFile: c.CAFile, Idle: transport.Idle}.Apply(t)
		t.MaxIdleConnsPerHost = bucket.AtOnce
	})
	if badCA != nil {
		return nil, badCA
	}
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithHTTPClient(client),
		awsconfig.WithLogger(logging.Nop{}),
		// Long waits are the caller's business; these bridge a broken connection,
		// and what a service asks who copies many objects at once to wait.
		awsconfig.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff, o.RateLimiter = attempts, 5*time.Second, ratelimit.None
			})
		}),
	}
	if c.Region != "" {
		options = append(options, awsconfig.WithRegion(c.Region))
	}
	if c.AccessKeyID != "" {
		static := credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey.Reveal(), "")
		options = append(options, awsconfig.WithCredentialsProvider(static))
	}
	config, err := awsconfig.LoadDefaultConfig(context.Background(), options...)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the AWS configuration of this host")
	}
	config.Credentials = explained{config.Credentials}
	made := func(o *s3.Options) {
		if o.Region == "" {
			o.Region = defaultRegion
		}
		if c.Endpoint != "" {
			o.BaseEndpoint = &c.Endpoint
		}
		o.UsePathStyle = c.Endpoint != ""
		if c.PathStyle != nil {
			o.UsePathStyle = *c.PathStyle
		}
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	}
	return &Bucket{
		client: s3.NewFromConfig(config, made), stranger: s3.NewFromConfig(config, made, unknown),
		name: c.Name, public: c.Endpoint == "", wholeLimit: wholeLimit, partSize: partSize,
	}, nil
}

func unknown(o *s3.Options) { o.Credentials = aws.AnonymousCredentials{} }

// explained says what to do when the SDK's own chain finds no credentials.
type explained struct{ aws.CredentialsProvider }

func (e explained) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := e.CredentialsProvider.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		// An instance's role may be out of reach for a moment.
		err = fault.Wrap(fault.Unavailable, err, "find AWS credentials (set accessKeyId and secretAccessKey, or give this host a role)")
	}
	return found, err
}

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
