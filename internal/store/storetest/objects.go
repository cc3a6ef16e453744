package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

func roundTrip(t *testing.T, s store.Store) {
	before := time.Now()
	for i, size := range []int64{0, 1, 100 * kib, chunk - 1, chunk, chunk + 1, 40 * mib} {
		key := fmt.Sprintf("sizes/%d", size)
		o := put(t, s, key, uint64(i), size)
		if o.Key != key || o.Size != size {
			t.Errorf("put %q: got %+v", key, o)
		}
		expect(t, s, key, uint64(i), size)
	}
	for e, err := range s.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		if e.Key != fmt.Sprintf("sizes/%d", e.Size) || e.Dir {
			t.Errorf("listed %+v", e)
		}
		// Services round to seconds, and their clocks may differ a little.
		if age := before.Sub(e.Modified); age > time.Minute || age < -time.Hour {
			t.Errorf("%q was modified at %v, before it was stored at %v", e.Key, e.Modified, before)
		}
	}
}

func ranges(t *testing.T, s store.Store) {
	for _, size := range []int64{0, 10 * kib, chunk + mib} {
		key := fmt.Sprintf("size-%d", size)
		c := newContent(uint64(size), size)
		put(t, s, key, uint64(size), size)
		for _, r := range []struct{ offset, length int64 }{
			{0, -1}, {0, 0}, {0, 1}, {0, size}, {0, size + 100}, {1, 5}, {size / 2, -1}, {size / 2, 0}, {size / 2, 100},
			{size - 1, 1}, {size - 1, -1}, {size, -1}, {size, 0}, {size, 10}, {size - 10, 1 << 62}, {chunk - 2, 4},
		} {
			if r.offset < 0 || r.offset > size {
				continue
			}
			expectRange(t, s, key, c, r.offset, r.length)
		}
		for _, r := range []struct{ offset, length int64 }{{-1, -1}, {-1, 1}, {size + 1, -1}, {size + 1, 0}, {size + 1, 5}} {
			_, err := s.Get(t.Context(), key, r.offset, r.length)
			expectKind(t, err, fault.Invalid, fmt.Sprintf("get %d bytes from %d of %d", r.length, r.offset, size))
		}
	}
}

func overwrite(t *testing.T, s store.Store) {
	versions := map[string]bool{}
	for i, size := range []int64{100, 10, chunk + 10, 0, 1000} {
		o := put(t, s, "dir/object", uint64(i), size)
		expect(t, s, "dir/object", uint64(i), size)
		versions[o.Version] = true
	}
	f, err := s.Features(t.Context())
	if err != nil {
		t.Fatalf("features: %v", err)
	}
	if f.Versions && (len(versions) != 5 || versions[""]) {
		t.Errorf("five writes made the versions %v", versions)
	}
}

func ifAbsent(t *testing.T, s store.Store) {
	once := store.PutOptions{IfAbsent: true}
	for i, size := range []int64{10, chunk + 10} {
		key := fmt.Sprintf("dir/%d", size)
		if _, err := s.Put(t.Context(), key, newContent(uint64(i), size), once); err != nil {
			t.Fatalf("the first put: %v", err)
		}
		for _, other := range []int64{0, 20, chunk + 20} {
			_, err := s.Put(t.Context(), key, newContent(99, other), once)
			expectKind(t, err, fault.Conflict, fmt.Sprintf("put %d bytes over %d", other, size))
		}
		expect(t, s, key, uint64(i), size)
		put(t, s, key, 7, 30)
		expect(t, s, key, 7, 30)
	}
}

func smallRacers(t *testing.T, s store.Store) {
	for round := range 5 {
		race(t, s, fmt.Sprintf("round/%d", round), 6, 3*kib)
	}
}

func largeRacers(t *testing.T, s store.Store) { race(t, s, "object", 3, chunk+mib) }

// race lets several writers create one key at once: one wins.
func race(t *testing.T, s store.Store, key string, writers int, size int64) {
	t.Helper()
	start := make(chan struct{})
	errs := make([]error, writers)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			<-start
			_, errs[i] = s.Put(t.Context(), key, newContent(uint64(i), size), store.PutOptions{IfAbsent: true})
		})
	}
	close(start)
	all.Wait()
	winners := 0
	for i, err := range errs {
		if err == nil {
			winners++
			expect(t, s, key, uint64(i), size)
		} else {
			expectKind(t, err, fault.Conflict, fmt.Sprintf("writer %d", i))
		}
	}
	if winners != 1 {
		t.Errorf("%d of %d writers won", winners, writers)
	}
}

func failingReader(t *testing.T, s store.Store) {
	for _, n := range []int64{0, 10, 2 * mib, chunk, chunk + 1, 2*chunk + mib} {
		for _, kind := range []fault.Kind{fault.Lost, fault.Internal} {
			broken := fault.New(kind, "the source is gone")
			_, err := s.Put(t.Context(), "dir/object", failing(n, broken), store.PutOptions{IfAbsent: n%2 == 0})
			expectKind(t, err, kind, fmt.Sprintf("put from a reader that fails after %d bytes", n))
			if !errors.Is(err, broken) {
				t.Errorf("the error %v hides its cause", err)
			}
		}
	}
	expectNothing(t, s)
	if n, err := s.SweepUploads(t.Context(), "", time.Now().Add(time.Hour)); n != 0 || err != nil {
		t.Errorf("%d uploads were left, %v", n, err)
	}
	_, err := s.Stat(t.Context(), "dir/object")
	expectKind(t, err, fault.Missing, "stat")

	put(t, s, "dir/object", 3, 1000)
	for _, n := range []int64{10, chunk + 1} {
		if _, err := s.Put(t.Context(), "dir/object", failing(n, errors.New("gone")), store.PutOptions{}); err == nil {
			t.Error("put from a failing reader succeeded")
		}
	}
	expect(t, s, "dir/object", 3, 1000)
}

func cancelledContext(t *testing.T, s store.Store) {
	for _, n := range []int64{0, 10, chunk + 1, 2*chunk + mib} {
		ctx, cancel := context.WithCancel(t.Context())
		source := readerFunc(newContent(1, n+mib).Read)
		left := n
		_, err := s.Put(ctx, "dir/object", readerFunc(func(p []byte) (int, error) {
			if left <= 0 {
				cancel()
			}
			got, err := source(p[:min(len(p), 64*kib)])
			left -= int64(got)
			return got, err
		}), store.PutOptions{})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("put that is cancelled after %d bytes: %v", n, err)
		}
	}
	expectNothing(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	put(t, s, "dir/object", 1, 10)
	if err := s.Delete(ctx, "dir/object"); !errors.Is(err, context.Canceled) {
		t.Errorf("delete with a cancelled context: %v", err)
	}
	for _, err := range s.List(ctx, store.ListOptions{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("list with a cancelled context: %v", err)
		}
	}
	expect(t, s, "dir/object", 1, 10)
}

// oddKeys are valid, and have what services and file systems spell in their own ways.
var oddKeys = []string{
	"a b", "a+b", "a%20b", "a%2Fb", "a%", "a=b", "a&b=c", "what?x=1&y=2", "a#b", "a;b", "a,b", "a:b", "a@b", "a$b", "a!b",
	"it's", `say "so"`, "~tilde", "caret^", "back`tick", "pipe|", "<angle>", "(round)[square]{curly}", "*star*",
	"..a", "a..", ".hidden", "...", "-", "_", "é", "e\u0301", "日本語/鍵", "emoji \U0001F6DF", "\uffee", "Ünïcödé and space/x",
	strings.Repeat("long-element/", 50) + "object", strings.Repeat("x", 200), "2006-01-02T15:04:05.000Z",
}

func keys(t *testing.T, s store.Store) {
	for i, key := range oddKeys {
		put(t, s, key, uint64(i), 100)
	}
	for i, key := range oddKeys {
		expect(t, s, key, uint64(i), 100)
	}
	compare(t, s, oddKeys, store.ListOptions{})
	for _, key := range oddKeys {
		compare(t, s, oddKeys, store.ListOptions{Prefix: key})
	}
	if err := s.Delete(t.Context(), oddKeys...); err != nil {
		t.Errorf("delete: %v", err)
	}
	expectNothing(t, s)
}

func invalidKeys(t *testing.T, s store.Store) {
	ctx := t.Context()
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/../b", "../a", "a/..", "a\\b", "a\nb", "a\x00b", "a\x7fb", "\xff",
		strings.Repeat("x", 901),
	} {
		doing := fmt.Sprintf("with key %.20q", key)
		_, err := s.Put(ctx, key, newContent(1, 10), store.PutOptions{})
		expectKind(t, err, fault.Invalid, "put "+doing)
		_, err = s.Get(ctx, key, 0, -1)
		expectKind(t, err, fault.Invalid, "get "+doing)
		_, err = s.Stat(ctx, key)
		expectKind(t, err, fault.Invalid, "stat "+doing)
		expectKind(t, s.Delete(ctx, "fine", key), fault.Invalid, "delete "+doing)
	}
	for _, prefix := range []string{"/", "/a", "a//", "a/../", "../", "a\n"} {
		for _, err := range s.List(ctx, store.ListOptions{Prefix: prefix}) {
			expectKind(t, err, fault.Invalid, fmt.Sprintf("list under %q", prefix))
		}
	}
	expectNothing(t, s)
}

func missing(t *testing.T, s store.Store) {
	ctx := t.Context()
	put(t, s, "dir/object", 1, 10)
	for _, key := range []string{"nothing", "dir", "dir/other", "dir/object/below", "dir/objec"} {
		_, err := s.Stat(ctx, key)
		expectKind(t, err, fault.Missing, "stat "+key)
		for _, length := range []int64{-1, 0, 5} {
			_, err = s.Get(ctx, key, 0, length)
			expectKind(t, err, fault.Missing, fmt.Sprintf("get %d bytes of %s", length, key))
		}
		if err := s.Delete(ctx, key); err != nil {
			t.Errorf("delete %s: %v", key, err)
		}
	}
	if err := s.Delete(ctx); err != nil {
		t.Errorf("delete nothing: %v", err)
	}
	expect(t, s, "dir/object", 1, 10)
}
