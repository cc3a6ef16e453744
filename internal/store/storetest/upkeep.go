package storetest

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

func deletion(t *testing.T, s store.Store) {
	putAll(t, s, []string{"a", "dir/b", "dir/c", "dir/deep/d"})
	if err := s.Delete(t.Context(), "a", "never there", "dir/b", "dir/deep/d"); err != nil {
		t.Fatalf("delete: %v", err)
	}
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Errorf("delete again: %v", err)
	}
	compare(t, s, []string{"dir/c"}, store.ListOptions{})
	compare(t, s, []string{"dir/c"}, store.ListOptions{Prefix: "dir/", Shallow: true})
	_, err := s.Stat(t.Context(), "dir/b")
	expectKind(t, err, fault.Missing, "stat what was deleted")
	put(t, s, "dir/b", 5, 50)
	expect(t, s, "dir/b", 5, 50)
}

func check(t *testing.T, s store.Store) {
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	expectNothing(t, s)
	if n, err := s.SweepUploads(t.Context(), "", time.Now().Add(time.Hour)); err != nil || n != 0 {
		t.Errorf("check left %d uploads, %v", n, err)
	}
}

func retainUntilWithoutLock(t *testing.T, s store.Store) {
	f, err := s.Features(t.Context())
	if err != nil {
		t.Fatalf("features: %v", err)
	}
	if f.ObjectLock {
		t.Fatal("the suite runs on stores without object lock")
	}
	if _, err := s.Put(t.Context(), "object", newContent(1, 10), store.PutOptions{RetainUntil: time.Now().Add(time.Hour)}); err != nil {
		t.Errorf("put: %v", err)
	}
	if err := s.Delete(t.Context(), "object"); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// waiting is an upload of a few MiB that has begun and goes on when told.
type waiting struct {
	goOn chan struct{}
	done chan error
}

func startUpload(t *testing.T, s store.Store, key string, size int64) *waiting {
	t.Helper()
	w := &waiting{make(chan struct{}), make(chan error, 1)}
	begun := make(chan struct{})
	pause := readerFunc(func([]byte) (int, error) {
		select {
		case <-begun:
		default:
			close(begun)
		}
		select {
		case <-w.goOn:
		case <-t.Context().Done():
		}
		return 0, io.EOF
	})
	go func() {
		_, err := s.Put(context.WithoutCancel(t.Context()), key, io.MultiReader(newContent(1, size), pause), store.PutOptions{})
		w.done <- err
	}()
	<-begun
	return w
}

func (w *waiting) finish() error {
	close(w.goOn)
	return <-w.done
}

// liveUploads checks that a sweep leaves alone what is younger than its moment.
func liveUploads(t *testing.T, s store.Store) {
	upload := startUpload(t, s, "dir/object", 2*chunk+100)
	n, err := s.SweepUploads(t.Context(), "", time.Now().Add(-time.Hour))
	if n != 0 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	expectNothing(t, s)
	if err := upload.finish(); err != nil {
		t.Errorf("put: %v", err)
	}
	expect(t, s, "dir/object", 1, 2*chunk+100)
}

// Sweeps checks that SweepUploads ends what it may, on a store that can.
func Sweeps(t *testing.T, s store.Store) {
	abandoned := startUpload(t, s, "dir/abandoned", 2*chunk+100)
	other := startUpload(t, s, "other/object", 2*chunk+100)
	moment := time.Now().Add(time.Hour)
	for _, prefix := range []string{"nothing", "dir/x", "o/"} {
		if n, err := s.SweepUploads(t.Context(), prefix, moment); n != 0 || err != nil {
			t.Errorf("sweep under %q: %d, %v", prefix, n, err)
		}
	}
	// A store may begin an upload a moment after it has read from its source.
	deadline := time.Now().Add(30 * time.Second)
	for swept := 0; swept != 1; {
		n, err := s.SweepUploads(t.Context(), "dir/", moment)
		if swept += n; err != nil || swept > 1 || time.Now().After(deadline) {
			t.Fatalf("swept %d under dir/, %v", swept, err)
		}
	}
	if err := abandoned.finish(); err == nil {
		t.Error("an upload went on that was ended")
	}
	expectNothing(t, s)
	if err := other.finish(); err != nil {
		t.Errorf("put under another prefix: %v", err)
	}
	compare(t, s, []string{"other/object"}, store.ListOptions{})
}

// atOnce uses a store from many goroutines.
func atOnce(t *testing.T, s store.Store) {
	var group errgroup.Group
	for i := range 8 {
		group.Go(func() error {
			for round := range 5 {
				key := fmt.Sprintf("dir-%d/%d", i%3, i)
				if _, err := s.Put(t.Context(), key, newContent(uint64(round), 10*kib), store.PutOptions{}); err != nil {
					return err
				}
				expect(t, s, key, uint64(round), 10*kib)
				if round%2 == 0 {
					if err := s.Delete(t.Context(), key); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	expectNothing(t, s)
}

// Unusable checks that every method of a store that can't be used says so with
// an error of the kind.
func Unusable(t *testing.T, s store.Store, kind fault.Kind) {
	ctx := t.Context()
	var all sync.WaitGroup
	try := func(doing string, call func() error) {
		all.Go(func() { expectKind(t, call(), kind, doing) })
	}
	try("check", func() error { return s.Check(ctx) })
	try("features", func() error {
		_, err := s.Features(ctx)
		return err
	})
	for _, size := range []int64{10, chunk + 10} {
		try(fmt.Sprintf("put %d bytes", size), func() error {
			_, err := s.Put(ctx, fmt.Sprintf("size-%d", size), newContent(1, size), store.PutOptions{})
			return err
		})
	}
	try("get", func() error {
		_, err := s.Get(ctx, "key", 0, -1)
		return err
	})
	try("stat", func() error {
		_, err := s.Stat(ctx, "key")
		return err
	})
	try("list", func() error {
		for _, err := range s.List(ctx, store.ListOptions{}) {
			return err
		}
		return nil
	})
	all.Wait()
}

// Prefixes checks that stores with different prefixes in one place don't see
// each other: open opens them.
func Prefixes(t *testing.T, open func(prefix string) store.Store) {
	whole, one, other := open(""), open("some/one"), open("some/one-other/")
	putAll(t, one, []string{"a", "dir/b"})
	put(t, other, "a", 7, 70)
	compare(t, one, []string{"a", "dir/b"}, store.ListOptions{})
	compare(t, one, []string{"a", "dir/b"}, store.ListOptions{Shallow: true})
	compare(t, one, []string{"a", "dir/b"}, store.ListOptions{After: "a", Shallow: true})
	compare(t, one, []string{"a", "dir/b"}, store.ListOptions{Prefix: "di"})
	compare(t, whole, []string{"some/one/a", "some/one/dir/b", "some/one-other/a"}, store.ListOptions{})
	expect(t, other, "a", 7, 70)
	expect(t, whole, "some/one-other/a", 7, 70)
	if err := other.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	if err := one.Delete(t.Context(), "a", "dir/b"); err != nil {
		t.Errorf("delete: %v", err)
	}
	expectNothing(t, one)
	expect(t, other, "a", 7, 70)
	_, err := whole.Stat(t.Context(), "some/one/a")
	expectKind(t, err, fault.Missing, "stat")
}
