package fence

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// WrapStore returns a store that asks the fence before each operation, and
// knows the store by the name. Bodies of objects that a drill has opened are
// not asked about again. It is a store.Versioner when s is one.
func WrapStore(name string, s store.Store, f *Fence) store.Store {
	wrapped := &fenced{name: name, store: s, fence: f}
	if v, ok := s.(store.Versioner); ok {
		return &versioned{wrapped, v}
	}
	return wrapped
}

type versioned struct {
	*fenced
	versions store.Versioner
}

// StatVersion implements store.Versioner.
func (s *versioned) StatVersion(ctx context.Context, key, version string) (store.Object, error) {
	if err := s.touch(ctx); err != nil {
		return store.Object{}, err
	}
	return s.versions.StatVersion(ctx, key, version)
}

type fenced struct {
	name  string
	store store.Store
	fence *Fence
}

func (s *fenced) touch(ctx context.Context) error { return s.fence.Touch(ctx, Store, s.name) }

// Check implements store.Store.
func (s *fenced) Check(ctx context.Context) error {
	if err := s.touch(ctx); err != nil {
		return err
	}
	return s.store.Check(ctx)
}

// Put implements store.Store.
func (s *fenced) Put(ctx context.Context, key string, r io.Reader, opts store.PutOptions) (store.Object, error) {
	if err := s.touch(ctx); err != nil {
		return store.Object{}, err
	}
	return s.store.Put(ctx, key, r, opts)
}

// Get implements store.Store.
func (s *fenced) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := s.touch(ctx); err != nil {
		return nil, err
	}
	return s.store.Get(ctx, key, offset, length)
}

// Stat implements store.Store.
func (s *fenced) Stat(ctx context.Context, key string) (store.Object, error) {
	if err := s.touch(ctx); err != nil {
		return store.Object{}, err
	}
	return s.store.Stat(ctx, key)
}

// List implements store.Store.
func (s *fenced) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if err := s.touch(ctx); err != nil {
			yield(store.Entry{}, err)
			return
		}
		s.store.List(ctx, opts)(yield)
	}
}

// Delete implements store.Store.
func (s *fenced) Delete(ctx context.Context, keys ...string) error {
	if err := s.touch(ctx); err != nil {
		return err
	}
	return s.store.Delete(ctx, keys...)
}

// SweepUploads implements store.Store.
func (s *fenced) SweepUploads(ctx context.Context, prefix string, before time.Time) (int, error) {
	if err := s.touch(ctx); err != nil {
		return 0, err
	}
	return s.store.SweepUploads(ctx, prefix, before)
}

// Features implements store.Store.
func (s *fenced) Features(ctx context.Context) (store.Features, error) {
	if err := s.touch(ctx); err != nil {
		return store.Features{}, err
	}
	return s.store.Features(ctx)
}
