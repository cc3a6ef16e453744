// Package gcs is a store in a bucket of Google Cloud Storage.
package gcs

import (
	"context"
	"strconv"
	"sync"
	"time"

	"cloud.google.com/go/storage"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/google"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/keyspace"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// attempts is how often a request is sent before the caller hears of its failure.
const attempts = 3

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
	client, err := google.Connect(ctx, google.Options{
		Endpoint: c.Endpoint, CredentialsFile: c.CredentialsFile,
		Transport: transport.Options{CAFile: c.CAFile, Idle: idle}, Attempts: attempts,
	})
	if err != nil {
		return nil, err
	}
	return &Store{bucket: client.Bucket(c.Bucket), name: c.Bucket, keys: keys}, nil
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
