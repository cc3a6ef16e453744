// Package amazon connects to the services of Amazon, and to those that speak
// their protocols: for stores, surfaces and managed recoveries alike.
package amazon

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
	"github.com/aws/smithy-go/logging"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Options say how to connect.
type Options struct {
	// Region may be empty: this host's own configuration may name one.
	Region string
	// AccessKeyID and SecretAccessKey: both empty means the SDK's own chain
	// (environment, profile, instance role).
	AccessKeyID     string
	SecretAccessKey secret.String
	Transport       transport.Options
	// Attempts is how often a request is sent before the caller hears of its
	// failure, and Backoff the longest pause between two of them.
	Attempts int
	Backoff  time.Duration
}

// Configure prepares what clients of the SDK are made of; nothing is sent yet.
// Errors are of kind fault.Invalid.
func Configure(ctx context.Context, o Options) (aws.Config, error) {
	var badCA error
	// The transport watches connections by itself, also those on which it is this side that writes.
	client := awshttp.NewBuildableClient().WithReadTimeout(0).WithTransportOptions(func(t *http.Transport) {
		badCA = o.Transport.Apply(t)
	})
	if badCA != nil {
		return aws.Config{}, badCA
	}
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithHTTPClient(client),
		awsconfig.WithLogger(logging.Nop{}),
		// Long waits are the caller's business; these bridge a broken connection and a busy moment.
		awsconfig.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(s *retry.StandardOptions) {
				s.MaxAttempts, s.MaxBackoff = o.Attempts, o.Backoff
				// A quota of retries would hide, in a long outage, what fails.
				s.RateLimiter = ratelimit.None
			})
		}),
	}
	if o.Region != "" {
		options = append(options, awsconfig.WithRegion(o.Region))
	}
	if o.AccessKeyID != "" {
		static := credentials.NewStaticCredentialsProvider(o.AccessKeyID, o.SecretAccessKey.Reveal(), "")
		options = append(options, awsconfig.WithCredentialsProvider(static))
	}
	config, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fault.Wrap(fault.Invalid, err, "read the AWS configuration of this host")
	}
	config.Credentials = explained{config.Credentials}
	return config, nil
}

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
