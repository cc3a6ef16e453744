package azure

import (
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	b := &Bucket{name: "container"}
	for _, c := range []struct {
		status int
		code   string
		want   fault.Kind
		says   string
	}{
		{409, "BlobArchived", fault.Unsupported, "rehydrate it first"},
		{409, "BlobBeingRehydrated", fault.Unavailable, "being rehydrated"},
		{412, "ConditionNotMet", fault.Conflict, ""},
		{404, "ContainerNotFound", fault.Missing, "make the container"},
		{403, "AuthorizationPermissionMismatch", fault.Denied, "permission"},
		{503, "ServerBusy", fault.Unavailable, ""},
	} {
		err := b.fault(&azcore.ResponseError{StatusCode: c.status, ErrorCode: c.code}, "read", "key")
		if text := err.Error(); fault.KindOf(err) != c.want || !strings.HasPrefix(text, "read azure://container/key: "+c.code) || !strings.Contains(text, c.says) {
			t.Errorf("%s: %q of kind %s, want %s", c.code, text, fault.KindOf(err), c.want)
		}
	}
}
