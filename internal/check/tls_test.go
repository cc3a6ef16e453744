package check_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func pemOf(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}

// handshakes is a server that makes handshakes with the certificate, and nothing else.
func handshakes(t *testing.T, certificate tls.Certificate) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			// Whether it succeeds is for the client to say.
			_ = conn.(*tls.Conn).HandshakeContext(t.Context())
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// localhost is a certificate of localhost that is valid for another day.
func localhost(t *testing.T) (certificate tls.Certificate, caFile string) {
	t.Helper()
	certFile, keyFile := servers.Certificate(t)
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, certFile
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certificate, caFile := localhost(t)
	address := handshakes(t, certificate)
	notAfter := certificate.Leaf.NotAfter.UTC().Format(time.RFC3339)
	r := &check.Runner{}
	ask := func(change func(*drill.Check)) drill.Check {
		c := drill.Check{Kind: drill.CheckTLS, Address: address, CAFile: caFile, MinValid: drill.Duration(time.Hour)}
		change(&c)
		return c
	}
	try(t, r, ask(func(*drill.Check) {}),
		want{drill.Pass, address, "a trusted certificate, valid for 1h0m0s or more", "notAfter " + notAfter + ", 0 days left", ""})
	try(t, r, ask(func(c *drill.Check) { c.ServerName = "localhost" }), want{drill.Pass, address + " as localhost", "", notAfter, ""})
	try(t, r, ask(func(c *drill.Check) { c.MinValid = 0 }),
		want{drill.Fail, "", "valid for 14d or more", "notAfter " + notAfter, "the certificate of CN=localhost ends at " + notAfter + ", in less than 14d"})
	try(t, r, ask(func(c *drill.Check) { c.ServerName = "example.com" }),
		want{drill.Fail, "", "", "notAfter " + notAfter, "the certificate is not to be trusted: x509: certificate is valid for localhost, not example.com"})
	try(t, r, ask(func(c *drill.Check) { c.CAFile = "" }), fail("the certificate is not to be trusted: x509: "))
	try(t, r, ask(func(c *drill.Check) { c.CAFile = "/absent.pem" }), fail("read caFile: open /absent.pem"))
	noPEM := filepath.Join(t.TempDir(), "no.pem")
	if err := os.WriteFile(noPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	try(t, r, ask(func(c *drill.Check) { c.CAFile = noPEM }), fail("holds no certificate in PEM"))
}

func TestTLSOfAnExpiredCertificate(t *testing.T) {
	t.Parallel()
	a := authority(t, "root", time.Now().Add(time.Hour), nil)
	expired := a.issue(t, time.Now().Add(-time.Minute))
	address := handshakes(t, expired)
	try(t, &check.Runner{}, drill.Check{Kind: drill.CheckTLS, Address: address, CAFile: a.file},
		want{drill.Fail, "", "", "notAfter " + expired.Leaf.NotAfter.UTC().Format(time.RFC3339), "the certificate is not to be trusted: x509: certificate has expired"})
}

// TestTLSOfAChain has a certificate that would be valid for a year, below an authority that is not.
func TestTLSOfAChain(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	root := authority(t, "root", time.Now().Add(900*day), nil)
	between := authority(t, "between", time.Now().Add(30*day+time.Hour), root)
	leaf := between.issue(t, time.Now().Add(365*day))
	address := handshakes(t, leaf)
	c := drill.Check{Kind: drill.CheckTLS, Address: address, CAFile: root.file}
	try(t, &check.Runner{}, c, pass("30 days left"))
	c.MinValid = drill.Duration(60 * day)
	try(t, &check.Runner{}, c, want{drill.Fail, "", "60d or more", "30 days left", "the certificate of CN=between ends at"})
}

func TestTLSUnreachable(t *testing.T) {
	t.Parallel()
	r := &check.Runner{}
	try(t, r, drill.Check{Kind: drill.CheckTLS, Address: servers.Address(t)}, want{drill.Fail, "", "", "no connection", "connection refused"})
	try(t, r, drill.Check{Kind: drill.CheckTLS, Address: mute(t), Timeout: impatience}, want{drill.Fail, "", "", "no handshake", "no answer within 300ms"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte("220 this is no TLS\r\n"))
		_, _ = conn.Read(make([]byte, 1<<12))
		conn.Close()
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	try(t, r, drill.Check{Kind: drill.CheckTLS, Address: l.Addr().String()}, want{drill.Fail, "", "", "no handshake", "TLS handshake with"})
}
