package azure

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

func TestStatesAreRead(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]managed.State{
		"Ready": managed.Available, "Provisioning": managed.Creating, "Starting": managed.Creating, "Updating": managed.Creating,
		"": managed.Creating, "Disabled": managed.Failed, "Stopped": managed.Failed, "Dropping": managed.Deleting,
	} {
		if got := state(word); got != want {
			t.Errorf("%q is read as %s, want %s", word, got, want)
		}
	}
}

func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		want   fault.Kind
	}{
		{403, "AuthorizationFailed", fault.Denied}, {409, "ServerIsBusy", fault.Unavailable}, {409, "ServerNameAlreadyExists", fault.Conflict},
		{409, "ScopeLocked", fault.Denied}, {404, "ResourceGroupNotFound", fault.Missing}, {400, "InvalidParameterValue", fault.Invalid},
		{429, "TooManyRequests", fault.Unavailable}, {503, "", fault.Unavailable},
	} {
		body := `{"error":{"code":"` + c.code + `","message":"what\nhappened"}}`
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://management.example/secret-path", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		err = (&Service{}).fault(runtime.NewResponseError(&http.Response{
			StatusCode: c.status, Request: request, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)),
		}), "restore it")
		if !fault.Is(err, c.want) || !strings.Contains(err.Error(), "what happened") || strings.Contains(err.Error(), "secret-path") {
			t.Errorf("%d %s is %q of kind %s, want kind %s", c.status, c.code, err, fault.KindOf(err), c.want)
		}
	}
}
