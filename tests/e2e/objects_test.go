package e2e

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// filesConfig is a site that protects a versioned bucket.
const filesConfig = `listen: %LISTEN%
dataDir: %DATA%
encryption: {identity: IDENTITY}
evidence: {store: primary, key: "EVIDENCEKEY"}
stores:
  primary: {kind: local, dir: %STORE%}
surfaces:
  files: {kind: objects, bucket: BUCKET}
policies:
  files-daily: {surface: files, cron: "0 2 * * *", store: primary}
drills:
  files: {surfaces: [files], owner: ops@example.com, targets: {rto: 30m, rpo: 1h}}
`

// bucketOf writes the settings of a versioned bucket on one line.
func bucketOf(c store.Config) string {
	return fmt.Sprintf("{kind: s3, bucket: %s, prefix: uploads, endpoint: %q, caFile: %q, accessKeyId: %s, secretAccessKey: %s, noncurrentDays: 0}",
		c.Bucket, c.Endpoint, c.CAFile, c.AccessKeyID, c.SecretAccessKey.Reveal())
}

// TestObjectsGoBackToAMoment protects a bucket: its objects are snapshotted,
// rehearsed in a drill, and put back to a moment without any point.
func TestObjectsGoBackToAMoment(t *testing.T) {
	t.Parallel()
	service := servers.S3(t)
	bucket := service.LockedBucket(t)
	put := func(key, text string) {
		t.Helper()
		if _, err := service.Client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket.Bucket, Key: &key, Body: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(key string) string {
		t.Helper()
		got, err := service.Client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket.Bucket, Key: &key})
		if err != nil {
			t.Fatalf("read %s: %v", key, err)
		}
		defer got.Body.Close()
		text, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	private, _, err := seal.GenerateSigner("lifeboat-evidence")
	if err != nil {
		t.Fatal(err)
	}
	put("uploads/a.txt", "first")
	put("uploads/b.txt", "kept")
	s := newSite(t, strings.NewReplacer("IDENTITY", identity.Reveal(), "EVIDENCEKEY", private.Reveal(), "BUCKET", bucketOf(bucket)).Replace(filesConfig))
	s.start(t, "up")
	if stdout, stderr, code := s.run(t, "check"); code != 0 || !strings.Contains(stdout, "; 0 there now") {
		t.Errorf("check, which looks at where drills restore to, ended with %d: %s%s", code, stdout, stderr)
	}
	var p point
	s.ask(t, &p, "snapshot", "create", "files", "--wait")
	// The service dates versions by the second.
	time.Sleep(1100 * time.Millisecond)
	moment := time.Now()
	time.Sleep(1100 * time.Millisecond)
	put("uploads/a.txt", "overwritten")
	gone := "uploads/b.txt"
	if _, err := service.Client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket.Bucket, Key: &gone}); err != nil {
		t.Fatal(err)
	}
	d := s.drill(t, "files")
	if d.Verdict != drill.VerdictPass {
		t.Errorf("the verdict is %s: %s", d.Verdict, d.Summary)
	}
	var back struct {
		WorkflowID      string
		Objects, Copied int64
	}
	s.ask(t, &back, "objects", "restore", "files", "--at", moment.UTC().Format(time.RFC3339Nano), "--to", "/rescued/")
	if back.Objects != 2 || back.Copied != 2 || read("rescued/a.txt") != "first" || read("rescued/b.txt") != "kept" {
		t.Errorf("beside: %+v, %q", back, read("rescued/a.txt"))
	}
	s.ask(t, &back, "objects", "restore", "files", "--at", moment.UTC().Format(time.RFC3339Nano), "--in-place", "--confirm", "files", "--conflict", "update")
	if read("uploads/a.txt") != "first" || read("uploads/b.txt") != "kept" {
		t.Errorf("in place: %+v, %q", back, read("uploads/a.txt"))
	}
	s.record(t, map[string]string{"rewind": s.latest(t, workflows.RewindName), "housekeep-keeps": s.latest(t, workflows.HousekeepName)}, bucket.Bucket, "bucket")
	if _, stderr, code := s.run(t, "objects", "restore", "files", "--at", "yesterday", "--in-place"); code != 2 || !strings.Contains(stderr, "must be a time") {
		t.Errorf("a bad time ends with %d: %s", code, stderr)
	}
}
