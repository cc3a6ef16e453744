package s3

import (
	"errors"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

const codeNoSuchKey = "NoSuchKey"

// meaning is what an S3 error code stands for.
type meaning struct {
	kind   fault.Kind
	advice string
}

// meanings has the codes whose HTTP status says too little, or that have advice.
var meanings = map[string]meaning{
	"AccessDenied":                 {fault.Denied, "give the access key the permission"},
	"InvalidAccessKeyId":           {fault.Denied, "correct accessKeyId"},
	"XAdminUserNotFound":           {fault.Denied, "correct accessKeyId"},
	"SignatureDoesNotMatch":        {fault.Denied, "correct secretAccessKey"},
	"ExpiredToken":                 {fault.Denied, "renew the session token"},
	"InvalidToken":                 {fault.Denied, "renew the session token"},
	"RequestTimeTooSkewed":         {fault.Denied, "set this host's clock"},
	"AuthorizationHeaderMalformed": {fault.Invalid, "correct region"},
	"PermanentRedirect":            {fault.Invalid, "correct region or endpoint"},
	"MovedPermanently":             {fault.Invalid, "correct region or endpoint"},
	"IllegalLocationConstraint":    {fault.Invalid, "correct region"},
	"InvalidBucketName":            {fault.Invalid, "correct bucket"},
	"KeyTooLongError":              {fault.Invalid, "the key would be over 1024 bytes: shorten restoreTo.prefix"},
	"NoSuchBucket":                 {fault.Missing, "make the bucket, or correct bucket"},
	codeNoSuchKey:                  {fault.Missing, ""},
	"NoSuchVersion":                {fault.Missing, ""},
	"NoSuchUpload":                 {fault.Unavailable, "the upload is gone: try again"},
	"PreconditionFailed":           {fault.Missing, "the object has changed"},
	"OperationAborted":             {fault.Unavailable, ""},
	"InvalidObjectState":           {fault.Unsupported, "the object is archived: restore it to a readable storage class first"},
	"QuotaExceeded":                {fault.Exhausted, "raise the quota"},
	"XMinioStorageFull":            {fault.Exhausted, "free space"},
	"RequestTimeout":               {fault.Unavailable, ""},
	"SlowDown":                     {fault.Unavailable, ""},
	"InternalError":                {fault.Unavailable, ""},
}

// at names a key for people.
func (b *Bucket) at(key string) string { return b.String() + "/" + key }

// fault classifies an error and says what was being done.
func (b *Bucket) fault(err error, doing, key string) error {
	if err == nil {
		return nil
	}
	doing += " " + b.at(key)
	var classified *fault.Error
	var api smithy.APIError
	if errors.As(err, &classified) || !errors.As(err, &api) {
		return transport.Fault(err, doing)
	}
	return fault.While(answer(api.ErrorCode(), api.ErrorMessage(), statusOf(err), err), "%s", doing)
}

// answer classifies what the service said, in one line.
func answer(code, text string, status int, err error) error {
	m, known := meanings[code]
	if !known {
		m.kind = transport.KindOf(status)
	}
	if status == http.StatusForbidden && m.advice == "" {
		m.advice = "check the access key and its permissions"
	}
	return &fault.Error{Kind: m.kind, Err: &transport.Answer{
		Code: code, Status: status, Text: strings.TrimSpace(text), Advice: m.advice, Err: err,
	}}
}

// code is the service's name of an error, empty for other errors.
func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// lacks reports whether an error says that the bucket or the service doesn't
// have a feature.
func lacks(err error) bool {
	switch code(err) {
	case "ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "NotImplemented", "MethodNotAllowed":
		return true
	}
	return false
}

// statusOf is the HTTP status of an answer, 0 for other errors.
func statusOf(err error) int {
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}
