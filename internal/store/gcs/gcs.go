// Package gcs is a store in a bucket of Google Cloud Storage.
package gcs

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/keyspace"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// attempts is how often a request is sent before the caller hears of its failure.
const attempts = 3

// apiPath is where the JSON API is at an endpoint that names no path.
const apiPath = "/storage/v1/"

// Store is one bucket.
type Store struct {
	bucket *storage.BucketHandle
	name   string
	keys   keyspace.Keyspace

	known    sync.Mutex
	features *store.Features
}

// Open prepares the client. Errors are of kind fault.Invalid, or fault.Denied
// when this host has no credentials.
func Open(ctx context.Context, c store.Config) (store.Store, error) {
	return open(ctx, c, transport.Idle)
}

func open(ctx context.Context, c store.Config, idle time.Duration) (store.Store, error) {
	keys, err := keyspace.New(c.Prefix)
	if err != nil {
		return nil, err
	}
	if c.Bucket == "" {
		return nil, fault.New(fault.Invalid, "a gcs store needs bucket")
	}
	base, err := transport.New(transport.Options{CAFile: c.CAFile, Idle: idle})
	if err != nil {
		return nil, err
	}
	access, err := access(c)
	if err != nil {
		return nil, err
	}
	through, err := htransport.NewTransport(ctx, base, access, option.WithScopes(storage.ScopeFullControl))
	if err != nil {
		return nil, fault.Wrap(fault.Denied, err, "find Google credentials (set credentialsFile, or give this host a service account)")
	}
	options := []option.ClientOption{option.WithHTTPClient(&http.Client{Transport: through}), storage.WithJSONReads()}
	if c.Endpoint != "" {
		endpoint, err := endpoint(c.Endpoint)
		if err != nil {
			return nil, err
		}
		options = append(options, option.WithEndpoint(endpoint))
	}
	client, err := storage.NewClient(ctx, options...)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "prepare the Google Cloud Storage client")
	}
	// Long waits are the caller's business; these bridge a broken connection.
	// A write that is repeated has the same bytes, so every call may be.
	client.SetRetry(storage.WithMaxAttempts(attempts), storage.WithPolicy(storage.RetryAlways), storage.WithErrorFunc(retryable),
		storage.WithBackoff(gax.Backoff{Initial: 200 * time.Millisecond, Max: 5 * time.Second, Multiplier: 2}))
	return &Store{bucket: client.Bucket(c.Bucket), name: c.Bucket, keys: keys}, nil
}

func retryable(err error) bool { return storage.ShouldRetry(err) || transport.Passing(err) }

// access says how requests are signed. An emulator wants no signature.
func access(c store.Config) (option.ClientOption, error) {
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

func endpoint(configured string) (string, error) {
	u, err := url.Parse(configured)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return "", fault.New(fault.Invalid, "endpoint of a gcs store must be like https://HOST:PORT, without credentials")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = apiPath
	}
	return u.String(), nil
}

// checkKey is the key of the write that Check has refused.
const checkKey = ".lifeboat-check"

// Check implements store.Store. It lists, and writes under a condition that
// can't hold: the service looks at the permission first.
func (s *Store) Check(ctx context.Context) error {
	for _, err := range s.List(ctx, store.ListOptions{}) {
		if err != nil {
			return err
		}
		break
	}
	name, err := s.keys.Key(checkKey)
	if err != nil {
		return err
	}
	w := s.bucket.Object(name).If(storage.Conditions{GenerationMatch: 1}).NewWriter(ctx)
	w.ChunkSize = 0
	if err := w.Close(); !conditionFailed(err) {
		return s.fault(err, "write to", "")
	}
	return nil
}

// Features implements store.Store.
func (s *Store) Features(ctx context.Context) (store.Features, error) {
	s.known.Lock()
	defer s.known.Unlock()
	if s.features != nil {
		return *s.features, nil
	}
	attrs, err := s.bucket.Attrs(ctx)
	if err != nil {
		return store.Features{}, s.fault(err, "read the settings of", "")
	}
	s.features = &store.Features{Versions: attrs.VersioningEnabled, ObjectLock: attrs.ObjectRetentionMode == "Enabled"}
	return *s.features, nil
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, key string) (store.Object, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return store.Object{}, err
	}
	attrs, err := s.bucket.Object(name).Attrs(ctx)
	if err != nil {
		return store.Object{}, s.fault(err, "stat", key)
	}
	return object(key, attrs), nil
}

func object(key string, attrs *storage.ObjectAttrs) store.Object {
	return store.Object{
		Key: key, Size: attrs.Size, Modified: attrs.Updated, Version: strconv.FormatInt(attrs.Generation, 10),
	}
}
