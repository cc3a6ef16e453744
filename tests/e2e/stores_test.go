package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// onS3 is a site whose primary store is an S3 bucket.
func onS3(t *testing.T, postgres string, c store.Config) *site {
	t.Helper()
	rd := servers.Redis(t)
	s := siteFor(t, postgres, rd.URL)
	place := fmt.Sprintf("{kind: s3, bucket: %s, endpoint: %q, caFile: %q, accessKeyId: %s, secretAccessKey: %s}",
		c.Bucket, c.Endpoint, c.CAFile, c.AccessKeyID, c.SecretAccessKey.Reveal())
	return s.with(t, "primary: {kind: local, dir: "+s.storeDir+"}", "primary: "+place, "copies: [second], ", "")
}

// TestStoreFails breaks the connections to the store in the middle of a part,
// in three ways; each snapshot goes on once the store is back.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	pg, s3 := servers.Postgres(t), servers.S3(t)
	live := shop(t, pg, 100)
	noise(t, live, noiseRows)
	slow, source := behind(t, live)
	c, link := s3.Proxied(t, s3.Bucket(t))
	s := onS3(t, slow, c)
	s.start(t, "up")
	for name, fail := range map[string]func(t *testing.T, run started){
		"refuses": func(t *testing.T, run started) {
			link.Refuse()
			source.Heal()
			temporal := s.temporal(t)
			eventually(t, time.Minute, "a dump has failed", func() bool { return retried(t, temporal, run, "Dump") })
		},
		"cuts": func(t *testing.T, _ started) {
			link.CutAfter(1 << 20)
			source.Heal()
			eventually(t, time.Minute, "the connections are cut", link.Cut)
		},
		"stalls": func(t *testing.T, run started) {
			link.Stall()
			source.Heal()
			eventually(t, time.Minute, "bytes are stuck", func() bool { return link.Waiting() > 0 })
			temporal := s.temporal(t)
			from := time.Now()
			eventually(t, 2*time.Minute, "the step lives on while nothing moves", func() bool {
				under := pending(t, temporal, run, "Dump", nil)
				return len(under) > 0 && under[0].GetLastHeartbeatTime().AsTime().Sub(from) > silentFor
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := s.createStalled(t, source)
			fail(t, run)
			link.Heal()
			s.verified(t, run, live)
		})
	}
}

// silentFor is longer than a worker may be silent that moves bytes.
const silentFor = 22 * time.Second

// TestStoreFailsAfterTheManifest loses the answer to the request that makes the
// point exist: it exists, once, and the run knows.
func TestStoreFailsAfterTheManifest(t *testing.T) {
	t.Parallel()
	pg, s3 := servers.Postgres(t), servers.S3(t)
	live := shop(t, pg, 100)
	c := s3.Bucket(t)
	lost := forgetful(t, &c)
	s := onS3(t, live, c)
	s.start(t, "up")
	run := s.create(t)
	s.verified(t, run, live)
	if lost.Load() != 1 {
		t.Errorf("%d answers were lost, want 1", lost.Load())
	}
}

// forgetful puts a server before the one of c that passes everything on, and
// loses the answer to the first manifest that was accepted. It counts what it lost.
func forgetful(t *testing.T, c *store.Config) *atomic.Int32 {
	t.Helper()
	upstream, err := url.Parse(c.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(pem)
	lost := &atomic.Int32{}
	proxy := &httputil.ReverseProxy{
		// The host stays what it was: the signature covers it.
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(upstream); r.Out.Host = r.In.Host },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, DisableCompression: true},
		ModifyResponse: func(r *http.Response) error {
			accepted := r.Request.Method == http.MethodPut && strings.HasSuffix(r.Request.URL.Path, "/manifest.json") && r.StatusCode == http.StatusOK
			if accepted && lost.CompareAndSwap(0, 1) {
				return errLostAnswer
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	cert, key := servers.Certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(proxy)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	c.Endpoint, c.CAFile = server.URL, cert
	return lost
}

var errLostAnswer = errors.New("the connection breaks before the answer")

// TestDiskFull fills the disk of a local store: nothing is listed while there
// is no room, and the snapshot goes on once there is.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Fatal("this test mounts a small disk: run it as root")
	}
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 100)
	noise(t, live, noiseRows)
	s := siteFor(t, live, rd.URL)
	if err := os.Mkdir(s.storeDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", s.storeDir, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatal("mount a small disk: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(s.storeDir, 0); err != nil {
			t.Error(err)
		}
	})
	s.start(t, "up")
	run := s.create(t)
	c := s.temporal(t)
	eventually(t, time.Minute, "a dump has failed", func() bool { return retried(t, c, run, "Dump") })
	s.nothingListed(t)
	if found, err := filepath.Glob(filepath.Join(s.storeDir, "points/main/*/manifest.json")); err != nil || len(found) > 0 {
		t.Errorf("there is a manifest: %v, %v", found, err)
	}
	if err := syscall.Mount("tmpfs", s.storeDir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal("enlarge the disk: ", err)
	}
	s.verified(t, run, live)
}

// TestWaitingIsExplained asks for a snapshot of a source that is down: whoever
// waits is told why, and the snapshot comes once the source is back.
func TestWaitingIsExplained(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	slow, source := behind(t, shop(t, pg, 10))
	s := siteFor(t, slow, rd.URL)
	s.start(t, "up")
	source.Refuse()
	cmd := exec.CommandContext(t.Context(), binary, "snapshot", "create", "main", "--wait", "-o", "json")
	cmd.Env = s.env
	var out bytes.Buffer
	cmd.Stdout = &out
	told, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(told)
	for lines.Scan() && !strings.Contains(lines.Text(), "trying again: ") {
	}
	if !strings.Contains(lines.Text(), "connection refused") {
		t.Errorf("whoever waits is told %q", lines.Text())
	}
	source.Heal()
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), `"verified"`) {
		t.Errorf("the snapshot in the end: %v, %s", err, out.String())
	}
}
