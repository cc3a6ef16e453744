// Package azure is a store in a container of Azure Blob Storage.
package azure

import (
	"context"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/microsoft"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/keyspace"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Store is one container.
type Store struct {
	client *container.Client
	name   string
	keys   keyspace.Keyspace

	known    sync.Mutex
	features *store.Features
}

// Open prepares the client; nothing is sent yet. Errors are of kind fault.Invalid.
func Open(_ context.Context, c store.Config) (store.Store, error) {
	return open(c, transport.Idle)
}

func open(c store.Config, idle time.Duration) (store.Store, error) {
	keys, err := keyspace.New(c.Prefix)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Container == "":
		return nil, fault.New(fault.Invalid, "an azure store needs container")
	case c.ConnectionString == "":
		return nil, fault.New(fault.Invalid, "an azure store needs connectionString")
	}
	options, err := microsoft.Configure(microsoft.Options{Transport: transport.Options{CAFile: c.CAFile, Idle: idle}, Attempts: 3})
	if err != nil {
		return nil, err
	}
	account, err := microsoft.Blobs(c.ConnectionString, options)
	if err != nil {
		return nil, err
	}
	return &Store{client: account.NewContainerClient(c.Container), name: c.Container, keys: keys}, nil
}

// checkKey is the key of the write that Check has refused.
const checkKey = ".lifeboat-check"

// Check implements store.Store. It lists, and writes under a condition that
// can't hold: the service looks at the permission first.
func (s *Store) Check(ctx context.Context) error {
	name, err := s.keys.Key(checkKey)
	if err != nil {
		return err
	}
	under, err := s.keys.Under("")
	if err != nil {
		return err
	}
	pages := s.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &under, MaxResults: new(int32(1))})
	if _, err := pages.NextPage(ctx); err != nil {
		return s.fault(err, "list", "")
	}
	_, err = s.client.NewBlockBlobClient(name).Upload(ctx, seekable(nil), &blockblob.UploadOptions{
		AccessConditions: &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{
			IfMatch: new(azcore.ETag(`"0x0"`)),
		}},
	})
	if bloberror.HasCode(err, bloberror.ConditionNotMet, bloberror.BlobNotFound) {
		return nil
	}
	return s.fault(err, "write to", "")
}

// Features implements store.Store. Versions are known of a container with
// immutable storage alone: elsewhere they are a setting of the account, which
// this protocol doesn't show.
func (s *Store) Features(ctx context.Context) (store.Features, error) {
	s.known.Lock()
	defer s.known.Unlock()
	if s.features != nil {
		return *s.features, nil
	}
	properties, err := s.client.GetProperties(ctx, nil)
	if err != nil {
		return store.Features{}, s.fault(err, "read the properties of", "")
	}
	immutable := properties.IsImmutableStorageWithVersioningEnabled
	locks := immutable != nil && *immutable
	s.features = &store.Features{Versions: locks, ObjectLock: locks}
	return *s.features, nil
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, key string) (store.Object, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return store.Object{}, err
	}
	p, err := s.client.NewBlobClient(name).GetProperties(ctx, nil)
	if err != nil {
		return store.Object{}, s.fault(err, "stat", key)
	}
	return store.Object{
		Key: key, Size: value(p.ContentLength), Modified: value(p.LastModified), Version: value(p.VersionID),
	}, nil
}

// value is what p points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return nil, err
	}
	if offset < 0 || length == 0 {
		return store.Empty(ctx, s, key, offset, "read "+s.at(key))
	}
	out, err := s.open(ctx, name, offset, length, nil)
	if bloberror.HasCode(err, bloberror.InvalidRange) {
		return store.Empty(ctx, s, key, offset, "read "+s.at(key))
	}
	if err != nil {
		return nil, s.fault(err, "read", key)
	}
	return transport.Resume(out.Body, "read "+s.at(key), offset, length, func(offset, length int64) (io.ReadCloser, error) {
		again, err := s.open(ctx, name, offset, length, out.ETag)
		if err != nil {
			return nil, s.fault(err, "read on", key)
		}
		return again.Body, nil
	}), nil
}

func (s *Store) open(ctx context.Context, name string, offset, length int64, etag *azcore.ETag) (blob.DownloadStreamResponse, error) {
	options := &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: offset, Count: max(length, blob.CountToEnd)}}
	if etag != nil {
		options.AccessConditions = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: etag}}
	}
	return s.client.NewBlobClient(name).DownloadStream(ctx, options)
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		under, err := s.keys.Ascending(opts)
		if err != nil {
			yield(store.Entry{}, err)
			return
		}
		next := s.flat(under)
		if opts.Shallow {
			next = s.shallow(under)
		}
		for {
			page, more, err := next(ctx)
			if err != nil {
				yield(store.Entry{}, s.fault(err, "list", opts.Prefix))
				return
			}
			for _, e := range s.keys.Page(page, opts) {
				if !yield(e, nil) {
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

// pager returns the next page of a listing, and whether one more comes.
type pager func(context.Context) ([]store.Entry, bool, error)

func (s *Store) flat(under string) pager {
	pages := s.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &under})
	return func(ctx context.Context) ([]store.Entry, bool, error) {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, false, err
		}
		return entries(nil, page.Segment.BlobItems), pages.More(), nil
	}
}

func (s *Store) shallow(under string) pager {
	pages := s.client.NewListBlobsHierarchyPager("/", &container.ListBlobsHierarchyOptions{Prefix: &under})
	return func(ctx context.Context) ([]store.Entry, bool, error) {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, false, err
		}
		return entries(page.Segment.BlobPrefixes, page.Segment.BlobItems), pages.More(), nil
	}
}

func entries(dirs []*container.BlobPrefix, blobs []*container.BlobItem) []store.Entry {
	all := make([]store.Entry, 0, len(dirs)+len(blobs))
	for _, d := range dirs {
		all = append(all, store.Entry{Object: store.Object{Key: value(d.Name)}, Dir: true})
	}
	for _, b := range blobs {
		if b.Properties == nil || strings.EqualFold(value(b.Properties.ResourceType), "directory") {
			// Accounts with a hierarchical namespace list folders as well.
			continue
		}
		all = append(all, store.Entry{Object: store.Object{
			Key: value(b.Name), Size: value(b.Properties.ContentLength), Modified: value(b.Properties.LastModified),
		}})
	}
	return all
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	return s.keys.Each(ctx, keys, func(ctx context.Context, name, key string) error {
		_, err := s.client.NewBlobClient(name).Delete(ctx, &blob.DeleteOptions{
			DeleteSnapshots: new(blob.DeleteSnapshotsOptionTypeInclude),
		})
		if bloberror.HasCode(err, bloberror.BlobNotFound) {
			return nil
		}
		return s.fault(err, "delete", key)
	})
}

// SweepUploads implements store.Store. There is nothing to do: the service
// forgets blocks that nobody commits after a week, and offers no way to discard
// them without writing to the key.
func (s *Store) SweepUploads(context.Context, string, time.Time) (int, error) { return 0, nil }
