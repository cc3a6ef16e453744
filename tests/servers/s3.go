package servers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// S3Server is an S3-compatible service over TLS, with its data in a temporary folder.
type S3Server struct {
	*Process
	// Endpoint is its base URL, CAFile the certificate to trust.
	Endpoint, CAFile string
	AccessKeyID      string
	SecretAccessKey  secret.String
	// Client is for what a store doesn't do: making buckets, looking inside.
	Client *s3.Client

	buckets atomic.Int32
}

// S3 starts an S3-compatible service.
func S3(t testing.TB) *S3Server {
	t.Helper()
	cert, key := Certificate(t)
	dir := t.TempDir()
	data, versions := filepath.Join(dir, "data"), filepath.Join(dir, "versions")
	for _, d := range []string{data, versions} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatalf("make %s: %v", d, err)
		}
	}
	address := Address(t)
	s := &S3Server{Endpoint: "https://" + address, CAFile: cert, AccessKeyID: "test-access-key", SecretAccessKey: "test-secret-key"}
	cmd := exec.Command(Tool(t, "versitygw"), "--port", address, "--cert", cert, "--key", key, "--health", "/health", "--quiet",
		"posix", "--versioning-dir", versions, data)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.AccessKeyID, "ROOT_SECRET_KEY="+s.SecretAccessKey.Reveal())

	through, err := transport.New(transport.Options{CAFile: cert, Idle: transport.Idle})
	if err != nil {
		t.Fatalf("prepare an S3 client: %v", err)
	}
	t.Cleanup(through.CloseIdleConnections)
	client := &http.Client{Transport: through}
	s.Process = Start(t, cmd, Answering(client, s.Endpoint+"/health"))
	s.Client = s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint, UsePathStyle: true, Region: "us-east-1", HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKeyID, s.SecretAccessKey.Reveal(), ""),
	})
	return s
}

// Bucket makes a new bucket and returns the configuration of a store in it.
func (s *S3Server) Bucket(t testing.TB) store.Config {
	t.Helper()
	return s.makeBucket(t, false)
}

// LockedBucket makes a new bucket with versions and object lock.
func (s *S3Server) LockedBucket(t testing.TB) store.Config {
	t.Helper()
	return s.makeBucket(t, true)
}

func (s *S3Server) makeBucket(t testing.TB, locked bool) store.Config {
	t.Helper()
	c := store.Config{
		Kind: "s3", Bucket: "bucket-" + strconv.Itoa(int(s.buckets.Add(1))), Endpoint: s.Endpoint, CAFile: s.CAFile,
		AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey,
	}
	in := &s3.CreateBucketInput{Bucket: &c.Bucket, ObjectLockEnabledForBucket: aws.Bool(locked)}
	if _, err := s.Client.CreateBucket(context.Background(), in); err != nil {
		t.Fatalf("make bucket %s: %v", c.Bucket, err)
	}
	if locked {
		on := &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}
		_, err := s.Client.PutBucketVersioning(context.Background(), &s3.PutBucketVersioningInput{Bucket: &c.Bucket, VersioningConfiguration: on})
		if err != nil {
			t.Fatalf("switch on the versions of bucket %s: %v", c.Bucket, err)
		}
	}
	return c
}

// Proxied returns a store's configuration with its endpoint behind a proxy.
func (s *S3Server) Proxied(t testing.TB, c store.Config) (store.Config, *Proxy) {
	t.Helper()
	return behindProxy(t, c)
}

func behindProxy(t testing.TB, c store.Config) (store.Config, *Proxy) {
	t.Helper()
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		t.Fatalf("parse the endpoint %q: %v", c.Endpoint, err)
	}
	p := NewProxy(t, u.Host)
	u.Host = p.Address
	c.Endpoint = u.String()
	return c, p
}

// Answering returns a check for Start: that a GET is answered with a 2xx status.
func Answering(client *http.Client, address string) func() error {
	return func() error {
		response, err := client.Get(address)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode/100 != 2 {
			return fmt.Errorf("GET %s: %s", address, response.Status)
		}
		return nil
	}
}
