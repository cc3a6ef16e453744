package transport

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func client(t *testing.T, o Options) *http.Client {
	t.Helper()
	through, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(through.CloseIdleConnections)
	return &http.Client{Transport: through}
}

// silent accepts connections and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "http://" + l.Addr().String()
}

func TestStalledRequestEnds(t *testing.T) {
	t.Parallel()
	address := silent(t)
	for name, body := range map[string]io.Reader{"small": nil, "large": bytes.NewReader(make([]byte, 32<<20))} {
		_, err := client(t, Options{Idle: 100 * time.Millisecond}).Post(address, "", body)
		if _, stalled := errors.AsType[*stalledError](err); !stalled || fault.KindOf(Fault(err, "send")) != fault.Unavailable {
			t.Errorf("%s request: %v", name, err)
		}
	}
}

func TestSlowProgressIsNoStall(t *testing.T) {
	t.Parallel()
	// A loaded machine must not look like a stall.
	const idle = 3 * time.Second
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Longer than idle in all, on the way there and on the way back; but what
		// the kernel's buffers hold, ten megabytes at most, is read in less.
		piece := make([]byte, 1<<20)
		for {
			if _, err := io.ReadFull(r.Body, piece); err != nil {
				break
			}
			time.Sleep(idle / 30)
		}
		for range 12 {
			w.Write([]byte("x"))
			w.(http.Flusher).Flush()
			time.Sleep(idle / 10)
		}
	}))
	t.Cleanup(server.Close)
	response, err := client(t, Options{Idle: idle}).Post(server.URL, "", bytes.NewReader(make([]byte, 48<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, err := io.ReadAll(response.Body); err != nil || len(got) != 12 {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCAFile(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.pem"), filepath.Join(dir, "bad.pem")
	if err := os.WriteFile(good, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}

	response, err := client(t, Options{CAFile: good, Idle: Idle}).Get(server.URL)
	if err != nil {
		t.Fatalf("with its certificate: %v", err)
	}
	response.Body.Close()
	if _, err := client(t, Options{Idle: Idle}).Get(server.URL); fault.KindOf(Fault(err, "get")) != fault.Unavailable {
		t.Errorf("without its certificate: %v", err)
	}
	for _, file := range []string{bad, filepath.Join(dir, "missing.pem")} {
		if _, err := New(Options{CAFile: file, Idle: Idle}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("with %s: %v", file, err)
		}
	}
}

// A service may refuse a request that it has not read, and hang up: what it
// says is heard all the same.
func TestAnswerOfAServiceThatHangsUp(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(http.Handler) *httptest.Server{"plain": httptest.NewServer, "tls": httptest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var silent atomic.Bool
			server := start(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				if !silent.Load() {
					_, _ = io.WriteString(conn, "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 2\r\n\r\nno")
				}
			}))
			t.Cleanup(server.Close)
			o := Options{Idle: Idle}
			if server.Certificate() != nil {
				o.CAFile = filepath.Join(t.TempDir(), "ca.pem")
				if err := os.WriteFile(o.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			client := client(t, o)
			for round := range 20 {
				response, err := client.Post(server.URL, "", bytes.NewReader(make([]byte, 8<<20)))
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				text, err := io.ReadAll(response.Body)
				response.Body.Close()
				if response.StatusCode != http.StatusPreconditionFailed || string(text) != "no" || err != nil {
					t.Fatalf("round %d: %s, %q, %v", round, response.Status, text, err)
				}
			}
			silent.Store(true)
			for round := range 5 {
				_, err := client.Post(server.URL, "", bytes.NewReader(make([]byte, 8<<20)))
				if err = Fault(err, "send"); fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), "\n") {
					t.Fatalf("round %d without an answer: %v", round, err)
				}
			}
		})
	}
}
