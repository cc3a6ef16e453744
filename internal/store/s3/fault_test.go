package s3

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// answered is an error as the SDK makes it of an answer.
func answered(status int, code string) error {
	return &smithy.OperationError{ServiceID: "S3", OperationName: "PutObject", Err: &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: "The service says so."},
		},
	}}
}

func TestFaultKinds(t *testing.T) {
	t.Parallel()
	s := &Store{bucket: aws.String("bucket")}
	for _, c := range []struct {
		status int
		code   string
		want   fault.Kind
	}{
		{403, "AccessDenied", fault.Denied},
		{403, "InvalidAccessKeyId", fault.Denied},
		{403, "SignatureDoesNotMatch", fault.Denied},
		{400, "ExpiredToken", fault.Denied},
		{403, "RequestTimeTooSkewed", fault.Denied},
		{403, "Forbidden", fault.Denied},
		{404, "NoSuchBucket", fault.Missing},
		{404, "NoSuchKey", fault.Missing},
		{404, "NotFound", fault.Missing},
		{404, "NoSuchUpload", fault.Unavailable},
		{412, "PreconditionFailed", fault.Conflict},
		{409, "ConditionalRequestConflict", fault.Conflict},
		{503, "SlowDown", fault.Unavailable},
		{500, "InternalError", fault.Unavailable},
		{502, "", fault.Unavailable},
		{429, "TooManyRequests", fault.Unavailable},
		{400, "EntityTooLarge", fault.Exhausted},
		{403, "QuotaExceeded", fault.Exhausted},
		{507, "InsufficientStorage", fault.Exhausted},
		{301, "PermanentRedirect", fault.Invalid},
		{400, "AuthorizationHeaderMalformed", fault.Invalid},
		{400, "InvalidArgument", fault.Invalid},
		{501, "NotImplemented", fault.Unsupported},
	} {
		err := answered(c.status, c.code)
		got := s.fault(err, "store", "key")
		if fault.KindOf(got) != c.want || !errors.Is(got, err) {
			t.Errorf("%s: got %s, %v, want %s", c.code, fault.KindOf(got), got, c.want)
		}
		if text := got.Error(); !strings.HasPrefix(text, "store s3://bucket/key: "+c.code) || !strings.Contains(text, "The service says so.") {
			t.Errorf("%s: reads %q", c.code, text)
		}
	}
}
