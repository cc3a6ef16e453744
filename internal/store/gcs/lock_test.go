package gcs

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// retaining is a bucket with object retention, as the service documents it;
// the emulator has none. It keeps what it is told about new objects.
type retaining struct {
	mu   sync.Mutex
	told []string
}

func (r *retaining) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch {
	case request.Method == http.MethodGet:
		io.WriteString(w, `{"name": "bucket", "versioning": {"enabled": true}, "objectRetention": {"mode": "Enabled"}}`)
	case strings.HasPrefix(request.URL.Path, "/upload/"):
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		r.told = append(r.told, string(body))
		r.mu.Unlock()
		w.Header().Set("Location", "http://"+request.Host+"/rest")
		io.WriteString(w, `{"name": "key", "generation": "7"}`)
	default:
		io.Copy(io.Discard, request.Body)
		if strings.HasSuffix(request.Header.Get("Content-Range"), "/*") {
			// More is to come.
			w.Header().Set("X-Http-Status-Code-Override", "308")
		}
		io.WriteString(w, `{"name": "key", "generation": "7"}`)
	}
}

func TestObjectLock(t *testing.T) {
	t.Parallel()
	service := &retaining{}
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	s := mustOpen(t, store.Config{Bucket: "bucket", Endpoint: server.URL}, transport.Idle)
	if f, err := s.Features(t.Context()); err != nil || !f.ObjectLock || !f.Versions {
		t.Fatalf("features: %+v, %v", f, err)
	}
	until := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, size := range []int{10, 17 << 20} {
		o, err := s.Put(t.Context(), "key", bytes.NewReader(make([]byte, size)), store.PutOptions{RetainUntil: until})
		if err != nil || o.Version != "7" {
			t.Fatalf("put %d bytes: %+v, %v", size, o, err)
		}
	}
	if len(service.told) != 2 {
		t.Fatalf("%d requests made an object", len(service.told))
	}
	for _, told := range service.told {
		if !strings.Contains(told, `"retention":{"mode":"Locked","retainUntilTime":"2030-01-02T03:04:05Z"}`) {
			t.Errorf("told %.500q", told)
		}
	}
}
