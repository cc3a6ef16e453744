package amazon

import (
	"errors"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Fault classifies an error of a service by what its codes mean, and says what
// was being done.
func Fault(err error, doing string, codes transport.Meanings) error {
	if err == nil {
		return nil
	}
	var classified *fault.Error
	var api smithy.APIError
	if errors.As(err, &classified) || !errors.As(err, &api) {
		return transport.Fault(err, doing)
	}
	return fault.While(Answer(api.ErrorCode(), api.ErrorMessage(), err, codes), "%s", doing)
}

// Answer classifies what a service said, in one line. It may be about one of
// several things that were asked for at once: then there is no err.
func Answer(code, text string, err error, codes transport.Meanings) error {
	return codes.Classify(transport.Answer{
		Code: code, Status: Status(err), Text: strings.TrimSpace(text), Err: err,
	}, map[int]string{http.StatusForbidden: "check the credentials and their permissions"})
}

// Code is the service's name of an error, empty for other errors.
func Code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// Status is the HTTP status of an answer, 0 for other errors.
func Status(err error) int {
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}
