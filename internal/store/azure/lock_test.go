package azure

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// immutable is a container with version-level immutability, as the service
// documents it; the emulator has none. It keeps the headers of what makes blobs.
type immutable struct {
	mu      sync.Mutex
	commits []http.Header
}

func (i *immutable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("restype") == "container":
		w.Header().Set("x-ms-immutable-storage-with-versioning-enabled", "true")
		return
	case r.Method == http.MethodPut && r.URL.Query().Get("comp") != "block":
		i.mu.Lock()
		i.commits = append(i.commits, r.Header)
		i.mu.Unlock()
		w.Header().Set("x-ms-version-id", "2026-01-01T00:00:00.0000000Z")
	}
	w.WriteHeader(http.StatusCreated)
}

func TestObjectLock(t *testing.T) {
	t.Parallel()
	service := &immutable{}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	s := mustOpen(t, store.Config{Container: "c", ConnectionString: secret.String("AccountName=a;AccountKey=a2V5;BlobEndpoint=" + server.URL + "/a")}, transport.Idle)
	if f, err := s.Features(t.Context()); err != nil || !f.ObjectLock || !f.Versions {
		t.Fatalf("features: %+v, %v", f, err)
	}
	until := time.Date(2030, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	for _, size := range []int{10, 17 << 20} {
		o, err := s.Put(t.Context(), "key", bytes.NewReader(make([]byte, size)), store.PutOptions{RetainUntil: until})
		if err != nil || o.Version == "" {
			t.Fatalf("put %d bytes: %+v, %v", size, o, err)
		}
	}
	if len(service.commits) != 2 {
		t.Fatalf("%d requests made a blob", len(service.commits))
	}
	for _, header := range service.commits {
		mode, expiry := header.Get("x-ms-immutability-policy-mode"), header.Get("x-ms-immutability-policy-until-date")
		if mode != "locked" && mode != "Locked" || expiry != "Wed, 02 Jan 2030 02:04:05 GMT" {
			t.Errorf("kept as %q until %q", mode, expiry)
		}
	}
}

// TestSignatureIsNeverShown has a connection string with a signature in the
// URL of every request.
func TestSignatureIsNeverShown(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c := store.Config{Container: "c", ConnectionString: secret.String("BlobEndpoint=" + server.URL + "/a;SharedAccessSignature=sv=2026&sig=HIDDEN")}
	_, err := mustOpen(t, c, transport.Idle).Stat(t.Context(), "key")
	if err == nil {
		t.Fatal("stat succeeded without a server")
	}
	if bytes.Contains([]byte(err.Error()), []byte("HIDDEN")) {
		t.Errorf("the error shows the signature: %v", err)
	}
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("the error is not classified: %v", err)
	}
}
