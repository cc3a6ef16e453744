package gcs

import (
	"errors"
	"net/http"
	"strings"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// meaning is what an error stands for.
type meaning struct {
	kind   fault.Kind
	advice string
}

// byReason has the reasons whose HTTP status says too little.
var byReason = map[string]meaning{
	"rateLimitExceeded":     {fault.Unavailable, ""},
	"userRateLimitExceeded": {fault.Unavailable, ""},
	"quotaExceeded":         {fault.Exhausted, "raise the quota"},
	"accountDisabled":       {fault.Denied, "enable the project's billing"},
	"retentionPolicyNotMet": {fault.Denied, "the object is kept by a retention policy"},
	"objectUnderActiveHold": {fault.Denied, "the object is held"},
}

// byStatus has what to do about an HTTP status.
var byStatus = map[int]string{
	http.StatusUnauthorized:       "correct credentialsFile",
	http.StatusForbidden:          "give the service account the permission",
	http.StatusPreconditionFailed: "the object has changed",
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
	var api *googleapi.Error
	var token *auth.Error
	switch {
	case errors.As(err, &classified):
		return transport.Fault(err, doing)
	case errors.As(err, &api):
		return fault.While(answer(api, err), "%s", doing)
	case errors.As(err, &token) && token.Response != nil && !token.Temporary():
		refused := &transport.Answer{Status: token.Response.StatusCode, Advice: "correct credentialsFile, or the service account", Err: err}
		return fault.Wrap(fault.Denied, refused, "%s: get a token", doing)
	case errors.Is(err, storage.ErrBucketNotExist):
		return fault.Wrap(fault.Missing, err, "%s (make the bucket, or correct bucket)", doing)
	case errors.Is(err, storage.ErrObjectNotExist):
		return fault.Wrap(fault.Missing, err, "%s", doing)
	default:
		return transport.Fault(err, doing)
	}
}

// answer classifies what the service said, in one line.
func answer(api *googleapi.Error, err error) error {
	reason := ""
	if len(api.Errors) > 0 {
		reason = api.Errors[0].Reason
	}
	m, known := byReason[reason]
	if !known {
		m = meaning{transport.KindOf(api.Code), byStatus[api.Code]}
	}
	if errors.Is(err, storage.ErrBucketNotExist) {
		m.advice = "make the bucket, or correct bucket"
	}
	text, _, _ := strings.Cut(api.Message, "\n")
	return &fault.Error{Kind: m.kind, Err: &transport.Answer{
		Code: reason, Status: api.Code, Text: text, Advice: m.advice, Err: err,
	}}
}

// status is the HTTP status of an answer, 0 for other errors.
func status(err error) int {
	if api, ok := errors.AsType[*googleapi.Error](err); ok {
		return api.Code
	}
	return 0
}
