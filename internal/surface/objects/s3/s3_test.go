package s3

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/buckettest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func open(t *testing.T, server *servers.S3Server, name string) *Bucket {
	t.Helper()
	b, err := Open(surface.Bucket{
		Kind: surface.BucketS3, Name: name, Endpoint: server.Endpoint, CAFile: server.CAFile,
		AccessKeyID: server.AccessKeyID, SecretAccessKey: server.SecretAccessKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBucket(t *testing.T) {
	t.Parallel()
	server := servers.S3(t)
	buckettest.Run(t, buckettest.Harness{
		Bucket: open(t, server, server.LockedBucket(t).Bucket), Other: open(t, server, server.LockedBucket(t).Bucket),
		Plain: open(t, server, server.Bucket(t).Bucket), Refused: true, Marks: true, Many: 2050,
	})
	t.Run("Parts", func(t *testing.T) { inParts(t, server) })
}

// inParts copies in parts what would go in one piece, and its metadata and tags with it.
func inParts(t *testing.T, server *servers.S3Server) {
	b := open(t, server, server.LockedBucket(t).Bucket)
	contents := strings.Repeat("0123456789abcdef", 11<<20/16)
	_, err := b.client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &b.name, Key: aws.String("large"), Body: strings.NewReader(contents), ContentType: aws.String("text/x-test"),
		Metadata: map[string]string{"colour": "green"}, Tagging: aws.String("team=a+%2B"),
	})
	if err != nil {
		t.Fatal(err)
	}
	old := buckettest.List(t, b, "large")[0]
	if err := b.Put(t.Context(), "large", nil); err != nil {
		t.Fatal(err)
	}
	b.wholeLimit, b.partSize = 5<<20, 5<<20
	made, err := b.CopyFrom(t.Context(), b.name, old, "copy")
	if err != nil || made.Size != old.Size {
		t.Fatalf("%+v, %v", made, err)
	}
	head, err := b.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.name, Key: aws.String("copy")})
	if err != nil || aws.ToInt64(head.ContentLength) != int64(len(contents)) || aws.ToString(head.ContentType) != "text/x-test" || head.Metadata["colour"] != "green" {
		t.Errorf("the copy: %+v, %v", head, err)
	}
	if !strings.HasSuffix(aws.ToString(head.ETag), `-3"`) {
		t.Errorf("ETag %s: it was not copied in three parts", aws.ToString(head.ETag))
	}
	tags, err := b.client.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &b.name, Key: aws.String("copy")})
	if err != nil || len(tags.TagSet) != 1 || aws.ToString(tags.TagSet[0].Value) != "a +" {
		t.Errorf("tags of the copy: %+v, %v", tags, err)
	}
	_, err = b.CopyFrom(t.Context(), b.name, bucket.Version{Key: "large", ID: "01G65Z755AFWAKHE12NY0CQ9FH", Size: 11 << 20}, "none")
	if err == nil {
		t.Error("a version that never was is copied")
	}
}
