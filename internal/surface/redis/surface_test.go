package redis

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"sent from memory": {"--repl-diskless-sync", "yes"},
		"sent from a file": {"--repl-diskless-sync", "no", "--appendonly", "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := servers.Redis(t, args...)
			surfacetest.Run(t, surfacetest.Harness{
				Surface: newSurface(t, source.URL),
				OneShot: true,
				Fill:    func(t testing.TB) { fill(t, source) },
				Change: func(t testing.TB) {
					do(t, source.Client(t), "SET", "string", "other value")
				},
				NewTarget: func(t testing.TB) surface.Target { return newTarget(t) },
				Occupy: func(t testing.TB, target surface.Target) {
					do(t, connect(t, target, 0), "SET", "string", "the target's own")
					do(t, connect(t, target, 3), "SET", "occupied", "v")
					do(t, connect(t, target, 0), "FUNCTION", "LOAD", "#!lua name=other\nredis.register_function('two', function() return 2 end)")
				},
				Left: func(t testing.TB) []string { return sessions(t, source) },
			})
		})
	}
}

// sessions lists the connections on a server that the tests have not opened themselves.
func sessions(t testing.TB, server *servers.RedisServer) []string {
	t.Helper()
	var out []string
	for line := range strings.Lines(do(t, server.Client(t), "CLIENT", "LIST").(string)) {
		if !strings.Contains(line, " name="+servers.RedisTestClient+" ") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// TestRestoredByHand starts a server on the part, as anybody can without Lifeboat.
func TestRestoredByHand(t *testing.T) {
	t.Parallel()
	source := servers.Redis(t)
	fill(t, source)
	s := newSurface(t, source.URL)
	point := surfacetest.Take(t, s)
	file := filepath.Join(t.TempDir(), "by-hand.rdb")
	if err := os.WriteFile(file, point.Data[partName], 0o600); err != nil {
		t.Fatal(err)
	}
	server := servers.Redis(t, "--dir", filepath.Dir(file), "--dbfilename", filepath.Base(file))
	surfacetest.RequireSame(t, s, surface.Target{URL: secret.String(server.URL)}, point)
}

func TestRestoredExactly(t *testing.T) {
	t.Parallel()
	source := servers.Redis(t)
	fill(t, source)
	s := newSurface(t, source.URL)
	point := surfacetest.Take(t, s)
	for name, throwaway := range map[string]bool{"as a replica": true, "key by key": false} {
		t.Run(name, func(t *testing.T) {
			target := newTarget(t)
			target.Throwaway = throwaway
			surfacetest.Restore(t, s, target, point)
			want, got := source.Client(t), connect(t, target, 0)
			keys, err := want.Keys(t.Context(), "*").Result()
			if err != nil || len(keys) < 5_000 {
				t.Fatalf("the source has %d keys: %v", len(keys), err)
			}
			// Two servers of one version dump equal values alike, whatever our own digests say.
			for _, key := range keys {
				if do(t, want, "PEXPIRETIME", key) != do(t, got, "PEXPIRETIME", key) {
					t.Errorf("key %q expires at another time", key)
				}
				if strings.HasPrefix(key, "large ") || strings.HasSuffix(key, "set") || strings.HasSuffix(key, "hash") {
					continue // Unordered ones may be laid out otherwise.
				}
				if do(t, want, "DUMP", key) != do(t, got, "DUMP", key) {
					t.Errorf("key %q has another value", key)
				}
			}
			if n := do(t, got, "DBSIZE"); n != int64(len(keys)) {
				t.Errorf("%d keys were restored of %d", n, len(keys))
			}
			if one := do(t, got, "FCALL", "one", 0); one != int64(1) {
				t.Errorf("the restored function returns %v", one)
			}
			if role := do(t, got, "ROLE").([]any)[0]; role != "master" {
				t.Errorf("the target is left a %v", role)
			}
			for setting, value := range map[string]string{"masterauth": "", "repl-timeout": "60"} {
				if reply := do(t, got, "CONFIG", "GET", setting).([]any); reply[1] != value {
					t.Errorf("the target is left with %s %q", setting, reply[1])
				}
			}
		})
	}
}
