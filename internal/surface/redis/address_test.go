package redis

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestBadAddresses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	noPEM := filepath.Join(dir, "no.pem")
	if err := os.WriteFile(noPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]surface.Config{
		"no URL":             {},
		"another scheme":     {URL: "http://u:hunter2@localhost"},
		"a bad port":         {URL: "redis://u:hunter2@localhost:port"},
		"a bad escape":       {URL: "redis://u:hunter2%zz@localhost"},
		"a bad database":     {URL: "redis://u:hunter2@localhost/main"},
		"files without TLS":  {URL: "redis://u:hunter2@localhost", CAFile: noPEM},
		"an absent CA":       {URL: "rediss://u:hunter2@localhost", CAFile: filepath.Join(dir, "absent")},
		"no CA in the file":  {URL: "rediss://u:hunter2@localhost", CAFile: noPEM},
		"no key":             {URL: "rediss://u:hunter2@localhost", CertFile: noPEM},
		"no key in the file": {URL: "rediss://u:hunter2@localhost", CertFile: noPEM, KeyFile: noPEM},
	} {
		_, err := New("cache", c)
		if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"redis://localhost:1": true, "redis://127.3.2.1": true, "redis://[::1]:6379": true,
		"redis://10.0.0.1": false, "redis://localhost.example.org": false,
	} {
		a, err := parse(secret.String(url), surface.Config{})
		if err != nil || a.isLoopback() != want {
			t.Errorf("%s is on this host: %v, not %v: %v", url, a.isLoopback(), want, err)
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	files := newCertificates(t)
	port := strconv.Itoa(servers.FreePort(t))
	server := servers.Redis(t, "--tls-port", port, "--tls-cert-file", files.cert, "--tls-key-file", files.key,
		"--tls-ca-cert-file", files.ca, "--tls-auth-clients", "yes")
	do(t, server.Client(t), "SET", "k", "v")
	url := secret.String(strings.Replace(strings.Replace(server.URL, "redis://", "rediss://", 1),
		server.Address, "127.0.0.1:"+port, 1))
	full := surface.Config{URL: url, CAFile: files.ca, CertFile: files.cert, KeyFile: files.key}
	s, err := New("cache", full)
	if err != nil {
		t.Fatal(err)
	}
	point := surfacetest.Take(t, s)
	if len(point.Fingerprint()) != 1 {
		t.Errorf("the point shows %v", point.Fingerprint())
	}
	// The same server as target, reached with the same certificates.
	surfacetest.Restore(t, s, surface.Target{URL: url, Replace: true}, point)

	full.CAFile = ""
	s, err = New("cache", full)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Probe(t.Context()); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "caFile") {
		t.Errorf("probe of a server that nobody vouches for: %v", err)
	}
	if _, err := s.Dump(t.Context(), "", surface.Part{}, writerFunc(nil)); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "caFile") {
		t.Errorf("dump of a server that nobody vouches for: %v", err)
	}
	s, err = New("cache", surface.Config{URL: url, CAFile: files.ca})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Probe(t.Context()); err == nil {
		t.Error("a server that asks for a certificate took none")
	}
}

type certificates struct{ ca, cert, key string }

// newCertificates makes an authority and a certificate of it for 127.0.0.1.
func newCertificates(t *testing.T) certificates {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sign := func(template, parent *x509.Certificate, public, private any) []byte {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, public, private)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	authority, errAuthority := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	own, errOwn := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if errAuthority != nil || errOwn != nil {
		t.Fatal(errAuthority, errOwn)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test server"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	key, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return certificates{
		ca:   write("ca.pem", "CERTIFICATE", sign(ca, ca, authority.Public(), authority)),
		cert: write("cert.pem", "CERTIFICATE", sign(leaf, ca, own.Public(), authority)),
		key:  write("key.pem", "EC PRIVATE KEY", key),
	}
}
