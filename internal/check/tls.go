package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// roots are the certificates of a file in PEM, which alone are trusted then.
func roots(caFile string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read caFile")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Invalid, "caFile %s holds no certificate in PEM", caFile)
	}
	return pool, nil
}

// tls makes a handshake, verifies the certificate for the server's name, and
// asks for how long it and those above it are still valid.
func (r *Runner) tls(ctx context.Context, c drill.Check) observation {
	least := c.MinValid.Of()
	if least <= 0 {
		least = DefaultMinValid
	}
	o := observation{subject: c.Address, expected: fmt.Sprintf("a trusted certificate, valid for %s or more", drill.Duration(least))}
	config, err := tlsConfig(c)
	if err != nil {
		o.err = err
		return o
	}
	if config.ServerName == "" {
		// The address was looked at before.
		config.ServerName, _, _ = net.SplitHostPort(c.Address)
	} else {
		o.subject += " as " + c.ServerName
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.Address)
	if err != nil {
		o.observed, o.err = "no connection", unreachable(err, "connect to %s", c.Address)
		return o
	}
	conn := tls.Client(raw, config)
	defer conn.Close()
	if err := conn.HandshakeContext(ctx); err != nil {
		o.observed, o.err = "no handshake", unreachable(err, "TLS handshake with %s", c.Address)
		if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			o.observed = validity(refused.UnverifiedCertificates[0], time.Now())
			o.err = fault.Wrap(fault.Mismatch, refused.Err, "the certificate is not to be trusted")
		}
		return o
	}
	now, soonest := time.Now(), soonestEnd(conn.ConnectionState().VerifiedChains)
	o.observed = validity(soonest, now)
	if soonest.NotAfter.Sub(now) < least {
		o.err = unlike("the certificate of %s ends at %s, in less than %s", soonest.Subject, soonest.NotAfter.UTC().Format(time.RFC3339), drill.Duration(least))
	}
	return o
}

// soonestEnd is the certificate that ends first of the chain that is trusted longest.
func soonestEnd(chains [][]*x509.Certificate) *x509.Certificate {
	var last *x509.Certificate
	for _, chain := range chains {
		first := chain[0]
		for _, certificate := range chain {
			if certificate.NotAfter.Before(first.NotAfter) {
				first = certificate
			}
		}
		if last == nil || first.NotAfter.After(last.NotAfter) {
			last = first
		}
	}
	return last
}

// validity says until when a certificate is valid, in whole days that are over by then.
func validity(certificate *x509.Certificate, now time.Time) string {
	const day = 24 * time.Hour
	return fmt.Sprintf("notAfter %s, %d days left", certificate.NotAfter.UTC().Format(time.RFC3339), certificate.NotAfter.Sub(now)/day)
}
