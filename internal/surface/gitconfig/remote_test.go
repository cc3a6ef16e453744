package gitconfig_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

const (
	webUser  = "deploy-bot"
	webToken = "glpat-0123456789abcdef"
)

// web serves a repository by git's own program for that, over TLS.
type web struct {
	*httptest.Server
	// seen is set when a command line of this host had the token.
	seen atomic.Bool
	// authorised counts requests with the right credentials.
	authorised atomic.Int64
	// instead answers in place of the repository.
	instead atomic.Pointer[http.HandlerFunc]
}

func newWeb(t *testing.T, s source) *web {
	t.Helper()
	path := run(t, "", "--exec-path")
	backend := &cgi.Handler{
		Path: filepath.Join(path, "git-http-backend"),
		Env: []string{
			"GIT_PROJECT_ROOT=" + filepath.Dir(s.dir), "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		},
		InheritEnv: []string{"PATH"}, Stderr: io.Discard,
	}
	w := &web{}
	w.Server = httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		if instead := w.instead.Load(); instead != nil {
			(*instead)(out, in)
			return
		}
		if user, password, _ := in.BasicAuth(); user != webUser || password != webToken {
			out.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(out, "who are you", http.StatusUnauthorized)
			return
		}
		w.authorised.Add(1)
		lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, line := range lines {
			if text, _ := os.ReadFile(line); strings.Contains(string(text), webToken) {
				w.seen.Store(true)
			}
		}
		backend.ServeHTTP(out, in)
	}))
	t.Cleanup(w.Close)
	return w
}

// url is that of the repository, for somebody.
func (w *web) url(login string) string {
	return strings.Replace(w.URL, "https://", "https://"+login+"@", 1) + "/configuration/.git"
}

func (w *web) trusted(t *testing.T) func(*surface.Config) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *surface.Config) { c.CAFile = file }
}

func TestHTTPS(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	s.commit(values("two"))
	w := newWeb(t, s)
	surf := open(t, of(w.url(webUser+":"+webToken), w.trusted(t)))
	if server, err := surf.Probe(t.Context()); err != nil || server.Product != "Git" {
		t.Errorf("probe: %+v, %v", server, err)
	}
	view, err := surf.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	if strings.Contains(view.Token(), webToken) {
		t.Error("the token of the view holds the credentials")
	}
	for _, part := range view.Parts() {
		if strings.Contains(string(part.Spec), webToken) {
			t.Errorf("part %s holds the credentials", part.Name)
		}
	}
	// Another worker fetches by itself.
	surfacetest.Restore(t, surf, folder(t), surfacetest.Dump(t, open(t, of(w.url(webUser+":"+webToken), w.trusted(t))), view))
	if w.authorised.Load() == 0 || w.seen.Load() {
		t.Errorf("%d requests had credentials; on a command line: %v", w.authorised.Load(), w.seen.Load())
	}
}

func TestHTTPSThatRefuses(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	w := newWeb(t, s)
	good := w.url(webUser + ":" + webToken)
	answer := func(status int, text string) *http.HandlerFunc {
		f := http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { http.Error(out, text, status) })
		return &f
	}
	for name, c := range map[string]struct {
		url     string
		change  func(*surface.Config)
		instead *http.HandlerFunc
		want    fault.Kind
	}{
		"a wrong token":    {w.url(webUser + ":glpat-wrong-wrong-wrong"), w.trusted(t), nil, fault.Denied},
		"no credentials":   {w.URL + "/configuration/.git", w.trusted(t), nil, fault.Denied},
		"an unknown CA":    {good, func(*surface.Config) {}, nil, fault.Denied},
		"no repository":    {strings.Replace(good, "configuration", "nothing", 1), w.trusted(t), nil, fault.Missing},
		"a server in pain": {good, w.trusted(t), answer(http.StatusBadGateway, "later"), fault.Unavailable},
		"forbidden":        {good, w.trusted(t), answer(http.StatusForbidden, webToken), fault.Denied},
		"no server":        {"https://" + webUser + ":" + webToken + "@127.0.0.1:1/a", w.trusted(t), nil, fault.Unavailable},
	} {
		w.instead.Store(c.instead)
		_, err := open(t, of(c.url, c.change)).Hold(t.Context())
		if !fault.Is(err, c.want) {
			t.Errorf("%s: %v is %s, not %s", name, err, fault.KindOf(err), c.want)
		}
		if err != nil && (strings.Contains(err.Error(), webToken) || strings.Contains(err.Error(), "glpat-wrong") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: the error tells too much: %v", name, err)
		}
	}
}

func TestAFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.commit(values("one"))
	w := newWeb(t, s)
	ctx, cancel := context.WithCancelCause(t.Context())
	// It never answers; the client is gone when the test server closes.
	hang := http.HandlerFunc(func(_ http.ResponseWriter, in *http.Request) {
		cancel(context.Canceled)
		<-in.Context().Done()
	})
	w.instead.Store(&hang)
	ended := make(chan error, 1)
	go func() {
		_, err := open(t, of(w.url(webUser+":"+webToken), w.trusted(t))).Hold(ctx)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a cancelled fetch succeeded")
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("a cancelled fetch goes on")
	}
}

// secureShell is a server that runs git's own program for one key alone. It
// speaks the real protocol to the real ssh; the program sshd is not needed.
type secureShell struct {
	address, host, port string
	keyFile, strangers  string
	knownHosts          string
}

func newSecureShell(t *testing.T) secureShell {
	t.Helper()
	dir := t.TempDir()
	out := secureShell{
		keyFile: filepath.Join(dir, "key"), strangers: filepath.Join(dir, "stranger"), knownHosts: filepath.Join(dir, "known hosts"),
	}
	allowed := newKey(t, out.keyFile)
	newKey(t, out.strangers)
	host := newKey(t, filepath.Join(dir, "host"))
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), allowed.PublicKey().Marshal()) {
			return nil, os.ErrPermission
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	out.address = l.Addr().String()
	out.host, out.port, _ = net.SplitHostPort(out.address)
	line := "[" + out.host + "]:" + out.port + " " + string(ssh.MarshalAuthorizedKey(host.PublicKey()))
	if err := os.WriteFile(out.knownHosts, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveShell(conn, config)
		}
	}()
	return out
}

func newKey(t *testing.T, file string) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// serveShell runs what a connection asks for, if that is git-upload-pack.
func serveShell(conn net.Conn, config *ssh.ServerConfig) {
	server, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		conn.Close()
		return
	}
	defer server.Close()
	go ssh.DiscardRequests(requests)
	for wanted := range channels {
		channel, asked, err := wanted.Accept()
		if err != nil {
			return
		}
		for request := range asked {
			var command struct{ Text string }
			if request.Type != "exec" || ssh.Unmarshal(request.Payload, &command) != nil || !strings.HasPrefix(command.Text, "git-upload-pack '") {
				_ = request.Reply(false, nil)
				continue
			}
			_ = request.Reply(true, nil)
			cmd := exec.Command("sh", "-c", command.Text)
			cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
			// The client says nothing more to a program that has ended.
			in, err := cmd.StdinPipe()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(in, channel); in.Close() }()
			var status struct{ Code uint32 }
			if cmd.Run() != nil {
				status.Code = 128
			}
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
			channel.Close()
		}
	}
}

func (s secureShell) with(key, hosts string) func(*surface.Config) {
	return func(c *surface.Config) { c.Repository.SSHKeyFile, c.Repository.KnownHostsFile = key, hosts }
}

func TestSSH(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Fatal("the program ssh is missing: run make setup")
	}
	s := newSource(t)
	s.commit(values("one"))
	shell := newSecureShell(t)
	url := "ssh://git@" + shell.address + s.dir
	surf := open(t, of(url, shell.with(shell.keyFile, shell.knownHosts)))
	surfacetest.Restore(t, surf, folder(t), surfacetest.Take(t, surf))

	unknown := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		url, key, hosts string
		want            fault.Kind
	}{
		"a stranger's key":      {url, shell.strangers, shell.knownHosts, fault.Denied},
		"a host nobody knows":   {url, shell.keyFile, unknown, fault.Denied},
		"a key that is missing": {url, unknown, shell.knownHosts, fault.Denied},
		"no such repository":    {url + "-gone", shell.keyFile, shell.knownHosts, fault.Missing},
		"no server":             {"ssh://git@127.0.0.1:1" + s.dir, shell.keyFile, shell.knownHosts, fault.Unavailable},
	} {
		_, err := open(t, of(c.url, shell.with(c.key, c.hosts))).Hold(t.Context())
		if !fault.Is(err, c.want) {
			t.Errorf("%s: %v is %s, not %s", name, err, fault.KindOf(err), c.want)
		}
	}
}
