package gcs

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func answered(status int, reason string) error {
	return &googleapi.Error{Code: status, Message: "The service says so.\nAt length.", Errors: []googleapi.ErrorItem{{Reason: reason}}}
}

func TestFaultKinds(t *testing.T) {
	t.Parallel()
	s := &Store{name: "bucket"}
	for _, c := range []struct {
		err  error
		want fault.Kind
		says string
	}{
		{answered(401, "authError"), fault.Denied, "credentialsFile"},
		{answered(403, "forbidden"), fault.Denied, "permission"},
		{answered(403, "rateLimitExceeded"), fault.Unavailable, ""},
		{answered(403, "quotaExceeded"), fault.Exhausted, "quota"},
		{answered(403, "retentionPolicyNotMet"), fault.Denied, "kept"},
		{answered(404, "notFound"), fault.Missing, ""},
		{answered(412, "conditionNotMet"), fault.Conflict, "exists"},
		{answered(429, ""), fault.Unavailable, ""},
		{answered(503, "backendError"), fault.Unavailable, ""},
		{answered(400, "invalid"), fault.Invalid, ""},
		{fmt.Errorf("%w: %w", storage.ErrObjectNotExist, answered(404, "notFound")), fault.Missing, ""},
		{fmt.Errorf("%w: %w", storage.ErrBucketNotExist, answered(404, "notFound")), fault.Missing, "make the bucket"},
		{storage.ErrObjectNotExist, fault.Missing, ""},
		{storage.ErrBucketNotExist, fault.Missing, "make the bucket"},
		{&auth.Error{Response: &http.Response{StatusCode: http.StatusBadRequest}, Err: errors.New("invalid_grant")}, fault.Denied, "token"},
	} {
		got := s.fault(c.err, "store", "key")
		if fault.KindOf(got) != c.want || !errors.Is(got, c.err) {
			t.Errorf("%v: got %s, %v, want %s", c.err, fault.KindOf(got), got, c.want)
		}
		if text := got.Error(); !strings.HasPrefix(text, "store gs://bucket/key") || !strings.Contains(text, c.says) || strings.Contains(text, "\n") {
			t.Errorf("%v: reads %q", c.err, text)
		}
	}
}
