package objects

import (
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/buckettest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// service makes buckets that keep versions.
type service struct {
	bucket func(t *testing.T) surface.Bucket
	// strangers says that the service lets them in.
	strangers bool
}

// services are all three: S3 on a real server, Azure as its protocol is
// documented, Google Cloud Storage on an emulator.
func services(t *testing.T) map[string]service {
	t.Helper()
	s3, azure, gcs := servers.S3(t), buckettest.AzureAccount(t), servers.GCS(t)
	var containers atomic.Int32
	return map[string]service{
		"S3": {bucket: func(t *testing.T) surface.Bucket {
			t.Helper()
			return s3Bucket(s3, s3.LockedBucket(t).Bucket)
		}},
		"Azure": {bucket: func(t *testing.T) surface.Bucket {
			t.Helper()
			return azure.Container("container-" + strconv.Itoa(int(containers.Add(1))))
		}},
		"GCS": {strangers: true, bucket: func(t *testing.T) surface.Bucket {
			t.Helper()
			return surface.Bucket{Kind: surface.BucketGCS, Name: gcs.VersionedBucket(t).Bucket, Endpoint: gcs.Endpoint}
		}},
	}
}

func s3Bucket(server *servers.S3Server, name string) surface.Bucket {
	return surface.Bucket{
		Kind: surface.BucketS3, Name: name, Endpoint: server.Endpoint, CAFile: server.CAFile,
		AccessKeyID: server.AccessKeyID, SecretAccessKey: server.SecretAccessKey,
	}
}

func open(t *testing.T, c surface.Bucket) *Surface {
	t.Helper()
	s, err := New("files", surface.Config{Kind: surface.KindObjects, Bucket: &c})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put writes keys with contents, in turn.
func put(t testing.TB, b bucket.Bucket, keysAndContents ...string) {
	t.Helper()
	for i := 0; i < len(keysAndContents); i += 2 {
		must(t, b.Put(t.Context(), keysAndContents[i], []byte(keysAndContents[i+1])))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
