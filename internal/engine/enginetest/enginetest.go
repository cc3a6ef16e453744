// Package enginetest starts an embedded engine for a test. It compiles in the
// whole Temporal server: import it from few packages.
package enginetest

import (
	"context"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
)

// Start runs an engine on a temporary folder until the test ends.
func Start(t testing.TB, attributes ...temporal.SearchAttributeKey) *engine.Engine {
	t.Helper()
	e, err := engine.Start(t.Context(), engine.Options{
		Dir: filepath.Join(t.TempDir(), "engine"), SearchAttributes: attributes,
	})
	if err != nil {
		t.Fatalf("starting an engine: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Stop(context.Background()); err != nil {
			t.Errorf("stopping the engine: %v", err)
		}
	})
	return e
}

// Dial connects to an engine until the test ends, before the engine is stopped.
func Dial(t testing.TB, e *engine.Engine) client.Client {
	t.Helper()
	c, err := temporalclient.Dial(t.Context(), temporalclient.Options{Address: e.Address(), Namespace: e.Namespace()})
	if err != nil {
		t.Fatalf("dialling the engine: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}
