package microsoft_test

import (
	"net/http"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/microsoft"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// What Returning promises is tested with it: by itself a transport may go on
// reading a body that a retry has rewound.
func TestConnectionsLetGoOfBodies(t *testing.T) {
	t.Parallel()
	options, err := microsoft.Configure(microsoft.Options{Transport: transport.Options{Idle: transport.Idle}, Attempts: 3})
	if err != nil {
		t.Fatal(err)
	}
	client, ok := options.Transport.(*http.Client)
	if !ok || options.Retry.MaxRetries != 2 {
		t.Fatalf("%+v", options)
	}
	if _, bare := client.Transport.(*http.Transport); bare {
		t.Error("requests go straight to a transport, which may read their bodies for longer than they last")
	}
	if _, err := microsoft.Configure(microsoft.Options{Transport: transport.Options{CAFile: "/nowhere"}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a CA file that isn't there: %v", err)
	}
}
