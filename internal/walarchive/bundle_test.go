package walarchive

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/internal/store/s3"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// The key of the tests and of the vectors.
const (
	testIdentity   = "AGE-SECRET-KEY-1P6AV893YF94XKF27KUYS3MSYAKVMC52NL4Y3DLE6DYDAHE64RXAQG94MQ9"
	testPassphrase = "correct horse battery staple"
	testStart      = wal.LSN(0x16_FFC00000)
)

var keyConfigs = map[string]seal.Config{
	"x25519": {Identity: testIdentity}, "passphrase": {Passphrase: testPassphrase}, "clear": {Unencrypted: true},
}

func newKeys(t testing.TB, c seal.Config) *seal.Keyring {
	t.Helper()
	k, err := seal.NewKeyring(c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newLocal(t testing.TB) store.Store {
	t.Helper()
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func newS3(t testing.TB) store.Store {
	t.Helper()
	st, err := s3.Open(t.Context(), servers.S3(t).Bucket(t))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func newArchive(t testing.TB, st store.Store) *Archive {
	t.Helper()
	return Open(st, "main", newKeys(t, keyConfigs["clear"]), 1)
}

// newWriter begins to write a log from a position; ticks are asked for by Flush.
func newWriter(ctx context.Context, t testing.TB, a *Archive, l *log, from wal.LSN) *Writer {
	t.Helper()
	w, err := a.Writer(ctx, WriterOptions{Cluster: l.cluster, Timeline: l.timeline, From: from, Interval: time.Hour, Host: "here"})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// stream writes a log's bytes from where the writer is up to n, in pieces of
// any size, and flushes now and then.
func stream(w *Writer, l *log, n int, random *rand.Rand) error {
	for at := int(w.next - l.start); at < n; {
		piece := min(1+random.IntN(200_000), n-at)
		if random.IntN(3) == 0 {
			piece = min(1+random.IntN(100), n-at)
		}
		if err := w.WAL(l.start+wal.LSN(at), l.data[at:at+piece]); err != nil {
			return err
		}
		at += piece
		if random.IntN(8) == 0 {
			if err := w.Flush(context.Background()); err != nil {
				return err
			}
		}
	}
	return nil
}

func fetch(t testing.TB, a *Archive, name string) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	err := a.Fetch(t.Context(), name, &out)
	return out.Bytes(), err
}

// wantLog checks that an archive gives back a log up to n bytes, and nothing after.
func wantLog(t testing.TB, a *Archive, l *log, n int) {
	t.Helper()
	segments := (n + testSize - 1) / testSize
	for i := range segments {
		got, err := fetch(t, a, l.name(i))
		if err != nil {
			t.Fatalf("segment %d of %d: %v", i, segments, err)
		}
		if want := l.segment(i, n); !bytes.Equal(got, want) {
			t.Fatalf("segment %d of %d: other bytes than were written (%d)", i, segments, len(got))
		}
	}
	if _, err := fetch(t, a, l.name(segments)); !fault.Is(err, fault.Missing) {
		t.Fatalf("after the end: %v, want missing", err)
	}
}

func wantKind(t testing.TB, err error, kind fault.Kind, about string) {
	t.Helper()
	if !fault.Is(err, kind) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), about) {
		t.Errorf("got %v (%s), want %s about %q", err, fault.KindOf(err), kind, about)
	}
}

func keysOf(t testing.TB, st store.Store, prefix string) []string {
	t.Helper()
	var keys []string
	for e, err := range st.List(context.Background(), store.ListOptions{Prefix: prefix}) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, e.Key)
	}
	return keys
}

func bytesOf(t testing.TB, st store.Store, key string) []byte {
	t.Helper()
	body, err := st.Get(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err := cmp.Or(err, body.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

func replace(t testing.TB, st store.Store, key string, data []byte) {
	t.Helper()
	if _, err := st.Put(t.Context(), key, bytes.NewReader(data), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

// moody is a store that fails as a test tells it.
type moody struct {
	store.Store
	mu sync.Mutex
	// before is asked before a Put, after once the object is there.
	before, after func(key string) error
}

func (m *moody) hook(hook *func(string) error, key string) error {
	m.mu.Lock()
	h := *hook
	m.mu.Unlock()
	if h == nil {
		return nil
	}
	return h(key)
}

func (m *moody) Put(ctx context.Context, key string, r io.Reader, o store.PutOptions) (store.Object, error) {
	if err := m.hook(&m.before, key); err != nil {
		return store.Object{}, err
	}
	got, err := m.Store.Put(ctx, key, r, o)
	return got, cmp.Or(err, m.hook(&m.after, key))
}
