package objects

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// vast is a bucket of many objects, each overwritten once, that keeps nothing
// in memory but what was written as a small object.
type vast struct {
	bucket.Bucket
	keys, gone int
	copied     *atomic.Int64
	small      map[string][]byte
	listed     func()
}

func (b *vast) In(string) bucket.Bucket { return b }
func (b *vast) String() string          { return "s3://vast" }
func (b *vast) Traits() bucket.Traits   { return bucket.Traits{Product: "test", API: "1"} }

func (b *vast) Put(_ context.Context, key string, data []byte) error {
	b.small[key] = data
	return nil
}

func (b *vast) Get(_ context.Context, key string) ([]byte, error) {
	if data, ok := b.small[key]; ok {
		return data, nil
	}
	return nil, fault.New(fault.Missing, "no %s", key)
}

func (b *vast) Versions(ctx context.Context, prefix string) iter.Seq2[bucket.Version, error] {
	return func(yield func(bucket.Version, error) bool) {
		if strings.HasPrefix(prefix, surface.DefaultRestorePrefix) {
			return
		}
		for i := range b.keys {
			if i%10_000 == 0 {
				if b.listed(); ctx.Err() != nil {
					yield(bucket.Version{}, ctx.Err())
					return
				}
			}
			key := fmt.Sprintf("files/%05d/a file with a rather long name, as uploads have them, number %08d.pdf", i/100, i)
			for n := range 2 {
				if n == 1 && i < b.gone {
					continue
				}
				v := bucket.Version{
					Key: key, ID: fmt.Sprintf("3sL4kqtJlcpXroDTDmJ.rmSpXd3dI%08d%d", i, n), Size: int64(i), Current: n == 0,
					ETag: fmt.Sprintf("9e107d9d372bb6826bd81d35%08d", i), Modified: second(20 - 10*n),
				}
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}

func (b *vast) CopyFrom(context.Context, string, bucket.Version, string) (bucket.Version, error) {
	b.copied.Add(1)
	return bucket.Version{}, nil
}

// TestMany restores more than the heap that it is allowed could hold: twice 200,000
// versions. TestMillion, which takes longer, is among the benchmarks.
func TestMany(t *testing.T) { scale(t, 200_000) }

// scale dumps, restores and verifies a point of many keys in a heap that grows
// by no more than 32 MiB.
func scale(t *testing.T, keys int) {
	t.Helper()
	const limit = 32 << 20
	var most uint64
	var base, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&base)
	b := &vast{keys: keys, copied: new(atomic.Int64), small: map[string][]byte{}, listed: func() {
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapInuse-min(base.HeapInuse, now.HeapInuse))
	}}
	c := surface.Bucket{Kind: surface.BucketS3, Name: "vast"}
	s := made("files", c, b)
	path := filepath.Join(t.TempDir(), partName)
	file, err := os.Create(path)
	must(t, err)
	// The moment lies between the two versions of each key.
	token := fmt.Sprintf(`{"service":"s3","bucket":"vast","moment":%q}`, second(15).Format(time.RFC3339))
	taken, err := s.Dump(t.Context(), token, surface.Part{Name: partName}, file)
	must(t, err)
	must(t, file.Close())
	if len(taken) != 1 || taken[0].Count != int64(keys) {
		t.Errorf("the point has %+v", taken)
	}

	load := func(verify bool) (surface.Target, error) {
		b.small[s.noteKey("drill")] = []byte("{}")
		target := surface.Target{URL: s.place("drill", verify).url()}
		r, err := os.Open(path)
		must(t, err)
		defer r.Close()
		return target, s.Load(t.Context(), target, surface.Part{Name: partName}, bufio.NewReader(r))
	}
	_, err = load(false)
	must(t, err)
	if b.copied.Load() != int64(keys) {
		t.Errorf("copied %d", b.copied.Load())
	}
	target, err := load(true)
	must(t, err)
	found, err := s.Fingerprint(t.Context(), target)
	must(t, err)
	if diff := taken.Compare(found); len(diff) > 0 {
		t.Errorf("found otherwise: %v", diff)
	}
	b.gone = 3
	want := fmt.Sprintf("3 of %d objects are not there at the version of the point, such as files/00000/", keys)
	if _, err = load(true); !fault.Is(err, fault.Missing) || !strings.Contains(err.Error(), want) {
		t.Errorf("three are gone: %v", err)
	}
	t.Logf("%d keys: the heap grew by at most %d MiB", keys, most>>20)
	if most > limit {
		t.Errorf("the heap grew by %d MiB", most>>20)
	}
}

// BenchmarkInventory writes and reads an inventory; an operation is one object.
func BenchmarkInventory(b *testing.B) {
	v := &vast{keys: b.N, listed: func() {}}
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(writeInventory(w, Header{Bucket: "vast"}, at(v.Versions(b.Context(), ""), time.Time{}, nil), func(Object) {}))
	}()
	in, err := readInventory(r)
	must(b, err)
	b.ReportAllocs()
	for _, err := range in.objects() {
		must(b, err)
	}
}
