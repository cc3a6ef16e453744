package apiserver

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
)

// untar returns the files of a tar by name, and their names in order.
func untar(t *testing.T, r io.Reader) (map[string][]byte, []string) {
	t.Helper()
	files := map[string][]byte{}
	var names []string
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if err == io.EOF {
			return files, names
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.seal("main", "postgres", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	dir := archive.Dir("points", "main", m.ID)
	if err := catalog.MarkVerified(t.Context(), b.store, dir, catalog.Mark{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Put(t.Context(), dir+"/garbage.abandoned.rows.zst", strings.NewReader("x"), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	a := b.as(Operator, "GET", "/v1/admin/snapshots/"+m.ID+"/download", "")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/x-tar" ||
		a.header.Get("Content-Disposition") != `attachment; filename="main-`+m.ID+`.tar"` {
		t.Fatalf("%d %v", a.status, a.header)
	}
	files, names := untar(t, strings.NewReader(a.body))
	if len(files) != len(m.Parts)+2 || names[len(names)-1] != dir+"/manifest.json" || files[dir+"/verified.json"] == nil {
		t.Errorf("the tar has %q", names)
	}
	// Unpacked onto another store it is the point again.
	other, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if _, err := other.Put(t.Context(), name, bytes.NewReader(content), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := archive.OpenPoint(t.Context(), other, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	last := b.audited()
	if e := last[len(last)-1]; e.Action != "snapshot.download" || e.Actor != "operator" || e.Target != m.ID || e.Result != audit.Accepted {
		t.Errorf("the audit log has %+v", e)
	}
	wantProblem(t, b.as(Operator, "GET", "/v1/admin/snapshots/20260102T030405.000Z-nobody/download", ""), 404, "missing", "no recovery point")
	if err := b.store.Delete(t.Context(), path.Join(dir, m.Parts[0].Object)); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, b.as(Operator, "GET", "/v1/admin/snapshots/"+m.ID+"/download", ""), 422, "corrupt", m.Parts[0].Name)
}

// torn is a store whose objects break off when they are read.
type torn struct {
	store.Store
	// broken is closed after which reads break off.
	broken chan struct{}
}

func (s *torn) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := s.Store.Get(ctx, key, offset, length)
	select {
	case <-s.broken:
		if err == nil && !strings.HasSuffix(key, "manifest.json") {
			return io.NopCloser(io.MultiReader(io.LimitReader(r, 3), failing{})), nil
		}
	default:
	}
	return r, err
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the store went away") }

func TestADownloadThatBreaksOff(t *testing.T) {
	t.Parallel()
	broken := make(chan struct{})
	b := setup(t, func(d *Deps) {
		s := &torn{Store: d.Stores["primary"], broken: broken}
		d.Catalog = catalog.New([]catalog.Named{{Name: "primary", Store: s, Prefix: "points"}})
	})
	m := b.seal("main", "postgres", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	close(broken)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var served sync.WaitGroup
	served.Go(func() {
		if err := b.server.ServeListener(ctx, listener); err != nil {
			t.Error(err)
		}
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/v1/admin/snapshots/"+m.ID+"/download", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token(Operator))
	// What was sent before the end may not even be the header.
	a, err := http.DefaultClient.Do(r)
	if err == nil {
		_, err = io.ReadAll(a.Body)
		a.Body.Close()
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("it ends with %v", err)
	}
	stop()
	served.Wait()
	entries := b.audited()
	if e := entries[len(entries)-1]; e.Action != "snapshot.download" || e.Result != audit.Failed {
		t.Errorf("the audit log has %+v", e)
	}
}
