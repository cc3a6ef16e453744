// Package temporalclient connects to a Temporal cluster, whether the embedded
// engine or one of the operator's: with TLS, an API key, payloads encrypted
// when there is a key for them, and errors that say what to do.
package temporalclient

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"

	"go.temporal.io/sdk/interceptor"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Options say which cluster to use, and how.
type Options struct {
	// Address is the frontend's host:port, or a target such as dns:///host:port.
	Address string
	// Namespace is "default" when empty.
	Namespace string
	// Identity names this process in histories; empty means process ID and host.
	Identity string
	TLS      TLS
	// APIKey is sent with every call. It switches TLS on.
	APIKey secret.String
	// CodecKey encrypts every payload, memo, summary and failure that goes to the
	// cluster: 32 bytes in base64, or a passphrase. Empty leaves them readable.
	CodecKey secret.String
	// OldCodecKeys are for reading what was written before CodecKey changed.
	OldCodecKeys []secret.String
	// Interceptors see every call; workers made from the client have them, too.
	Interceptors []interceptor.ClientInterceptor
	// Logger gets what the SDK says; nil discards it.
	Logger *slog.Logger
}

// TLS says how the cluster's certificate is checked and which one is shown to it.
type TLS struct {
	// Enabled uses TLS with the system's authorities; any other field does too.
	Enabled bool
	// CA is a PEM file with the authorities to trust in place of the system's.
	CA string
	// Cert and Key are PEM files with a client certificate; both or none.
	Cert, Key string
	// ServerName is the name that the cluster's certificate must have, when it is
	// not the one in the address.
	ServerName string
}

// config reads the files. It is nil when nothing asks for TLS.
func (t TLS) config(needed bool) (*tls.Config, error) {
	if t == (TLS{}) && !needed {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "reading temporal.tls.ca")
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Invalid, "temporal.tls.ca: %s holds no PEM certificate", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, fault.New(fault.Invalid, "temporal.tls needs both cert and key, or none")
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "reading temporal.tls.cert and key")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
