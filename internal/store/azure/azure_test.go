package azure

import (
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/storetest"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func mustOpen(t *testing.T, c store.Config, idle time.Duration) store.Store {
	t.Helper()
	s, err := open(c, idle)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	server := servers.Azure(t)
	t.Run("Container", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return mustOpen(t, server.Container(t), transport.Idle) })
	})
	t.Run("Prefix", func(t *testing.T) {
		c := server.Container(t)
		storetest.Prefixes(t, func(prefix string) store.Store {
			c.Prefix = prefix
			return mustOpen(t, c, transport.Idle)
		})
	})
	t.Run("NoContainer", func(t *testing.T) {
		c := server.Container(t)
		c.Container = "never-made"
		storetest.Unusable(t, mustOpen(t, c, transport.Idle), fault.Missing)
	})
	t.Run("WrongKey", func(t *testing.T) {
		c := server.WrongKey(server.Container(t))
		storetest.Unusable(t, mustOpen(t, c, transport.Idle), fault.Denied)
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	server := servers.Azure(t)
	storetest.RunFaults(t, func(t *testing.T) (store.Store, *servers.Proxy) {
		c, proxy := server.Proxied(t, server.Container(t))
		return mustOpen(t, c, storetest.Impatient), proxy
	})
}

func TestCurtService(t *testing.T) {
	t.Parallel()
	reply := func(status int, code bloberror.Code) storetest.Reply {
		return storetest.Reply{Status: status, Header: "x-ms-error-code: " + string(code) + "\r\n"}
	}
	storetest.RunCurt(t, func(t *testing.T, address string) store.Store {
		return mustOpen(t, store.Config{
			Kind: "azure", Container: "container",
			ConnectionString: secret.String("AccountName=account;AccountKey=a2V5;BlobEndpoint=" + address + "/account"),
		}, transport.Idle)
	}, storetest.Script{
		Taken: reply(http.StatusConflict, bloberror.BlobAlreadyExists), Denied: reply(http.StatusForbidden, bloberror.AuthorizationFailure),
		Found: storetest.Reply{Status: http.StatusOK}, Missing: reply(http.StatusNotFound, bloberror.BlobNotFound),
	})
}
