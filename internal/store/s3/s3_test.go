package s3

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

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
	server := servers.S3(t)
	t.Run("Bucket", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) store.Store { return mustOpen(t, server.Bucket(t), transport.Idle) })
	})
	t.Run("Sweeps", func(t *testing.T) {
		storetest.Sweeps(t, mustOpen(t, server.Bucket(t), transport.Idle))
	})
	t.Run("Prefix", func(t *testing.T) { prefix(t, server) })
	t.Run("ObjectLock", func(t *testing.T) { objectLock(t, server) })
	t.Run("Unusable", func(t *testing.T) { unusable(t, server) })
}

func unusable(t *testing.T, server *servers.S3Server) {
	for name, c := range map[string]struct {
		change func(*store.Config)
		kind   fault.Kind
	}{
		"NoBucket":    {func(c *store.Config) { c.Bucket = "never-made" }, fault.Missing},
		"WrongSecret": {func(c *store.Config) { c.SecretAccessKey = "wrong" }, fault.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			config := server.Bucket(t)
			c.change(&config)
			storetest.Unusable(t, mustOpen(t, config, transport.Idle), c.kind)
		})
	}
	for name, c := range map[string]struct {
		change func(*store.Config)
		kind   fault.Kind
	}{
		// This server says to a HEAD by an unknown user that the object is missing.
		"WrongID":   {func(c *store.Config) { c.AccessKeyID = "wrong" }, fault.Denied},
		"Untrusted": {func(c *store.Config) { c.CAFile = "" }, fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			config := server.Bucket(t)
			c.change(&config)
			err := mustOpen(t, config, transport.Idle).Check(t.Context())
			t.Log(err)
			if fault.KindOf(err) != c.kind {
				t.Errorf("check: got %v, want %s", err, c.kind)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	server := servers.S3(t)
	storetest.RunFaults(t, func(t *testing.T) (store.Store, *servers.Proxy) {
		c, proxy := server.Proxied(t, server.Bucket(t))
		return mustOpen(t, c, storetest.Impatient), proxy
	})
}

// prefix checks that two stores in one bucket don't see each other.
func prefix(t *testing.T, server *servers.S3Server) {
	c := server.Bucket(t)
	storetest.Prefixes(t, func(prefix string) store.Store {
		c.Prefix = prefix
		return mustOpen(t, c, transport.Idle)
	})
}

func objectLock(t *testing.T, server *servers.S3Server) {
	c := server.LockedBucket(t)
	s := mustOpen(t, c, transport.Idle)
	if f, err := s.Features(t.Context()); err != nil || !f.ObjectLock || !f.Versions {
		t.Fatalf("features: %+v, %v", f, err)
	}
	until := time.Now().Add(time.Hour)
	for _, size := range []int{10, 17 << 20} {
		key := fmt.Sprintf("dir/%d", size)
		o, err := s.Put(t.Context(), key, bytes.NewReader(make([]byte, size)), store.PutOptions{RetainUntil: until, IfAbsent: true})
		if err != nil {
			t.Fatalf("put %d bytes: %v", size, err)
		}
		kept, err := server.Client.GetObjectRetention(t.Context(), &s3.GetObjectRetentionInput{Bucket: &c.Bucket, Key: &key})
		if err != nil {
			t.Fatalf("read the retention: %v", err)
		}
		if r := kept.Retention; r.Mode != types.ObjectLockRetentionModeCompliance || r.RetainUntilDate.Sub(until).Abs() > time.Second {
			t.Errorf("%d bytes are kept as %s until %v", size, r.Mode, r.RetainUntilDate)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("delete: %v", err)
		}
		if _, err := s.Stat(t.Context(), key); fault.KindOf(err) != fault.Missing {
			t.Errorf("stat after delete: %v", err)
		}
		version := &s3.DeleteObjectInput{Bucket: &c.Bucket, Key: &key, VersionId: &o.Version, BypassGovernanceRetention: aws.Bool(true)}
		if _, err := server.Client.DeleteObject(t.Context(), version); err == nil {
			t.Error("the version could be deleted for good")
		}
	}
}

func TestCurtService(t *testing.T) {
	t.Parallel()
	refusal := func(status int, code string) storetest.Reply {
		return storetest.Reply{Status: status, Header: "Content-Type: application/xml\r\n", Body: "<Error><Code>" + code + "</Code><Message>No.</Message></Error>"}
	}
	storetest.RunCurt(t, func(t *testing.T, address string) store.Store {
		return mustOpen(t, store.Config{Kind: "s3", Bucket: "bucket", Endpoint: address, AccessKeyID: "id", SecretAccessKey: "secret"}, transport.Idle)
	}, storetest.Script{
		Taken: refusal(http.StatusPreconditionFailed, "PreconditionFailed"), Denied: refusal(http.StatusForbidden, "AccessDenied"),
		Found: storetest.Reply{Status: http.StatusOK}, Missing: storetest.Reply{Status: http.StatusNotFound},
	})
}
