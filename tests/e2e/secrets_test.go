package e2e

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"google.golang.org/protobuf/proto"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestNoSecretGetsOut runs everything with secrets that can be told apart, and
// looks for them in all that is kept, logged and answered.
func TestNoSecretGetsOut(t *testing.T) {
	t.Parallel()
	pg, bucketServer := servers.Postgres(t), servers.S3(t)
	live := shop(t, pg, 10)
	c := bucketServer.Bucket(t)
	const passphrase, wrong = "a-passphrase-nobody-may-see", "a-password-that-is-wrong"
	denied, err := url.Parse(live)
	if err != nil {
		t.Fatal(err)
	}
	denied.User = url.UserPassword("postgres", wrong)
	s := onS3(t, live, c)
	s = s.with(t, "{identity: ", "{passphrase: "+passphrase+"} # ", "surfaces:\n", "surfaces:\n  denied: {kind: postgres, url: \""+denied.String()+"\"}\n")
	logged := s.startLogged(t)

	var seen bytes.Buffer
	say := func(args ...string) {
		stdout, stderr, _ := s.run(t, args...)
		seen.WriteString(stdout + stderr)
	}
	run := s.create(t)
	s.verified(t, run, live)
	say("snapshot", "create", "redis", "--wait")
	say("snapshot", "create", "denied", "--wait")
	if !strings.Contains(seen.String(), "password authentication failed") {
		t.Errorf("the wrong password was not tried: %s", seen.String())
	}
	say("-v", "check")
	say("snapshot", "list", "-o", "json")
	say("snapshot", "show", run.ID)
	var out restoredServer
	s.ask(t, &out, "snapshot", "restore", run.ID)
	restored, err := url.Parse(out.URL)
	if err != nil {
		t.Fatal(err)
	}
	say("environment", "list", "-o", "json")
	say("snapshot", "restore", run.ID, "--in-place", "--confirm", "main")
	for _, path := range []string{
		"/v1/surfaces", "/v1/surfaces/main", "/v1/surfaces/denied", "/v1/admin/snapshots", "/v1/admin/snapshots/" + run.ID,
		"/openapi.json", "/metrics", "/readyz", "/v1/surfaces/none",
	} {
		seen.WriteString(s.body(t, path))
	}
	secrets := spelled(passphrase, wrong, servers.PGPassword, servers.RedisPassword, c.SecretAccessKey.Reveal(), adminKey)
	search(t, "what was answered", seen.Bytes(), secrets)
	if password, ok := restored.User.Password(); ok {
		secrets = append(secrets, spelled(password)...)
	}
	temporal := s.temporal(t)
	ids := s.runs(t, "")
	if len(ids) < 5 {
		t.Errorf("only %d runs are known: %v", len(ids), ids)
	}
	for _, id := range ids {
		for _, event := range history(t, temporal, id, "") {
			raw, err := proto.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			search(t, "the history of "+id, raw, secrets)
		}
	}
	logged.Stop()
	// Restored servers keep their own URLs, each in a file for its owner.
	searchFiles(t, s.dataDir, secrets, "environments")
	searchBucket(t, bucketServer, c.Bucket, secrets)
	for _, name := range []string{"up.log", "data/audit.jsonl", "data/engine/temporal.sqlite"} {
		if info, err := os.Stat(filepath.Join(s.dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s was not there to be searched: %v", name, err)
		}
	}
	searchFile(t, filepath.Join(s.dir, "up.log"), secrets)
}

// startLogged runs `lifeboat up -v` with its output in a file of the site.
func (s *site) startLogged(t *testing.T) *servers.Process {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `exec "$0" -v up >"$1" 2>&1`, binary, filepath.Join(s.dir, "up.log"))
	cmd.Env = s.env
	return servers.Start(t, cmd, s.ready)
}

// spelled are secrets as they may stand in a text or a URL.
func spelled(secrets ...string) []string {
	var out []string
	for _, one := range secrets {
		out = append(out, one)
		_, inURL, _ := strings.Cut(url.UserPassword("u", one).String(), ":")
		for _, other := range []string{inURL, url.QueryEscape(one), url.PathEscape(one)} {
			if other != one {
				out = append(out, other)
			}
		}
	}
	return out
}

func search(t *testing.T, where string, raw []byte, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		if at := bytes.Index(raw, []byte(secret)); at >= 0 {
			t.Errorf("%s holds a secret: …%q", where, raw[max(0, at-100):min(len(raw), at+len(secret)+20)])
		}
	}
}

func searchFile(t *testing.T, path string, secrets []string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	search(t, path, raw, secrets)
}

// searchFiles searches a folder, except for folders that may hold secrets.
func searchFiles(t *testing.T, dir string, secrets []string, except ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && len(except) > 0 && entry.Name() == except[0]:
			return filepath.SkipDir
		case entry.Type().IsRegular():
			searchFile(t, path, secrets)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// searchBucket searches every object of a bucket.
func searchBucket(t *testing.T, server *servers.S3Server, bucket string, secrets []string) {
	t.Helper()
	ctx := context.Background()
	pages := s3.NewListObjectsV2Paginator(server.Client, &s3.ListObjectsV2Input{Bucket: &bucket})
	found := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range page.Contents {
			got, err := server.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: object.Key})
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(got.Body)
			got.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			search(t, *object.Key, raw, secrets)
			found++
		}
	}
	if found == 0 {
		t.Error("the bucket was empty")
	}
}

// body is what the API answers to a GET, whatever its status.
func (s *site) body(t *testing.T, path string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.listen+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+adminKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
