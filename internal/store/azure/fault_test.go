package azure

import (
	"errors"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestFaultKinds(t *testing.T) {
	t.Parallel()
	s := &Store{name: "container"}
	for _, c := range []struct {
		status int
		code   string
		want   fault.Kind
	}{
		{403, "AuthenticationFailed", fault.Denied},
		{403, "AuthorizationPermissionMismatch", fault.Denied},
		{401, "NoAuthenticationInformation", fault.Denied},
		{404, "ContainerNotFound", fault.Missing},
		{404, "BlobNotFound", fault.Missing},
		{409, "BlobAlreadyExists", fault.Conflict},
		{412, "ConditionNotMet", fault.Conflict},
		{400, "InvalidBlockList", fault.Unavailable},
		{409, "ContainerBeingDeleted", fault.Unavailable},
		{409, "BlobImmutableDueToPolicy", fault.Denied},
		{503, "ServerBusy", fault.Unavailable},
		{500, "InternalError", fault.Unavailable},
		{500, "OperationTimedOut", fault.Unavailable},
		{413, "RequestBodyTooLarge", fault.Exhausted},
		{400, "InvalidInput", fault.Invalid},
		{404, "", fault.Missing},
	} {
		err := &azcore.ResponseError{StatusCode: c.status, ErrorCode: c.code}
		got := s.fault(err, "store", "key")
		if fault.KindOf(got) != c.want || !errors.Is(got, err) {
			t.Errorf("%s: got %s, %v, want %s", c.code, fault.KindOf(got), got, c.want)
		}
		if text := got.Error(); !strings.HasPrefix(text, "store azure://container/key: "+c.code) || strings.Contains(text, "\n") {
			t.Errorf("%s: reads %q", c.code, text)
		}
	}
}
