package gcs

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store/storetest"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestVersions(t *testing.T) {
	t.Parallel()
	server := servers.GCS(t)
	t.Run("Bucket", func(t *testing.T) {
		c := server.VersionedBucket(t)
		c.Prefix = "some/prefix"
		storetest.Versions(t, mustOpen(t, c, transport.Idle))
	})
	t.Run("WithoutVersions", func(t *testing.T) {
		storetest.NoVersions(t, mustOpen(t, server.Bucket(t), transport.Idle))
	})
	t.Run("Unusable", func(t *testing.T) {
		c, proxy := server.Proxied(t, server.VersionedBucket(t))
		proxy.Refuse()
		storetest.UnusableVersions(t, mustOpen(t, c, storetest.Impatient), "1", fault.Unavailable)
	})
}
