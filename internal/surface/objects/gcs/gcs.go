// Package gcs is a versioned bucket of Google Cloud Storage.
package gcs

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// attempts is how often a request is sent before the caller hears of its failure.
const attempts = 5

// apiPath is where the JSON API is at an endpoint that names no path.
const apiPath = "/storage/v1/"

// Bucket is one bucket.
type Bucket struct {
	client *storage.Client
	// stranger sends no credentials.
	stranger *storage.Client
	clock    *clock
	name     string
}

// Open prepares the client; nothing is sent yet. Errors are of kind
// fault.Invalid, or fault.Denied when this host has no credentials.
func Open(c surface.Bucket) (*Bucket, error) {
	base, err := transport.New(transport.Options{CAFile: c.CAFile, Idle: transport.Idle})
	if err != nil {
		return nil, err
	}
	base.MaxIdleConnsPerHost = bucket.AtOnce
	access, err := access(c)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	now := &clock{RoundTripper: base}
	through, err := htransport.NewTransport(ctx, now, access, option.WithScopes(storage.ScopeFullControl))
	if err != nil {
		return nil, fault.Wrap(fault.Denied, err, "find Google credentials (set credentialsFile, or give this host a service account)")
	}
	client, err := prepare(ctx, c, through)
	if err != nil {
		return nil, err
	}
	stranger, err := prepare(ctx, c, base)
	if err != nil {
		return nil, err
	}
	return &Bucket{client: client, stranger: stranger, clock: now, name: c.Name}, nil
}

func prepare(ctx context.Context, c surface.Bucket, through http.RoundTripper) (*storage.Client, error) {
	options := []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: through}), storage.WithJSONReads()}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil {
			return nil, fault.New(fault.Invalid, "endpoint must be like https://HOST:PORT, without credentials")
		}
		if u.Path == "" || u.Path == "/" {
			u.Path = apiPath
		}
		options = append(options, option.WithEndpoint(u.String()))
	}
	client, err := storage.NewClient(ctx, options...)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "prepare the Google Cloud Storage client")
	}
	// Long waits are the caller's business; these bridge a broken connection.
	// A write that is repeated has the same bytes, so every call may be.
	client.SetRetry(storage.WithMaxAttempts(attempts), storage.WithPolicy(storage.RetryAlways), storage.WithErrorFunc(retryable),
		storage.WithBackoff(gax.Backoff{Initial: 200 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2}))
	return client, nil
}

func retryable(err error) bool { return storage.ShouldRetry(err) || transport.Passing(err) }

// access says how requests are signed. An emulator wants no signature.
func access(c surface.Bucket) (option.ClientOption, error) {
	if c.CredentialsFile == "" {
		if c.Endpoint != "" {
			return option.WithoutAuthentication(), nil
		}
		return option.WithScopes(storage.ScopeFullControl), nil
	}
	text, err := os.ReadFile(c.CredentialsFile)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read credentialsFile")
	}
	var file struct {
		Type option.CredentialsType `json:"type"`
	}
	if err := json.Unmarshal(text, &file); err != nil || file.Type == "" {
		return nil, fault.New(fault.Invalid, "credentialsFile %s is no credentials file of Google Cloud: it has no \"type\"", c.CredentialsFile)
	}
	return option.WithAuthCredentialsJSON(file.Type, text), nil
}

// clock notes what time the service says it is.
type clock struct {
	http.RoundTripper
	last atomic.Pointer[time.Time]
}

// RoundTrip implements http.RoundTripper.
func (c *clock) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := c.RoundTripper.RoundTrip(request)
	if err == nil {
		if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
			c.last.Store(&date)
		}
	}
	return answer, err
}

// In implements bucket.Bucket.
func (b *Bucket) In(name string) bucket.Bucket {
	other := *b
	other.name = name
	return &other
}

// String implements bucket.Bucket.
func (b *Bucket) String() string { return "gs://" + b.name }

// Traits implements bucket.Bucket. Every object has a CRC32C, composed ones too,
// and a copy has that of its source.
func (b *Bucket) Traits() bucket.Traits {
	return bucket.Traits{
		Product: "Google Cloud Storage", API: "v1", Digest: bucket.CRC32C,
		EnableVersions: "gcloud storage buckets update gs://" + b.name + " --versioning",
	}
}

func (b *Bucket) handle() *storage.BucketHandle { return b.client.Bucket(b.name) }
