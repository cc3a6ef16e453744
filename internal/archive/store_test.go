package archive

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// memory is a store in memory whose misbehaviour a test can choose.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte

	// put replaces Put when set; keep stores what it was given.
	put func(ctx context.Context, key string, r io.Reader, keep func([]byte) (store.Object, error)) (store.Object, error)
	// get changes the body that Get returns.
	get func(ctx context.Context, key string, body io.ReadCloser) io.ReadCloser
}

func newMemory() *memory { return &memory{objects: make(map[string][]byte)} }

func (m *memory) Check(context.Context) error { return nil }

func (m *memory) Put(ctx context.Context, key string, r io.Reader, opts store.PutOptions) (store.Object, error) {
	if err := store.ValidKey(key); err != nil {
		return store.Object{}, err
	}
	keep := func(data []byte) (store.Object, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if _, exists := m.objects[key]; exists && opts.IfAbsent {
			return store.Object{}, fault.New(fault.Conflict, "%s exists", key)
		}
		m.objects[key] = data
		return store.Object{Key: key, Size: int64(len(data))}, nil
	}
	if m.put != nil {
		return m.put(ctx, key, r, keep)
	}
	return readAndKeep(ctx, r, keep)
}

func readAndKeep(ctx context.Context, r io.Reader, keep func([]byte) (store.Object, error)) (store.Object, error) {
	data, err := io.ReadAll(r)
	if err := cmp.Or(err, ctx.Err()); err != nil {
		return store.Object{}, err
	}
	return keep(data)
}

func (m *memory) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, exists := m.objects[key]
	if !exists {
		return nil, fault.New(fault.Missing, "%s does not exist", key)
	}
	data = data[offset:]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	body := io.NopCloser(io.MultiReader(bytes.NewReader(data), endOf(ctx)))
	if m.get != nil {
		body = m.get(ctx, key, body)
	}
	return body, nil
}

// endOf ends a body with the context's error, if it has one.
func endOf(ctx context.Context) io.Reader {
	return readerFunc(func([]byte) (int, error) { return 0, cmp.Or(ctx.Err(), io.EOF) })
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func (m *memory) Stat(_ context.Context, key string) (store.Object, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, exists := m.objects[key]
	if !exists {
		return store.Object{}, fault.New(fault.Missing, "%s does not exist", key)
	}
	return store.Object{Key: key, Size: int64(len(data))}, nil
}

func (m *memory) List(_ context.Context, opts store.ListOptions) iter.Seq2[store.Entry, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var entries []store.Entry
	for _, key := range slices.Sorted(maps.Keys(m.objects)) {
		if strings.HasPrefix(key, opts.Prefix) && key > opts.After {
			entries = append(entries, store.Entry{Object: store.Object{Key: key, Size: int64(len(m.objects[key]))}})
		}
	}
	return func(yield func(store.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (m *memory) Delete(_ context.Context, keys ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		delete(m.objects, k)
	}
	return nil
}

func (m *memory) SweepUploads(context.Context, string, time.Time) (int, error) { return 0, nil }

func (m *memory) Features(context.Context) (store.Features, error) { return store.Features{}, nil }

// object returns the bytes of the one object whose key ends so.
func (m *memory) object(t testing.TB, suffix string) (key string, data []byte) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, v := range m.objects {
		if strings.HasSuffix(k, suffix) {
			return k, v
		}
	}
	t.Fatalf("no object ends in %s", suffix)
	return "", nil
}

// set replaces an object's bytes.
func (m *memory) set(key string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[key] = data
}
