package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// Impatient is how long connections of a store under RunFaults may stand still.
const Impatient = 2 * time.Second

// RunFaults checks what a store makes of a broken network: open opens a new,
// empty store that is Impatient, behind a proxy of its own. It is called from
// several tests at once.
func RunFaults(t *testing.T, open func(t *testing.T) (store.Store, *servers.Proxy)) {
	var all sync.WaitGroup
	for _, test := range []struct {
		name string
		run  func(*testing.T, store.Store, *servers.Proxy)
	}{
		{"Refused", refused},
		{"RefusedInTheMiddle", refusedInTheMiddle},
		{"CutUpload", cutUpload},
		{"CutDownload", cutDownload},
		{"Stalled", stalled},
		{"StalledDownload", stalledDownload},
		{"StalledUpload", stalledUpload},
		{"StalledAndCancelled", stalledAndCancelled},
		{"SlowConsumer", slowConsumer},
	} {
		// They wait more than they work: more at once than there are processors.
		all.Go(func() {
			t.Run(test.name, func(t *testing.T) {
				s, proxy := open(t)
				test.run(t, s, proxy)
			})
		})
	}
	all.Wait()
}

func refused(t *testing.T, s store.Store, proxy *servers.Proxy) {
	put(t, s, "key", 1, 100)
	proxy.Refuse()
	Unusable(t, s, fault.Unavailable)
	proxy.Heal()
	expect(t, s, "key", 1, 100)
}

func refusedInTheMiddle(t *testing.T, s store.Store, proxy *servers.Proxy) {
	upload := startUpload(t, s, "key", 2*chunk+100)
	proxy.Refuse()
	expectKind(t, upload.finish(), fault.Unavailable, "put")
	proxy.Heal()
	expectNothing(t, s)
}

// cutUpload breaks connections once: the store sends again, or fails and leaves nothing.
func cutUpload(t *testing.T, s store.Store, proxy *servers.Proxy) {
	for i, c := range []struct{ size, cut int64 }{
		{mib, 100 * kib}, {40 * mib, mib}, {40 * mib, 20 * mib}, {40 * mib, 39 * mib}, {40 * mib, 40*mib + 2*kib},
	} {
		key := fmt.Sprintf("dir/%d", i)
		proxy.CutAfter(c.cut)
		_, err := s.Put(t.Context(), key, newContent(uint64(i), c.size), store.PutOptions{})
		if !proxy.Cut() {
			t.Fatalf("put %d bytes: no connection was cut after %d", c.size, c.cut)
		}
		if err != nil {
			t.Errorf("put %d bytes, cut after %d: %v", c.size, c.cut, err)
			_, err = s.Stat(t.Context(), key)
			expectKind(t, err, fault.Missing, "stat after a failed put")
			continue
		}
		expect(t, s, key, uint64(i), c.size)
	}
}

func cutDownload(t *testing.T, s store.Store, proxy *servers.Proxy) {
	const size = 20 * mib
	c := newContent(1, size)
	put(t, s, "key", 1, size)
	for _, cut := range []int64{100 * kib, mib, size - kib} {
		for _, r := range []struct{ offset, length int64 }{{0, -1}, {0, size}, {10, size - 10}} {
			proxy.CutAfter(cut)
			expectRange(t, s, "key", c, r.offset, r.length)
			if !proxy.Cut() {
				t.Errorf("read from %d: no connection was cut after %d bytes", r.offset, cut)
			}
		}
	}
}

func stalled(t *testing.T, s store.Store, proxy *servers.Proxy) {
	put(t, s, "key", 1, 100)
	proxy.Stall()
	Unusable(t, s, fault.Unavailable)
	proxy.Heal()
	expect(t, s, "key", 1, 100)
}

func stalledDownload(t *testing.T, s store.Store, proxy *servers.Proxy) {
	put(t, s, "key", 1, 20*mib)
	r, err := s.Get(t.Context(), "key", 0, -1)
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	defer r.Close()
	proxy.Stall()
	expectKind(t, same(r, newContent(1, 20*mib)), fault.Unavailable, "read")
}

func stalledUpload(t *testing.T, s store.Store, proxy *servers.Proxy) {
	upload := startUpload(t, s, "key", 2*chunk+100)
	proxy.Stall()
	expectKind(t, upload.finish(), fault.Unavailable, "put")
	proxy.Heal()
	expectNothing(t, s)
}

func stalledAndCancelled(t *testing.T, s store.Store, proxy *servers.Proxy) {
	proxy.Stall()
	ctx, cancel := context.WithTimeout(t.Context(), Impatient/10)
	defer cancel()
	for _, size := range []int64{10, chunk + 10} {
		if _, err := s.Put(ctx, fmt.Sprintf("size-%d", size), newContent(1, size), store.PutOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("put %d bytes: %v", size, err)
		}
	}
	proxy.Heal()
	for e, err := range s.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		// What was on its way may arrive after all, but whole.
		var size int64
		if _, err := fmt.Sscanf(e.Key, "size-%d", &size); err != nil {
			t.Fatalf("%q is listed", e.Key)
		}
		expect(t, s, e.Key, 1, size)
	}
}

// slowConsumer pauses for longer than a connection may stand still.
func slowConsumer(t *testing.T, s store.Store, _ *servers.Proxy) {
	const size = 20 * mib
	put(t, s, "key", 1, size)
	r, err := s.Get(t.Context(), "key", 0, -1)
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	defer r.Close()
	first := make([]byte, 10)
	if _, err := io.ReadFull(r, first); err != nil {
		t.Fatalf("read: %v", err)
	}
	// The pause itself is what is tested: nothing can be waited for.
	time.Sleep(3 * Impatient / 2)
	if err := same(io.MultiReader(bytes.NewReader(first), r), newContent(1, size)); err != nil {
		t.Errorf("read on after a pause: %v", err)
	}
}
