package observe

import (
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// shows looks at one server.
func shows(t *testing.T, e endpoint) (string, time.Time) {
	t.Helper()
	found, err := certificates(t.Context(), []endpoint{e})
	if err != nil || len(found.certificates) != 1 {
		t.Fatalf("%s: %v %v, %d certificates", e.address, err, found.failed, len(found.certificates))
	}
	c := found.certificates[0]
	if c.Where != e.address {
		t.Errorf("it is said to be of %s", c.Where)
	}
	return c.Subject, c.NotAfter
}

func TestCertificateOfATLSServer(t *testing.T) {
	t.Parallel()
	certFile, keyFile := servers.Certificate(t)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]tls.ClientAuthType{"any client": tls.NoClientCert, "clients with certificates": tls.RequireAnyClientCert} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: want})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			go serve(l)
			subject, until := shows(t, endpoint{address: l.Addr().String()})
			if left := time.Until(until); subject != "CN=localhost" || left < 23*time.Hour || left > 25*time.Hour {
				t.Errorf("%s until %v", subject, until)
			}
		})
	}
}

// serve completes handshakes until the listener is closed.
func serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_, _ = conn.Read(make([]byte, 1))
		}()
	}
}

func TestCertificateOfPostgreSQL(t *testing.T) {
	t.Parallel()
	certFile, keyFile := servers.Certificate(t)
	pg := servers.Postgres(t)
	plain := ofPostgres(pg.URL, "")[0]
	if found, err := certificates(t.Context(), []endpoint{plain}); err != nil || len(found.certificates) != 0 {
		t.Errorf("without TLS: %v %+v", err, found)
	}
	must := ofPostgres(pg.URL+"?sslmode=require", "")[0]
	found, err := certificates(t.Context(), []endpoint{must})
	if err == nil || len(found.failed) != 1 || !strings.Contains(found.failed[0], "does not speak TLS") {
		t.Errorf("without TLS, where the URL asks for it: %v %+v", err, found)
	}
	give(t, pg, certFile, "server.crt")
	give(t, pg, keyFile, "server.key")
	settings, err := os.OpenFile(filepath.Join(pg.Dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := settings.WriteString("\nssl = on\n"); err != nil {
		t.Fatal(err)
	}
	settings.Close()
	pg.Restart(t)
	if subject, _ := shows(t, plain); subject != "CN=localhost" {
		t.Errorf("its subject is %s", subject)
	}
}

// give puts a file into a server's data folder, for its own user alone.
func give(t *testing.T, pg *servers.PG, file, name string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(pg.Dir, name)
	if err := os.WriteFile(to, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	folder, err := os.Stat(pg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	owner, ok := folder.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("the owner of a folder is not known")
	}
	if err := os.Chown(to, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
}

func TestCertificateOfRedis(t *testing.T) {
	t.Parallel()
	certFile, keyFile := servers.Certificate(t)
	port := servers.FreePort(t)
	servers.Redis(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-ca-cert-file", certFile)
	c := config.Surface{Config: surface.Config{Kind: surface.KindRedis, URL: secret.String("rediss://:x@127.0.0.1:" + strconv.Itoa(port))}}
	if subject, _ := shows(t, ofSurface(c)[0]); subject != "CN=localhost" {
		t.Errorf("its subject is %s", subject)
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	gone := endpoint{address: "127.0.0.1:" + strconv.Itoa(servers.FreePort(t)), optional: true, postgres: true}
	if found, err := certificates(t.Context(), []endpoint{gone}); err == nil || len(found.failed) != 1 {
		t.Errorf("%v %+v", err, found)
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	c := &config.Config{
		Surfaces: map[string]config.Surface{
			"a": {Config: surface.Config{Kind: surface.KindPostgres, URL: "postgres://u:p@db.example:6432,other.example/x?sslmode=verify-full", StandbyURL: "postgres://u@[::1]/x"}},
			"b": {Config: surface.Config{Kind: surface.KindPostgres, URL: "postgres:///x?host=/run/postgresql"}},
			"c": {Config: surface.Config{Kind: surface.KindPostgres, URL: "postgres://h/x?sslmode=disable"}},
			"d": {Config: surface.Config{Kind: surface.KindRedis, URL: "redis://cache"}},
			"e": {Config: surface.Config{Kind: surface.KindRedis, URL: "rediss://cache"}},
			"f": {Config: surface.Config{Kind: surface.KindGit, Repository: &surface.Repository{URL: "https://git.example/repo"}}},
		},
		Stores: map[string]store.Config{
			"p": {Endpoint: "https://s3.example:9000"}, "q": {Endpoint: "http://plain"}, "r": {Kind: "s3", Bucket: "b"},
			"s": {ConnectionString: "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=k=="},
			"t": {ConnectionString: "AccountName=acc;BlobEndpoint=http://127.0.0.1:1/acc"},
		},
		Temporal: config.Temporal{Address: "temporal:7233", TLS: config.TLS{CA: "/ca"}},
		Watch:    config.Watch{Certificates: []string{"www.example:443", "cache:6379"}},
	}
	var got []string
	for _, e := range endpoints(c) {
		line := e.surface + " " + e.address
		if e.postgres {
			line += " postgres"
		}
		if e.optional {
			line += " optional"
		}
		got = append(got, line)
	}
	want := []string{
		"a db.example:6432 postgres", "a other.example:5432 postgres", "a [::1]:5432 postgres optional", "e cache:6379", "f git.example:443",
		" s3.example:9000", " acc.blob.core.windows.net:443", " temporal:7233", " www.example:443",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestDisks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	found, failed := disks("host", []folder{{dir, "data"}, {filepath.Join(dir, "store"), "store a"}, {dir, "watched"}, {filepath.Join(dir, "gone"), "watched"}})
	if len(found) != 1 || found[0].What != "data, watched" || found[0].Where != "host:"+dir {
		t.Fatalf("%+v", found)
	}
	if d := found[0]; d.Used <= 0 || d.Size <= d.Used {
		t.Errorf("%d of %d bytes", d.Used, d.Size)
	}
	// As df has it: used and available, in blocks of 1 byte.
	out, err := exec.Command("df", "-B1", "--output=used,avail", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(out))
	used, _ := strconv.ParseFloat(fields[len(fields)-2], 64)
	free, _ := strconv.ParseFloat(fields[len(fields)-1], 64)
	if ours, theirs := float64(found[0].Used)/float64(found[0].Size), used/(used+free); ours-theirs > 0.05 || theirs-ours > 0.05 {
		t.Errorf("%.3f is used, df says %.3f", ours, theirs)
	}
	if len(failed) != 1 || !strings.Contains(failed[0].Error(), "gone") {
		t.Errorf("what failed: %v", failed)
	}
}
