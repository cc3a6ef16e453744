package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// spy is a store in a folder that counts what is asked of it and can fail.
type spy struct {
	// descends is set for a store that can list backwards; services can't.
	descends bool
	store.Store
	dir                   string
	lists, listed, opened atomic.Int64
	// failing is what List and Get fail with for keys that contain the text.
	failing error
	at      string
}

func newSpy(t testing.TB) *spy {
	t.Helper()
	s := &spy{dir: t.TempDir()}
	var err error
	if s.Store, err = local.Open(t.Context(), store.Config{Kind: "local", Dir: s.dir}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *spy) fails(key string) bool { return s.failing != nil && strings.Contains(key, s.at) }

func (s *spy) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Entry, error] {
	s.lists.Add(1)
	return func(yield func(store.Entry, error) bool) {
		if s.fails(opts.Prefix) {
			yield(store.Entry{}, s.failing)
			return
		}
		if opts.Descending && !s.descends {
			yield(store.Entry{}, fault.New(fault.Unsupported, "ascending only"))
			return
		}
		for e, err := range s.Store.List(ctx, opts) {
			s.listed.Add(1)
			if !yield(e, err) {
				return
			}
		}
	}
}

func (s *spy) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	s.opened.Add(1)
	if s.fails(key) {
		return nil, s.failing
	}
	return s.Store.Get(ctx, key, offset, length)
}

func (s *spy) reset() { s.lists.Store(0); s.listed.Store(0); s.opened.Store(0) }

// write puts an object there without the store's care for durability: tests make thousands.
func (s *spy) write(t testing.TB, key string, data []byte) {
	t.Helper()
	file := filepath.Join(s.dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// model is the manifest of a real, small point; all others are made of it.
func model(t testing.TB) map[string]any {
	t.Helper()
	s := newSpy(t)
	id := archive.NewID(time.Now())
	dir := archive.Dir("points", "main", id)
	w := archive.PartWriter{Store: s, Dir: dir}
	part, err := w.Write(t.Context(), surface.Part{Name: "t-0001", Role: surface.RoleData, Format: "sql"}, nil, func(out io.Writer) error {
		_, err := out.Write(bytes.Repeat([]byte("row\n"), 1000))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	piece, err := archive.WritePiece(t.Context(), w, "", surface.Fingerprint{{Kind: "table", Name: "t", Count: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := archive.SealPoint(t.Context(), s, dir, archive.Manifest{
		ID: id, Surface: "main", SurfaceKind: "postgres", Kind: archive.KindSnapshot, Policy: "main-daily", CreatedAt: time.Now(),
		Compression: archive.CompressionZstd, Encryption: archive.Encryption{Scheme: seal.SchemeNone},
		Parts: []archive.PartEntry{part, piece}, WorkflowID: "snapshot-main", Tool: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if data, err := json.Marshal(m); err != nil || json.Unmarshal(data, &fields) != nil {
		t.Fatal(err)
	}
	return fields
}

// manifestOf makes a manifest for the point in a folder.
func manifestOf(t testing.TB, model map[string]any, dir string) []byte {
	t.Helper()
	name, id, err := archive.ParseDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	at, err := archive.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	model["surface"], model["id"], model["createdAt"] = name, id, at
	point, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	return append(append([]byte(`{"format":1,"digest":"`+seal.DigestOf(point)+`","point":`), point...), '}')
}

// add puts a point's manifest onto a store, in the folder its time gives, and returns the folder.
func (s *spy) add(t testing.TB, model map[string]any, template, surface, id string) string {
	t.Helper()
	at, err := archive.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	prefix, err := ExpandPrefix(template, at)
	if err != nil {
		t.Fatal(err)
	}
	dir := archive.Dir(prefix, surface, id)
	s.write(t, dir+"/"+archive.ManifestName, manifestOf(t, model, dir))
	return dir
}
