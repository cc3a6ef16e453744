package managedtest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// serve serves a double over TLS and returns its URL, and the file of the
// certificate authority that a client must trust for it.
func serve(t testing.TB, double http.Handler) (url, caFile string) {
	t.Helper()
	certFile, keyFile := servers.Certificate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: double, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(listener, certFile, keyFile) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the double has ended: %v", err)
		}
	})
	return "https://localhost:" + strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), certFile
}
