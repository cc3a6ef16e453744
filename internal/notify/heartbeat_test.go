package notify_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/notify"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	code := http.StatusOK
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.String())
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(code)
	}))
	defer server.Close()
	h, err := notify.NewHeartbeat(notify.Config{URL: secret.String(server.URL + "/ping/token-in-the-path?status=up")})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Beat(t.Context()); err != nil || len(asked) != 1 || asked[0] != "GET /ping/token-in-the-path?status=up" {
		t.Errorf("%v; it was asked %q", err, asked)
	}
	for status, kind := range map[int]fault.Kind{
		http.StatusServiceUnavailable: fault.Unavailable, http.StatusNotFound: fault.Denied, http.StatusMovedPermanently: fault.Invalid,
	} {
		code, asked = status, nil
		if err := h.Beat(t.Context()); fault.KindOf(err) != kind || len(asked) != 1 || strings.Contains(err.Error(), "token-in-the-path") {
			t.Errorf("HTTP %d is %v after %q", status, err, asked)
		}
	}
	server.Close()
	if err := h.Beat(t.Context()); fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), "token-in-the-path") {
		t.Errorf("a service that is away gives %v", err)
	}
}
