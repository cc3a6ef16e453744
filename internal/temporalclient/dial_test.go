package temporalclient_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
)

func TestDialOptions(t *testing.T) {
	t.Parallel()
	_, cert, key := certificate(t)
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("no certificate here"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		options temporalclient.Options
		says    string
	}{
		"no address":          {temporalclient.Options{}, "set temporal.address"},
		"no such CA":          {temporalclient.Options{Address: "h:1", TLS: temporalclient.TLS{CA: "/nowhere.pem"}}, "temporal.tls.ca"},
		"a CA that is none":   {temporalclient.Options{Address: "h:1", TLS: temporalclient.TLS{CA: text}}, "no PEM certificate"},
		"cert without key":    {temporalclient.Options{Address: "h:1", TLS: temporalclient.TLS{Cert: cert}}, "both cert and key"},
		"key without cert":    {temporalclient.Options{Address: "h:1", TLS: temporalclient.TLS{Key: key}}, "both cert and key"},
		"swapped files":       {temporalclient.Options{Address: "h:1", TLS: temporalclient.TLS{Cert: key, Key: cert}}, "temporal.tls.cert"},
		"a short codec key":   {temporalclient.Options{Address: "h:1", CodecKey: "short"}, "temporal.codecKey"},
		"a short old key":     {temporalclient.Options{Address: "h:1", CodecKey: "long enough for a key", OldCodecKeys: secrets("short")}, "temporal.oldCodecKeys[0]"},
		"old keys, no newest": {temporalclient.Options{Address: "h:1", OldCodecKeys: secrets("long enough for a key")}, "needs temporal.codecKey"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := temporalclient.Dial(t.Context(), c.options)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want fault.Invalid that says %q", err, c.says)
			}
		})
	}
}

func TestDialNobody(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = temporalclient.Dial(ctx, temporalclient.Options{Address: address})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "can't reach Temporal at "+address) {
		t.Errorf("got %v, want fault.Unavailable that names %s", err, address)
	}
}

func TestDialRefusals(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		frontend *frontend
		kind     fault.Kind
		says     string
	}{
		"a namespace that may not be described": {frontend: &frontend{describe: codes.PermissionDenied}},
		"a namespace that is missing":           {&frontend{describe: codes.NotFound}, fault.Missing, "has no namespace there"},
		"an API key that is wanted":             {&frontend{apiKey: "k"}, fault.Denied, "refuses these credentials"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := temporalclient.Dial(t.Context(), temporalclient.Options{Address: serve(t, c.frontend, nil), Namespace: "there"})
			if c.kind == "" {
				if err != nil {
					t.Fatal(err)
				}
				client.Close()
				return
			}
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want fault.%s that says %q", err, c.kind, c.says)
			}
		})
	}
}

// The key travels over TLS only, to a server whose certificate fits, from a client with one of its own.
func TestDialWithTLSAndKey(t *testing.T) {
	t.Parallel()
	pair, cert, key := certificate(t)
	clients := x509.NewCertPool()
	clients.AddCert(pair.Leaf)
	address := serve(t, &frontend{apiKey: "k-123"}, &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients, MinVersion: tls.VersionTLS12,
	})
	fits := temporalclient.TLS{CA: cert, Cert: cert, Key: key, ServerName: "localhost"}
	c, err := temporalclient.Dial(t.Context(), temporalclient.Options{Address: address, TLS: fits, APIKey: "k-123"})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()

	elsewhere := fits
	elsewhere.ServerName = "elsewhere.example.com"
	for name, o := range map[string]temporalclient.Options{
		"another name":       {TLS: elsewhere, APIKey: "k-123"},
		"no CA":              {APIKey: "k-123"},
		"no client's own":    {TLS: temporalclient.TLS{CA: cert, ServerName: "localhost"}, APIKey: "k-123"},
		"no TLS and no key ": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			o.Address = address
			_, err := temporalclient.Dial(ctx, o)
			if !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "k-123") {
				t.Errorf("got %v, want fault.Unavailable without the key in it", err)
			}
		})
	}
}

func TestAttributesThatMayNotBeAdded(t *testing.T) {
	t.Parallel()
	wanted := []temporal.SearchAttributeKey{temporal.NewSearchAttributeKeyKeyword("Known"), temporal.NewSearchAttributeKeyInt64("Wanted")}
	other := []temporal.SearchAttributeKey{temporal.NewSearchAttributeKeyBool("Known")}
	cases := map[string]struct {
		add  codes.Code
		keys []temporal.SearchAttributeKey
		kind fault.Kind
		says string
	}{
		"not permitted": {codes.PermissionDenied, wanted, fault.Denied, "temporal operator search-attribute create -n there --name Wanted --type Int"},
		"no room":       {codes.InvalidArgument, wanted, fault.Exhausted, "no room"},
		"another type":  {codes.OK, other, fault.Conflict, "has type Keyword where Bool is needed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := temporalclient.Dial(t.Context(), temporalclient.Options{Address: serve(t, &frontend{add: c.add}, nil)})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			err = temporalclient.EnsureSearchAttributes(t.Context(), client, "there", c.keys)
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want fault.%s that says %q", err, c.kind, c.says)
			}
		})
	}
}
