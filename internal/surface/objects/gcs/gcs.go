// Package gcs is a versioned bucket of Google Cloud Storage.
package gcs

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"cloud.google.com/go/storage"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/google"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// attempts is how often a request is sent before the caller hears of its failure.
const attempts = 5

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
	ctx, now := context.Background(), new(clock)
	options := google.Options{
		Endpoint: c.Endpoint, CredentialsFile: c.CredentialsFile, Attempts: attempts, Through: now.watch,
		Transport: transport.Options{CAFile: c.CAFile, Idle: transport.Idle, Connections: bucket.AtOnce},
	}
	client, err := google.Connect(ctx, options)
	if err != nil {
		return nil, err
	}
	options.Anonymous, options.Through = true, nil
	stranger, err := google.Connect(ctx, options)
	if err != nil {
		return nil, err
	}
	return &Bucket{client: client, stranger: stranger, clock: now, name: c.Name}, nil
}

// clock notes what time the service says it is.
type clock struct {
	http.RoundTripper
	last atomic.Pointer[time.Time]
}

func (c *clock) watch(next http.RoundTripper) http.RoundTripper {
	c.RoundTripper = next
	return c
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
