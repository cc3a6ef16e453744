package check_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certificateAuthority signs certificates. Its own is in file, in PEM.
type certificateAuthority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	above       *certificateAuthority
	file        string
}

// authority makes one, below another or by itself.
func authority(t *testing.T, name string, until time.Time, above *certificateAuthority) *certificateAuthority {
	t.Helper()
	a := &certificateAuthority{above: above, file: filepath.Join(t.TempDir(), "ca.pem")}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.certificate, a.key = above.sign(t, template)
	if err := os.WriteFile(a.file, pemOf(a.certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue makes a server's certificate for 127.0.0.1, with the authorities below the topmost one.
func (a *certificateAuthority) issue(t *testing.T, until time.Time) tls.Certificate {
	t.Helper()
	leaf, key := a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "server"}, NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	issued := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for ; a.above != nil; a = a.above {
		issued.Certificate = append(issued.Certificate, a.certificate.Raw)
	}
	return issued
}

// sign makes a key and its certificate, which a nil authority has sign itself.
func (a *certificateAuthority) sign(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour)
	parent, signer := template, key
	if a != nil {
		parent, signer = a.certificate, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}
