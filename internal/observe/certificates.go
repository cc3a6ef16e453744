package observe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

const (
	// handshakeWithin bounds one handshake.
	handshakeWithin = 10 * time.Second
	// sslRequest is the code by which a client asks PostgreSQL for TLS (the
	// manual's "Message Formats", SSLRequest).
	sslRequest = 80877103
)

// errNoTLS is the error of a PostgreSQL server that does without TLS.
var errNoTLS = errors.New("the server does not speak TLS")

// certificate is what a server shows for itself, whoever has signed it and
// whether or not it has expired: nothing is sent to it beyond the handshake, and
// one that wants a certificate of ours has shown its own by then.
func certificate(ctx context.Context, e endpoint) (status.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeWithin)
	defer cancel()
	host, _, err := net.SplitHostPort(e.address)
	if err != nil {
		return status.Certificate{}, fault.Wrap(fault.Invalid, err, "%s", e.address)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", e.address)
	if err != nil {
		return status.Certificate{}, fault.Wrap(fault.Unavailable, err, "connect to %s", e.address)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return status.Certificate{}, fault.Wrap(fault.Unavailable, err, "connect to %s", e.address)
		}
	}
	if e.postgres {
		if err := askForTLS(conn); err != nil {
			return status.Certificate{}, fault.Wrap(fault.Unavailable, err, "ask %s for TLS", e.address)
		}
	}
	var shown []byte
	client := tls.Client(conn, &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS12, NextProtos: protocols(e),
		// One that has expired is what is looked for, and nothing is said to the server.
		InsecureSkipVerify: true, //nolint:gosec // the certificate is read, not relied on
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) > 0 {
				shown = raw[0]
			}
			return nil
		},
	})
	err = client.HandshakeContext(ctx)
	if shown == nil {
		return status.Certificate{}, fault.Wrap(fault.Unavailable, errors.Join(err), "see the certificate of %s", e.address)
	}
	leaf, err := x509.ParseCertificate(shown)
	if err != nil {
		return status.Certificate{}, fault.Wrap(fault.Corrupt, err, "read the certificate of %s", e.address)
	}
	return status.Certificate{
		Surface: e.surface, Where: e.address, Subject: leaf.Subject.String(), NotAfter: leaf.NotAfter, NotBefore: leaf.NotBefore,
	}, nil
}

// protocols are offered by ALPN: PostgreSQL from version 17 on wants its own.
func protocols(e endpoint) []string {
	if e.postgres {
		return []string{"postgresql"}
	}
	return nil
}

// askForTLS has PostgreSQL begin TLS: its answer is S, or N.
func askForTLS(conn net.Conn) error {
	request := make([]byte, 8)
	binary.BigEndian.PutUint32(request[:4], uint32(len(request)))
	binary.BigEndian.PutUint32(request[4:], sslRequest)
	if _, err := conn.Write(request); err != nil {
		return err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if answer[0] != 'S' {
		return errNoTLS
	}
	return nil
}
