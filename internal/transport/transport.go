// Package transport connects to object storage and to cloud providers: by HTTP
// over connections that never hang, and with errors that say what to do.
package transport

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Idle is how long a connection may make no progress before it fails.
const Idle = time.Minute

// Options say how to connect.
type Options struct {
	// CAFile is a PEM file with certificate authorities to trust besides the system's; it may be empty.
	CAFile string
	// Idle is how long a connection may make no progress: Idle, but for tests.
	Idle time.Duration
	// Connections is how many of them to a host are kept for later requests; 0 means 16.
	Connections int
}

// New makes an HTTP transport. The error is of kind fault.Invalid when the CAFile can't be used.
func New(o Options) (*http.Transport, error) {
	t := &http.Transport{}
	return t, o.Apply(t)
}

// Apply sets up a transport that a library has made. The error is that of New.
func (o Options) Apply(t *http.Transport) error {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pool, err := trust(o.CAFile)
		if err != nil {
			return err
		}
		config.RootCAs = pool
	}
	t.Proxy = http.ProxyFromEnvironment
	t.DialContext = dialer(o.Idle)
	t.TLSClientConfig = config
	// Many requests on one connection would hide that one of them makes no progress.
	t.ForceAttemptHTTP2 = false
	t.TLSHandshakeTimeout = 10 * time.Second
	t.ExpectContinueTimeout = time.Second
	t.IdleConnTimeout = o.Idle / 2
	t.MaxIdleConnsPerHost = cmp.Or(o.Connections, 16)
	t.WriteBufferSize, t.ReadBufferSize = stride, stride
	// Bytes must arrive as they are stored.
	t.DisableCompression = true
	return nil
}

func trust(caFile string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read caFile")
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Invalid, "caFile %s holds no certificate in PEM format", caFile)
	}
	return pool, nil
}

// Endpoint reads the base URL of a service. The error is of kind fault.Invalid,
// and does not quote the text, which might hold a password.
func Endpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, fault.New(fault.Invalid, "endpoint must be like https://HOST:PORT, without credentials")
	}
	return u, nil
}
