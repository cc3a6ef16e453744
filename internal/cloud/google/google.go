// Package google connects to Google Cloud Storage: for stores and surfaces alike.
package google

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"time"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// apiPath is where the JSON API is at an endpoint that names no path.
const apiPath = "/storage/v1/"

// Options say how to connect.
type Options struct {
	// Endpoint is the base URL of an emulator, which wants no credentials; empty for the public service.
	Endpoint string
	// CredentialsFile is empty for the application default credentials.
	CredentialsFile string
	Transport       transport.Options
	// Attempts is how often a request is sent before the caller hears of its failure.
	Attempts int
	// Through, if it is not nil, sees the requests as they are sent.
	Through func(http.RoundTripper) http.RoundTripper
	// Anonymous sends no credentials.
	Anonymous bool
}

// Connect prepares a client. Errors are of kind fault.Invalid, or fault.Denied
// when this host has no credentials.
func Connect(ctx context.Context, o Options) (*storage.Client, error) {
	through, err := o.signed(ctx)
	if err != nil {
		return nil, err
	}
	options := []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: through}), storage.WithJSONReads()}
	if o.Endpoint != "" {
		u, err := transport.Endpoint(o.Endpoint)
		if err != nil {
			return nil, err
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
	client.SetRetry(storage.WithMaxAttempts(o.Attempts), storage.WithPolicy(storage.RetryAlways), storage.WithErrorFunc(Retryable),
		storage.WithBackoff(gax.Backoff{Initial: 200 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2}))
	return client, nil
}

// Retryable reports whether the same request may succeed a moment later.
func Retryable(err error) bool { return storage.ShouldRetry(err) || transport.Passing(err) }

// signed is what requests are sent through.
func (o Options) signed(ctx context.Context) (http.RoundTripper, error) {
	base, err := transport.New(o.Transport)
	if err != nil {
		return nil, err
	}
	var through http.RoundTripper = base
	if o.Through != nil {
		through = o.Through(base)
	}
	if o.Anonymous {
		return through, nil
	}
	access, err := o.access()
	if err != nil {
		return nil, err
	}
	through, err = htransport.NewTransport(ctx, through, access, option.WithScopes(storage.ScopeFullControl))
	if err != nil {
		return nil, fault.Wrap(fault.Denied, err, "find Google credentials (set credentialsFile, or give this host a service account)")
	}
	return through, nil
}

// access says how requests are signed. An emulator wants no signature.
func (o Options) access() (option.ClientOption, error) {
	if o.CredentialsFile == "" {
		if o.Endpoint != "" {
			return option.WithoutAuthentication(), nil
		}
		return option.WithScopes(storage.ScopeFullControl), nil
	}
	text, err := os.ReadFile(o.CredentialsFile)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read credentialsFile")
	}
	var file struct {
		Type option.CredentialsType `json:"type"`
	}
	if err := json.Unmarshal(text, &file); err != nil || file.Type == "" {
		return nil, fault.New(fault.Invalid, "credentialsFile %s is no credentials file of Google Cloud: it has no \"type\"", o.CredentialsFile)
	}
	return option.WithAuthCredentialsJSON(file.Type, text), nil
}
