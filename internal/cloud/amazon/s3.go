package amazon

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// defaultRegion is where a bucket is that says nothing else.
const defaultRegion = "us-east-1"

// S3 is Amazon's own service, or another one that speaks its protocol.
type S3 struct {
	Options
	// Endpoint is the base URL of another service; empty for Amazon's own.
	Endpoint string
	// PathStyle puts the bucket into the path instead of the host name; nil
	// means that an Endpoint has it so.
	PathStyle *bool
}

// Connect prepares a client; nothing is sent yet. Errors are of kind fault.Invalid.
func (s S3) Connect(ctx context.Context) (*s3.Client, error) {
	if s.Endpoint != "" {
		if _, err := transport.Endpoint(s.Endpoint); err != nil {
			return nil, err
		}
	}
	config, err := Configure(ctx, s.Options)
	if err != nil {
		return nil, err
	}
	return s3.NewFromConfig(config, func(o *s3.Options) {
		if o.Region == "" {
			o.Region = defaultRegion
		}
		if s.Endpoint != "" {
			o.BaseEndpoint = &s.Endpoint
		}
		o.UsePathStyle = s.Endpoint != ""
		if s.PathStyle != nil {
			o.UsePathStyle = *s.PathStyle
		}
		// Readers check digests of their own.
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	}), nil
}

// Codes of S3 that decide what happens next.
const (
	NoSuchKey    = "NoSuchKey"
	NoSuchUpload = "NoSuchUpload"
)

// S3Codes are the codes of S3 that mean the same to everybody. What a condition
// that failed means, and an archived object, is for those to say who ask.
var S3Codes = transport.Meanings{
	"AccessDenied":                 {Kind: fault.Denied, Advice: "give the access key the permission"},
	"InvalidAccessKeyId":           {Kind: fault.Denied, Advice: "correct accessKeyId"},
	"XAdminUserNotFound":           {Kind: fault.Denied, Advice: "correct accessKeyId"},
	"SignatureDoesNotMatch":        {Kind: fault.Denied, Advice: "correct secretAccessKey"},
	"ExpiredToken":                 {Kind: fault.Denied, Advice: "renew the session token"},
	"InvalidToken":                 {Kind: fault.Denied, Advice: "renew the session token"},
	"RequestTimeTooSkewed":         {Kind: fault.Denied, Advice: "set this host's clock"},
	"AuthorizationHeaderMalformed": {Kind: fault.Invalid, Advice: "correct region"},
	"PermanentRedirect":            {Kind: fault.Invalid, Advice: "correct region or endpoint"},
	"MovedPermanently":             {Kind: fault.Invalid, Advice: "correct region or endpoint"},
	"IllegalLocationConstraint":    {Kind: fault.Invalid, Advice: "correct region"},
	"InvalidBucketName":            {Kind: fault.Invalid, Advice: "correct bucket"},
	"NoSuchBucket":                 {Kind: fault.Missing, Advice: "make the bucket, or correct bucket"},
	NoSuchKey:                      {Kind: fault.Missing},
	"NoSuchVersion":                {Kind: fault.Missing},
	// An upload that is gone was swept, or completed by an attempt whose answer got lost.
	NoSuchUpload:                  {Kind: fault.Unavailable, Advice: "the upload is gone: try again"},
	"OperationAborted":            {Kind: fault.Unavailable},
	"QuotaExceeded":               {Kind: fault.Exhausted, Advice: "raise the quota"},
	"XMinioStorageFull":           {Kind: fault.Exhausted, Advice: "free space"},
	"BadDigest":                   {Kind: fault.Unavailable, Advice: "the bytes changed on their way"},
	"XAmzContentChecksumMismatch": {Kind: fault.Unavailable, Advice: "the bytes changed on their way"},
	"IncompleteBody":              {Kind: fault.Unavailable},
	"RequestTimeout":              {Kind: fault.Unavailable},
	"SlowDown":                    {Kind: fault.Unavailable},
	"InternalError":               {Kind: fault.Unavailable},
}

// Lacks reports whether an error says that a bucket or its service doesn't have
// a feature.
func Lacks(err error) bool {
	switch Code(err) {
	case "ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "NotImplemented", "MethodNotAllowed":
		return true
	}
	return false
}
