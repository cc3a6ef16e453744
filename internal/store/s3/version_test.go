package s3

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/storetest"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestVersions(t *testing.T) {
	t.Parallel()
	server := servers.S3(t)
	t.Run("Bucket", func(t *testing.T) {
		c := server.LockedBucket(t)
		c.Prefix = "some/prefix"
		storetest.Versions(t, mustOpen(t, c, transport.Idle))
	})
	t.Run("WithoutVersions", func(t *testing.T) {
		storetest.NoVersions(t, mustOpen(t, server.Bucket(t), transport.Idle))
	})
	t.Run("DeletedForGood", func(t *testing.T) { deletedForGood(t, server) })
	t.Run("Unusable", func(t *testing.T) {
		c := server.LockedBucket(t)
		c.SecretAccessKey = "wrong"
		storetest.UnusableVersions(t, mustOpen(t, c, transport.Idle), "01G65Z755AFWAKHE12NY0CQ9FH", fault.Denied)
		c, proxy := server.Proxied(t, server.LockedBucket(t))
		proxy.Refuse()
		storetest.UnusableVersions(t, mustOpen(t, c, storetest.Impatient), "01G65Z755AFWAKHE12NY0CQ9FH", fault.Unavailable)
	})
}

// deletedForGood looks at a delete marker, and at a version that was removed.
func deletedForGood(t *testing.T, server *servers.S3Server) {
	c := server.LockedBucket(t)
	client := server.Client
	stores := mustOpen(t, c, transport.Idle).(store.Versioner)
	put, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &c.Bucket, Key: aws.String("key")})
	if err != nil {
		t.Fatal(err)
	}
	marker, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &c.Bucket, Key: aws.String("key")})
	if err != nil || !aws.ToBool(marker.DeleteMarker) {
		t.Fatalf("no delete marker was made: %+v, %v", marker, err)
	}
	if _, err := stores.StatVersion(t.Context(), "key", *put.VersionId); err != nil {
		t.Errorf("the version below the marker: %v", err)
	}
	if _, err := stores.StatVersion(t.Context(), "key", *marker.VersionId); fault.KindOf(err) != fault.Missing {
		t.Errorf("the delete marker: %v", err)
	}
	gone := &s3.DeleteObjectInput{Bucket: &c.Bucket, Key: aws.String("key"), VersionId: put.VersionId}
	if _, err := client.DeleteObject(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if _, err := stores.StatVersion(t.Context(), "key", *put.VersionId); fault.KindOf(err) != fault.Missing {
		t.Errorf("the removed version: %v", err)
	}
}

// TestVersionFromBefore has an object from before its bucket kept versions, as
// the service documents it; the test server does not know it by its ID.
func TestVersionFromBefore(t *testing.T) {
	t.Parallel()
	for name, answered := range map[string]string{"with versions": "null", "without": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if answered != "" {
					w.Header().Set("x-amz-version-id", answered)
				}
				w.Header().Set("Content-Length", "5")
			}))
			t.Cleanup(server.Close)
			s := mustOpen(t, store.Config{Bucket: "b", Endpoint: server.URL, AccessKeyID: "a", SecretAccessKey: "s"}, transport.Idle)
			o, err := s.(store.Versioner).StatVersion(t.Context(), "key", "null")
			if err != nil || o.Version != "null" || o.Size != 5 {
				t.Errorf("got %+v, %v", o, err)
			}
			storetest.UnusableVersions(t, s, "another", fault.Missing)
		})
	}
}

// TestHeadSaysTooLittle has answers of S3 that the test server gives otherwise,
// as the service documents them: a HEAD's error has no body.
func TestHeadSaysTooLittle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		head, get int
		code      string
		want      fault.Kind
	}{
		"malformed version": {400, 400, "InvalidArgument", fault.Missing},
		"expired token":     {400, 400, "ExpiredToken", fault.Denied},
		"delete marker":     {405, 405, "MethodNotAllowed", fault.Missing},
		"missing":           {404, 404, "NoSuchVersion", fault.Missing},
		"forbidden":         {403, 403, "AccessDenied", fault.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead {
					w.WriteHeader(c.head)
					return
				}
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(c.get)
				_, _ = w.Write([]byte("<Error><Code>" + c.code + "</Code><Message>words</Message></Error>"))
			}))
			t.Cleanup(server.Close)
			s := mustOpen(t, store.Config{Bucket: "b", Endpoint: server.URL, AccessKeyID: "a", SecretAccessKey: "s"}, transport.Idle)
			storetest.UnusableVersions(t, s, "v", c.want)
		})
	}
}
