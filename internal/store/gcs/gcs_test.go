package gcs

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/storetest"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func mustOpen(t *testing.T, c store.Config, idle time.Duration) store.Store {
	t.Helper()
	s, err := open(t.Context(), c, idle)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	server := servers.GCS(t)
	t.Run("Bucket", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return mustOpen(t, server.Bucket(t), transport.Idle) })
	})
	t.Run("Versions", func(t *testing.T) {
		s := mustOpen(t, server.VersionedBucket(t), transport.Idle)
		if f, err := s.Features(t.Context()); err != nil || !f.Versions || f.ObjectLock {
			t.Errorf("features: %+v, %v", f, err)
		}
	})
	t.Run("Prefix", func(t *testing.T) {
		c := server.Bucket(t)
		storetest.Prefixes(t, func(prefix string) store.Store {
			c.Prefix = prefix
			return mustOpen(t, c, transport.Idle)
		})
	})
	t.Run("NoBucket", func(t *testing.T) {
		c := server.Bucket(t)
		c.Bucket = "never-made"
		storetest.Unusable(t, mustOpen(t, c, transport.Idle), fault.Missing)
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	storetest.RunFaults(t, func(t *testing.T) (store.Store, *servers.Proxy) {
		server := servers.GCS(t)
		c, proxy := server.Proxied(t, server.Bucket(t))
		return mustOpen(t, c, storetest.Impatient), proxy
	})
}

func TestCurtService(t *testing.T) {
	t.Parallel()
	reply := func(status int, body string) storetest.Reply {
		return storetest.Reply{Status: status, Header: "Content-Type: application/json\r\n", Body: body}
	}
	refusal := func(status int, reason string) storetest.Reply {
		return reply(status, fmt.Sprintf(`{"error": {"code": %d, "message": "No.", "errors": [{"reason": %q}]}}`, status, reason))
	}
	storetest.RunCurt(t, func(t *testing.T, address string) store.Store {
		return mustOpen(t, store.Config{Kind: "gcs", Bucket: "bucket", Endpoint: address}, transport.Idle)
	}, storetest.Script{
		Taken: refusal(http.StatusPreconditionFailed, "conditionNotMet"), Denied: refusal(http.StatusForbidden, "forbidden"),
		Found: reply(http.StatusOK, `{"name": "key", "size": "1", "generation": "1"}`), Missing: refusal(http.StatusNotFound, "notFound"),
	})
}
