package servers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// GCSServer is an emulator of Google Cloud Storage with its data in memory.
type GCSServer struct {
	*Process
	// Endpoint is its base URL.
	Endpoint string

	buckets atomic.Int32
}

// GCS starts an emulator of Google Cloud Storage.
func GCS(t testing.TB) *GCSServer {
	t.Helper()
	address := Address(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatalf("split %q: %v", address, err)
	}
	g := &GCSServer{Endpoint: "http://" + address}
	// A public host without a port is found under any, so also behind a proxy.
	cmd := exec.Command(Tool(t, "fake-gcs-server"), "-backend", "memory", "-scheme", "http",
		"-host", host, "-port", port, "-public-host", host, "-external-url", g.Endpoint, "-log-level", "error")
	g.Process = Start(t, cmd, Answering(http.DefaultClient, g.Endpoint+"/_internal/healthcheck"))
	return g
}

// Bucket makes a new bucket and returns the configuration of a store in it.
func (g *GCSServer) Bucket(t testing.TB) store.Config {
	t.Helper()
	return g.makeBucket(t, false)
}

// VersionedBucket makes a new bucket with versions.
func (g *GCSServer) VersionedBucket(t testing.TB) store.Config {
	t.Helper()
	return g.makeBucket(t, true)
}

func (g *GCSServer) makeBucket(t testing.TB, versioned bool) store.Config {
	t.Helper()
	c := store.Config{Kind: "gcs", Bucket: "bucket-" + strconv.Itoa(int(g.buckets.Add(1))), Endpoint: g.Endpoint}
	err := g.send(http.MethodPost, "/storage/v1/b?project=test", map[string]any{
		"name": c.Bucket, "versioning": map[string]any{"enabled": versioned},
	})
	if err != nil {
		t.Fatalf("make bucket %s: %v", c.Bucket, err)
	}
	return c
}

// Proxied returns a store's configuration with its endpoint behind a proxy.
// Uploads of all clients go through the proxy from then on: where to send the
// rest of an upload is a setting of the server.
func (g *GCSServer) Proxied(t testing.TB, c store.Config) (store.Config, *Proxy) {
	t.Helper()
	c, p := behindProxy(t, c)
	if err := g.send(http.MethodPut, "/_internal/config", map[string]any{"externalUrl": c.Endpoint}); err != nil {
		t.Fatalf("tell the server about the proxy: %v", err)
	}
	return c, p
}

func (g *GCSServer) send(method, path string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, g.Endpoint+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return nil
}
