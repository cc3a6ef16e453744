package transport_test

import (
	"net/http"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

func TestAnAnswerHasTheMeaningOfItsCodeAndElseOfItsStatus(t *testing.T) {
	t.Parallel()
	shared := transport.Meanings{
		"Archived": {Kind: fault.Unavailable, Advice: "wait"},
		"Busy":     {Kind: fault.Unavailable},
		"NotYours": {Kind: fault.Denied, Advice: "ask for it"},
		"NoRole":   {Kind: fault.Denied},
	}
	own := shared.With(transport.Meanings{"Archived": {Kind: fault.Unsupported, Advice: "bring it back"}})
	if shared["Archived"].Kind != fault.Unavailable {
		t.Error("what one says of a code is said of it for all")
	}
	byStatus := map[int]string{http.StatusForbidden: "give the permission"}
	for _, c := range []struct {
		answer transport.Answer
		kind   fault.Kind
		line   string
	}{
		{transport.Answer{Code: "Archived", Status: 409}, fault.Unsupported, "Archived (HTTP 409); bring it back"},
		{transport.Answer{Code: "NotYours", Status: 403}, fault.Denied, "NotYours (HTTP 403); ask for it"},
		{transport.Answer{Code: "NoRole", Status: 403}, fault.Denied, "NoRole (HTTP 403); give the permission"},
		{transport.Answer{Code: "Unheard", Status: 403, Text: "No."}, fault.Denied, "Unheard (HTTP 403), No.; give the permission"},
		// It is refused for now, and not for want of a permission.
		{transport.Answer{Code: "Busy", Status: 403}, fault.Unavailable, "Busy (HTTP 403)"},
		{transport.Answer{Status: 404}, fault.Missing, "HTTP 404"},
		{transport.Answer{Code: "Unheard"}, fault.Internal, "Unheard"},
	} {
		err := own.Classify(c.answer, byStatus)
		if fault.KindOf(err) != c.kind || err.Error() != c.line {
			t.Errorf("%+v: %q of kind %s, want %q of kind %s", c.answer, err, fault.KindOf(err), c.line, c.kind)
		}
	}
}

func TestEndpointsAreBaseURLsWithoutCredentials(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"http://127.0.0.1:9000", "https://s3.example.org", "https://gcs.example.org/storage/v1/"} {
		if u, err := transport.Endpoint(good); err != nil || u.String() != good {
			t.Errorf("%s: %v, %v", good, u, err)
		}
	}
	for _, bad := range []string{"", "host:9000", "ftp://host", "https://", "https://user:HIDDEN@host", "https://host\x7f"} {
		if _, err := transport.Endpoint(bad); !fault.Is(err, fault.Invalid) || err.Error() != "endpoint must be like https://HOST:PORT, without credentials" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
