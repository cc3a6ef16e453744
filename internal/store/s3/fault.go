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

// Codes that decide what happens next.
const (
	codeNoSuchKey    = "NoSuchKey"
	codeInvalidRange = "InvalidRange"
	codeAtOnce       = "ConditionalRequestConflict"
)

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
	"NoSuchBucket":                 {fault.Missing, "make the bucket, or correct bucket"},
	codeNoSuchKey:                  {fault.Missing, ""},
	// An upload that is gone was swept, or completed by an attempt whose answer got lost.
	"NoSuchUpload":                {fault.Unavailable, "the upload is gone: try again"},
	"PreconditionFailed":          {fault.Conflict, "the object exists already"},
	codeAtOnce:                    {fault.Conflict, ""},
	"OperationAborted":            {fault.Unavailable, ""},
	"InvalidObjectState":          {fault.Unavailable, "the object is archived: restore it to a readable storage class"},
	"EntityTooLarge":              {fault.Exhausted, ""},
	"QuotaExceeded":               {fault.Exhausted, "raise the quota"},
	"XMinioStorageFull":           {fault.Exhausted, "free space"},
	"BadDigest":                   {fault.Unavailable, "the bytes changed on their way"},
	"XAmzContentChecksumMismatch": {fault.Unavailable, "the bytes changed on their way"},
	"IncompleteBody":              {fault.Unavailable, ""},
	"RequestTimeout":              {fault.Unavailable, ""},
	"SlowDown":                    {fault.Unavailable, ""},
}

// at names a key for people.
func (s *Store) at(key string) string {
	name, err := s.keys.Under(key)
	if err != nil {
		name = key
	}
	return "s3://" + *s.bucket + "/" + name
}

// fault classifies an error and says what was being done.
func (s *Store) fault(err error, doing, key string) error {
	if err == nil {
		return nil
	}
	doing += " " + s.at(key)
	var classified *fault.Error
	var api smithy.APIError
	if errors.As(err, &classified) || !errors.As(err, &api) {
		return transport.Fault(err, doing)
	}
	status := 0
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status = response.HTTPStatusCode()
	}
	return fault.While(s.answer(api.ErrorCode(), api.ErrorMessage(), status, err), "%s", doing)
}

// answer classifies what the service said, in one line.
func (s *Store) answer(code, text string, status int, err error) error {
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

// missingIsFine drops the error that what was to be removed isn't there.
func missingIsFine(err error) error {
	switch code(err) {
	case codeNoSuchKey, "NoSuchUpload":
		return nil
	}
	return err
}
