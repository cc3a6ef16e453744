package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// compare fails the test unless a listing is what keys should give.
func compare(t *testing.T, s store.Store, keys []string, opts store.ListOptions) {
	t.Helper()
	var got []string
	for e, err := range s.List(t.Context(), opts) {
		if err != nil {
			t.Errorf("list %+v: %v", opts, err)
			return
		}
		if e.Dir != strings.HasSuffix(e.Key, "/") {
			t.Errorf("list %+v: %+v", opts, e)
		}
		got = append(got, e.Key)
	}
	if want := listed(keys, opts); !slices.Equal(got, want) {
		t.Errorf("list %+v:\n got %q\nwant %q", opts, got, want)
	}
}

// listed is what store.ListOptions promise.
func listed(keys []string, opts store.ListOptions) []string {
	var out []string
	for _, key := range keys {
		rest, ok := strings.CutPrefix(key, opts.Prefix)
		if !ok {
			continue
		}
		if dir, _, deeper := strings.Cut(rest, "/"); opts.Shallow && deeper {
			key = opts.Prefix + dir + "/"
		}
		if key > opts.After {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func list(t *testing.T, s store.Store) {
	// No key is the folder of another: stores on a file system can't have both.
	keys := []string{
		"a-b/x", "a/b/c", "a/b/d", "a/b-c", "a/b0", "a/bb/x", "a0", "ab", "b/1", "b/2/x", "b/2/y", "b/20", "b/3",
		"c/deep/er/still/object", "points/main/2026/m", "points/main/2027/m", "points/main-2/2026/m", "é/x", "日本/語",
	}
	putAll(t, s, keys)
	prefixes := []string{"", "a", "a/", "a/b", "a/b/", "a/b/c", "b/2", "b/2/", "c", "c/deep/", "a-", "points/main", "points/main/", "nothing", "nothing/", "é", "日本/"}
	afters := []string{"", "a", "a/", "a/b", "a/b/", "a/b/c", "a/b0", "a-b/", "b/2/", "b/2/x", "b/9", "c/deep/er/", "points/main/", "points/main/2026/", "z", "\U0010FFFF"}
	var all sync.WaitGroup
	for _, prefix := range prefixes {
		all.Go(func() {
			for _, after := range afters {
				for _, shallow := range []bool{false, true} {
					compare(t, s, keys, store.ListOptions{Prefix: prefix, After: after, Shallow: shallow})
				}
				descending(t, s, keys, store.ListOptions{Prefix: prefix, After: after, Shallow: true, Descending: true})
			}
		})
	}
	all.Wait()
}

// descending checks that a store lists backwards, or says that it doesn't.
func descending(t *testing.T, s store.Store, keys []string, opts store.ListOptions) {
	t.Helper()
	want := listed(keys, store.ListOptions{Prefix: opts.Prefix, Shallow: true})
	want = slices.DeleteFunc(want, func(key string) bool { return opts.After != "" && key >= opts.After })
	slices.Reverse(want)
	var got []string
	for e, err := range s.List(t.Context(), opts) {
		if fault.Is(err, fault.Unsupported) && len(got) == 0 {
			return
		}
		if err != nil {
			t.Fatalf("list %+v: %v", opts, err)
		}
		got = append(got, e.Key)
	}
	if !slices.Equal(got, want) {
		t.Errorf("list %+v:\n got %q\nwant %q", opts, got, want)
	}
}

// paging has more keys than a service lists, or deletes, at once.
func paging(t *testing.T, s store.Store) {
	const many = 1100
	keys := make([]string, 0, many+1)
	for i := range many {
		keys = append(keys, fmt.Sprintf("many/%04d/x", i))
	}
	keys = append(keys, "other")
	putAll(t, s, keys)
	compare(t, s, keys, store.ListOptions{})
	compare(t, s, keys, store.ListOptions{Prefix: "many/"})
	compare(t, s, keys, store.ListOptions{Prefix: "many/", Shallow: true})
	compare(t, s, keys, store.ListOptions{Prefix: "many/", Shallow: true, After: "many/1050/"})
	compare(t, s, keys, store.ListOptions{Prefix: "many/", After: "many/0040/x"})
	seen := 0
	for _, err := range s.List(t.Context(), store.ListOptions{Prefix: "many/"}) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		if seen++; seen == 5 {
			break
		}
	}
	if err := s.Delete(t.Context(), keys...); err != nil {
		t.Fatalf("delete %d objects: %v", len(keys), err)
	}
	expectNothing(t, s)
}

func putAll(t *testing.T, s store.Store, keys []string) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(8)
	for i, key := range keys {
		group.Go(func() error {
			_, err := s.Put(t.Context(), key, newContent(uint64(i), 10), store.PutOptions{Estimate: 10})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("put %d objects: %v", len(keys), err)
	}
}
