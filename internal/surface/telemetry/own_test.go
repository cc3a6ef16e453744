package telemetry_test

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
)

func blocksOf(t *testing.T, dir string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "01*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestTheLiveDataIsKnownByAnyName(t *testing.T) {
	t.Parallel()
	live := newPrometheus(t, map[int]int{1: 7}, adminAPI)
	point := surfacetest.Take(t, live.surface(t))
	before := blocksOf(t, live.dir)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(live.dir, link); err != nil {
		t.Fatal(err)
	}
	alias := secret.String(strings.Replace(live.url, "127.0.0.1", "localhost", 1))
	if alias == surfaceURL(live) {
		t.Fatal("the alias is the name itself")
	}
	for name, surf := range map[string]surface.Surface{
		"as it says": live.surface(t), "by a link": live.surface(t, func(c *surface.Telemetry) { c.Dir = link }),
	} {
		if err := surf.Begin(t.Context(), surface.Target{URL: alias, Replace: true}, point); !fault.Is(err, fault.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := blocksOf(t, live.dir); before == 0 || after < before {
		t.Errorf("%d blocks became %d", before, after)
	}
}

func TestNothingIsRemovedFromAFolderThatMayBeAnothers(t *testing.T) {
	t.Parallel()
	live := newPrometheus(t, map[int]int{1: 7}, adminAPI)
	point := surfacetest.Take(t, live.surface(t))
	other := newPrometheus(t, map[int]int{1: 7})
	at, err := url.Parse(other.url)
	if err != nil {
		t.Fatal(err)
	}
	// By another port the path could be one of another host.
	gateway := httptest.NewServer(httputil.NewSingleHostReverseProxy(at))
	t.Cleanup(gateway.Close)
	surf, replace := live.surface(t), surface.Target{URL: secret.String(gateway.URL), Replace: true}
	if err := surf.Begin(t.Context(), replace, point); !fault.Is(err, fault.Unsupported) || blocksOf(t, other.dir) == 0 {
		t.Errorf("%v, %d blocks", err, blocksOf(t, other.dir))
	}
	replace.URL = surfaceURL(other)
	if err := surf.Begin(t.Context(), replace, point); err != nil || blocksOf(t, other.dir) > 0 {
		t.Errorf("%v, %d blocks", err, blocksOf(t, other.dir))
	}
}
