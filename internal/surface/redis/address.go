package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"time"

	client "github.com/redis/go-redis/v9"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

const (
	dialWithin = 10 * time.Second
	// answerWithin bounds the wait for one answer. The slowest are those to
	// commands that empty or walk a large database.
	answerWithin = 10 * time.Minute
)

// address says how to reach a server. It prints without credentials.
type address struct{ options client.Options }

func (a address) String() string { return a.options.Addr }

// parse reads a URL and, for TLS, the files that the configuration names.
func parse(raw secret.String, c surface.Config) (address, error) {
	if raw == "" {
		return address{}, fault.New(fault.Invalid, "no URL is set: give redis://USER:PASSWORD@HOST:PORT, or rediss:// for TLS")
	}
	options, err := client.ParseURL(raw.Reveal())
	if err != nil {
		// The cause may quote the URL, password and all.
		return address{}, fault.New(fault.Invalid, "the URL is malformed: give redis://USER:PASSWORD@HOST:PORT, or rediss:// for TLS, and escape special characters in the password as %%XX")
	}
	if err := addFiles(options, c); err != nil {
		return address{}, err
	}
	options.DB = 0
	options.Protocol = 2
	options.DisableIdentity = true
	options.MaxRetries = -1
	options.DialerRetries = 1
	options.PoolSize = readers + 1
	options.DialTimeout = dialWithin
	options.ReadTimeout = answerWithin
	options.WriteTimeout = answerWithin
	options.ContextTimeoutEnabled = true
	return address{*options}, nil
}

func addFiles(options *client.Options, c surface.Config) error {
	if c.CAFile == "" && c.CertFile == "" && c.KeyFile == "" {
		return nil
	}
	if options.TLSConfig == nil {
		return fault.New(fault.Invalid, "caFile, certFile and keyFile are for TLS: write the URL as rediss://")
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "read caFile")
		}
		options.TLSConfig.RootCAs = x509.NewCertPool()
		if !options.TLSConfig.RootCAs.AppendCertsFromPEM(pem) {
			return fault.New(fault.Invalid, "caFile %s holds no certificate in PEM", c.CAFile)
		}
	}
	if c.CertFile == "" && c.KeyFile == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "read certFile and keyFile")
	}
	options.TLSConfig.Certificates = []tls.Certificate{pair}
	return nil
}

// target is the address of a restore's target. It is reached with the
// surface's own certificates where both use TLS.
func (s *Surface) target(t surface.Target) (address, error) {
	if !t.Selection.All() {
		return address{}, fault.New(fault.Invalid, "a part of a Redis snapshot can't be restored alone: schemas and tables are PostgreSQL's")
	}
	target, err := parse(t.URL, surface.Config{})
	if err != nil {
		return address{}, fault.While(err, "restore target")
	}
	if own := s.source.options.TLSConfig; own != nil && target.options.TLSConfig != nil {
		target.options.TLSConfig.RootCAs, target.options.TLSConfig.Certificates = own.RootCAs, own.Certificates
	}
	return target, nil
}

// isLoopback reports whether the server is on this host, and so can reach us on 127.0.0.1.
func (a address) isLoopback() bool {
	host, _, err := net.SplitHostPort(a.options.Addr)
	ip := net.ParseIP(host)
	return err == nil && (strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback()))
}

// session is a connection to one database, opened when it is first used.
type session struct {
	*client.Client
	stop func() bool
}

// Close ends the session.
func (s session) Close() {
	s.stop()
	// Nothing was written that the close could lose: every command was answered.
	_ = s.Client.Close()
}

// open makes a session. A cancelled ctx ends what waits on it.
func (a address) open(ctx context.Context, db int) session {
	options := a.options
	options.DB = db
	c := client.NewClient(&options)
	return session{c, context.AfterFunc(ctx, func() { _ = c.Close() })}
}

// dial opens a plain connection, for the replication protocol.
func (a address) dial(ctx context.Context) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialWithin}
	if a.options.TLSConfig == nil {
		return dialer.DialContext(ctx, a.options.Network, a.options.Addr)
	}
	return (&tls.Dialer{NetDialer: dialer, Config: a.options.TLSConfig}).DialContext(ctx, a.options.Network, a.options.Addr)
}
