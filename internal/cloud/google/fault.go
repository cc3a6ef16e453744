package google

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

// codes has the reasons whose HTTP status says too little.
var codes = transport.Meanings{
	"rateLimitExceeded":     {Kind: fault.Unavailable},
	"userRateLimitExceeded": {Kind: fault.Unavailable},
	"quotaExceeded":         {Kind: fault.Exhausted, Advice: "raise the quota"},
	"accountDisabled":       {Kind: fault.Denied, Advice: "enable the project's billing"},
	"retentionPolicyNotMet": {Kind: fault.Denied, Advice: "the object is kept by a retention policy"},
	"objectUnderActiveHold": {Kind: fault.Denied, Advice: "the object is held"},
}

// Fault classifies an error of Cloud Storage, and says what was being done.
// Unmet is what it means that a condition failed.
func Fault(err error, doing, unmet string) error {
	if err == nil {
		return nil
	}
	var classified *fault.Error
	var api *googleapi.Error
	var token *auth.Error
	switch {
	case errors.As(err, &classified):
		return transport.Fault(err, doing)
	case errors.As(err, &api):
		return fault.While(answer(api, err, unmet), "%s", doing)
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
func answer(api *googleapi.Error, err error, unmet string) error {
	byStatus := map[int]string{
		http.StatusUnauthorized:       "correct credentialsFile",
		http.StatusForbidden:          "give the service account the permission",
		http.StatusPreconditionFailed: unmet,
	}
	if errors.Is(err, storage.ErrBucketNotExist) {
		byStatus[api.Code] = "make the bucket, or correct bucket"
	}
	a := transport.Answer{Status: api.Code, Err: err}
	a.Text, _, _ = strings.Cut(api.Message, "\n")
	if len(api.Errors) > 0 {
		a.Code = api.Errors[0].Reason
	}
	return codes.Classify(a, byStatus)
}

// Status is the HTTP status of an answer, 0 for other errors.
func Status(err error) int {
	if api, ok := errors.AsType[*googleapi.Error](err); ok {
		return api.Code
	}
	return 0
}
