package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
)

// temporal connects to the engine that runs on the site's data folder.
func (s *site) temporal(t *testing.T) client.Client {
	t.Helper()
	found, err := engine.Find(filepath.Join(s.dataDir, "engine"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := temporalclient.Dial(t.Context(), temporalclient.Options{Address: found.Address, Namespace: found.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// rewrite copies a file with one text replaced, which must be there.
func rewrite(t *testing.T, from, to, old, replacement string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), old) {
		t.Fatalf("%s does not say %q", from, old)
	}
	if err := os.WriteFile(to, []byte(strings.ReplaceAll(string(raw), old, replacement)), 0o600); err != nil {
		t.Fatal(err)
	}
}
