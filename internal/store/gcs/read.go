package gcs

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/google"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Get implements store.Store. The library goes on by itself where a connection breaks.
func (s *Store) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return nil, err
	}
	if offset < 0 || length == 0 {
		return store.Empty(ctx, s, key, offset, "read "+s.at(key))
	}
	r, err := s.bucket.Object(name).NewRangeReader(ctx, offset, max(length, -1))
	if google.Status(err) == http.StatusRequestedRangeNotSatisfiable {
		return store.Empty(ctx, s, key, offset, "read "+s.at(key))
	}
	if err != nil {
		return nil, s.fault(err, "read", key)
	}
	return &reading{r, s, key}, nil
}

type reading struct {
	*storage.Reader
	s   *Store
	key string
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, r.s.fault(err, "read", r.key)
}

// pageSize is how many entries a listing reads ahead.
const pageSize = 1000

// List implements store.Store.
func (s *Store) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		under, err := s.keys.Ascending(opts)
		if err != nil {
			yield(store.Entry{}, err)
			return
		}
		query := &storage.Query{Prefix: under, StartOffset: s.keys.After(opts), Projection: storage.ProjectionNoACL}
		if opts.Shallow {
			query.Delimiter = "/"
		}
		pages, more := iterator.NewPager(s.bucket.Objects(ctx, query), pageSize, ""), "more"
		for more != "" {
			var page []*storage.ObjectAttrs
			more, err = pages.NextPage(&page)
			if err != nil {
				yield(store.Entry{}, s.fault(err, "list", opts.Prefix))
				return
			}
			for _, e := range s.keys.Page(entries(page), opts) {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func entries(page []*storage.ObjectAttrs) []store.Entry {
	all := make([]store.Entry, len(page))
	for i, attrs := range page {
		if attrs.Prefix != "" {
			all[i] = store.Entry{Object: store.Object{Key: attrs.Prefix}, Dir: true}
		} else {
			all[i] = store.Entry{Object: object(attrs.Name, attrs)}
		}
	}
	return all
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	return s.keys.Each(ctx, keys, func(ctx context.Context, name, key string) error {
		err := s.bucket.Object(name).Delete(ctx)
		if errors.Is(err, storage.ErrObjectNotExist) {
			return nil
		}
		return s.fault(err, "delete", key)
	})
}

// SweepUploads implements store.Store. There is nothing to do: the service
// forgets uploads that nobody completes after a week, and lists none.
func (s *Store) SweepUploads(context.Context, string, time.Time) (int, error) { return 0, nil }
