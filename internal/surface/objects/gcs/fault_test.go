package gcs

import (
	"strings"
	"testing"

	"google.golang.org/api/googleapi"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	b := &Bucket{name: "bucket"}
	for _, c := range []struct {
		status int
		reason string
		want   fault.Kind
		ends   string
	}{
		{412, "conditionNotMet", fault.Conflict, "the object has changed"},
		{403, "forbidden", fault.Denied, "give the service account the permission"},
		{403, "rateLimitExceeded", fault.Unavailable, "(HTTP 403)"},
		{401, "authError", fault.Denied, "correct credentialsFile"},
		{404, "notFound", fault.Missing, "(HTTP 404)"},
	} {
		err := b.fault(&googleapi.Error{Code: c.status, Errors: []googleapi.ErrorItem{{Reason: c.reason}}}, "read", "key")
		if text := err.Error(); fault.KindOf(err) != c.want || !strings.HasPrefix(text, "read gs://bucket/key: "+c.reason) || !strings.HasSuffix(text, c.ends) {
			t.Errorf("%s: %q of kind %s, want %s", c.reason, text, fault.KindOf(err), c.want)
		}
	}
}
