package walarchive

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// vectorFiles are the vectors' files whose path matches.
func vectorFiles(f *testing.F, pattern string) [][]byte {
	f.Helper()
	names, err := filepath.Glob(filepath.Join(vectorDir, pattern))
	if err != nil || len(names) == 0 {
		f.Fatal(pattern, names, err)
	}
	var files [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		files = append(files, data)
	}
	return files
}

// wantRefused: what isn't accepted gives one line of a known kind.
func wantRefused(t *testing.T, err error) {
	t.Helper()
	if k := fault.KindOf(err); k != fault.Corrupt && k != fault.Unsupported || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v (%s)", err, k)
	}
}

// fuzzJSON: what is accepted is valid and can be written and read again.
func fuzzJSON[T any, P interface {
	*T
	valid() error
}](f *testing.F, pattern string) {
	f.Helper()
	for _, data := range vectorFiles(f, pattern) {
		f.Add(data)
	}
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v := P(new(T))
		if err := decodeJSON(data, v); err != nil {
			wantRefused(t, err)
			return
		}
		again, err := encodeJSON(v)
		if err != nil {
			return
		}
		if err := decodeJSON(again, P(new(T))); err != nil {
			t.Errorf("accepted, yet not again: %v", err)
		}
	})
}

func FuzzSidecar(f *testing.F) { fuzzJSON[sidecarFile](f, "*/00000001/*.json") }

func FuzzKey(f *testing.F) { fuzzJSON[keyFile](f, "*/keys/*.json") }

func FuzzCluster(f *testing.F) { fuzzJSON[clusterFile](f, "*/cluster.json") }

func FuzzStream(f *testing.F) { fuzzJSON[streamFile](f, "*/stream.json") }

// FuzzObject: no bytes give more than their label says, nor end well with less.
func FuzzObject(f *testing.F) {
	for _, data := range vectorFiles(f, "clear/00000001/*.zst") {
		f.Add(data)
	}
	for _, data := range vectorFiles(f, "clear/00000002/*.zst") {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		l, err := readLabel(r)
		if err != nil {
			wantRefused(t, err)
			return
		}
		size := l.to - l.from
		if size < 0 || size > 4<<20 {
			return
		}
		o := &object{key: "x", body: io.NopCloser(r), source: &causeKeeper{r: r}}
		o.plain = newUnpacker(o.source, size)
		got, err := io.ReadAll(o)
		if int64(len(got)) > size || err == nil && int64(len(got)) != size {
			t.Errorf("%d bytes of %d, %v", len(got), size, err)
		}
		if err != nil {
			wantRefused(t, err)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzChunkName: what is taken for a chunk has the one name of its span.
func FuzzChunkName(f *testing.F) {
	f.Add("wal/main/00000001/open/000000010000001600000FFC.00000000-00012A40.zst.age")
	f.Fuzz(func(t *testing.T, key string) {
		c, ok := parseChunk(key, testSize)
		if !ok {
			return
		}
		want := c.segment.Name(testSize) + "." + c.String()
		if !strings.Contains(key, want+compressed) || c.from < 0 || c.from >= c.to || c.to > testSize {
			t.Errorf("%q: %+v", key, c)
		}
	})
}
