package velero

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestDownloadsThatFailSayWhyAndNotWhere(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte("the text")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			w.WriteHeader(http.StatusNotFound)
		case "/denied":
			w.WriteHeader(http.StatusForbidden)
		case "/broken":
			w.WriteHeader(http.StatusBadGateway)
		case "/plain":
			_, _ = w.Write([]byte("no gzip"))
		default:
			_, _ = w.Write(packed.Bytes())
		}
	}))
	t.Cleanup(server.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	const signature = "X-Amz-Signature=hunter2"
	var text []byte
	read := func(r io.Reader) (err error) {
		text, err = io.ReadAll(r)
		return err
	}
	for link, kind := range map[string]fault.Kind{
		server.URL + "/missing": fault.Missing, server.URL + "/denied": fault.Denied, server.URL + "/broken": fault.Unavailable,
		server.URL + "/plain": fault.Corrupt, closed.URL + "/file": fault.Unavailable, "http://[::1": fault.Unsupported,
	} {
		err := open(t.Context(), http.DefaultClient, link+"?"+signature, read)
		if !fault.Is(err, kind) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", link, err)
		}
	}
	if err := open(t.Context(), http.DefaultClient, server.URL+"/file?"+signature, read); err != nil || string(text) != "the text" {
		t.Errorf("%q, %v", text, err)
	}
}
