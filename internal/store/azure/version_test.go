package azure

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/storetest"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// versioned is an account that keeps versions, as the service documents it; the
// emulator has none. Deleting a blob leaves it without a current version.
type versioned struct {
	mu       sync.Mutex
	versions map[string]map[string]int
	current  map[string]string
	writes   int
}

func (v *versioned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
	switch r.Method {
	case http.MethodPut:
		v.put(w, r)
	case http.MethodDelete:
		delete(v.current, r.URL.Path)
		w.WriteHeader(http.StatusAccepted)
	default:
		v.head(w, r)
	}
}

func (v *versioned) put(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	v.writes++
	id := time.Date(2026, 3, 4, 5, 6, v.writes, 0, time.UTC).Format("2006-01-02T15:04:05.0000000Z")
	if v.versions[r.URL.Path] == nil {
		v.versions[r.URL.Path] = map[string]int{}
	}
	v.versions[r.URL.Path][id], v.current[r.URL.Path] = len(body), id
	w.Header().Set("x-ms-version-id", id)
	w.WriteHeader(http.StatusCreated)
}

func (v *versioned) head(w http.ResponseWriter, r *http.Request) {
	id := v.current[r.URL.Path]
	if r.URL.Query().Has("versionid") {
		id = r.URL.Query().Get("versionid")
		if _, err := time.Parse("2006-01-02T15:04:05.0000000Z", id); err != nil {
			w.Header().Set("x-ms-error-code", "InvalidQueryParameterValue")
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	size, ok := v.versions[r.URL.Path][id]
	if !ok {
		w.Header().Set("x-ms-error-code", "BlobNotFound")
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("x-ms-version-id", id)
	w.Header().Set("Content-Length", strconv.Itoa(size))
}

func TestVersions(t *testing.T) {
	t.Parallel()
	t.Run("Account", func(t *testing.T) {
		server := httptest.NewServer(&versioned{versions: map[string]map[string]int{}, current: map[string]string{}})
		t.Cleanup(server.Close)
		connection := secret.String("AccountName=a;AccountKey=a2V5;BlobEndpoint=" + server.URL + "/a")
		storetest.Versions(t, mustOpen(t, store.Config{Container: "c", ConnectionString: connection, Prefix: "some/prefix"}, transport.Idle))
	})
	emulator := servers.Azure(t)
	t.Run("WithoutVersions", func(t *testing.T) {
		storetest.NoVersions(t, mustOpen(t, emulator.Container(t), transport.Idle))
	})
	t.Run("Unusable", func(t *testing.T) {
		const version = "2026-01-02T03:04:05.0000000Z"
		c := emulator.WrongKey(emulator.Container(t))
		storetest.UnusableVersions(t, mustOpen(t, c, transport.Idle), version, fault.Denied)
		c, proxy := emulator.Proxied(t, emulator.Container(t))
		proxy.Refuse()
		storetest.UnusableVersions(t, mustOpen(t, c, storetest.Impatient), version, fault.Unavailable)
	})
}
