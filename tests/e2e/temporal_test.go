package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// link is a connection to the engine of a site, made once.
type link struct {
	once   sync.Once
	client client.Client
}

// temporal connects to the engine that runs on the site's data folder. A
// restarted engine is found at the same address.
func (s *site) temporal(t *testing.T) client.Client {
	t.Helper()
	s.link.once.Do(func() {
		found, err := engine.Find(filepath.Join(s.dataDir, "engine"))
		if err != nil {
			t.Fatal(err)
		}
		// Not the test's own context: a client outlives the subtest that made it.
		s.link.client, err = temporalclient.Dial(context.Background(), temporalclient.Options{
			Address: found.Address, Namespace: found.Namespace, CodecKey: s.codecKey,
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	return s.link.client
}

func (l *link) close() {
	if l.client != nil {
		l.client.Close()
	}
}

// with is the same site for a process with another configuration: each text is
// replaced by the one after it.
func (s *site) with(t *testing.T, replacements ...string) *site {
	t.Helper()
	other := *s
	other.config = filepath.Join(s.dir, fmt.Sprintf("lifeboat-%d.yaml", servers.FreePort(t)))
	from := s.config
	for i := 0; i+1 < len(replacements); i += 2 {
		rewrite(t, from, other.config, replacements[i], replacements[i+1])
		from = other.config
	}
	other.env = append(slices.Clone(s.env), "LIFEBOAT_CONFIG="+other.config)
	return &other
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
