package worker

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// A server that was upgraded is not the one that a drill proved, and one that
// is gone is none; what is on another host can't be told.
func TestServersNow(t *testing.T) {
	t.Parallel()
	bin, empty := t.TempDir(), t.TempDir()
	install := func(version string) {
		t.Helper()
		script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + "'\n"
		if err := os.WriteFile(filepath.Join(bin, "postgres.new"), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(bin, "postgres.new"), filepath.Join(bin, "postgres")); err != nil {
			t.Fatal(err)
		}
	}
	at := func(bin string) config.Surface {
		return config.Surface{Config: surface.Config{Kind: "postgres", BinDir: bin}}
	}
	dataDir := t.TempDir()
	p := &Parts{Environment: local.New(dataDir), Config: &config.Config{
		DataDir: dataDir, Surfaces: map[string]config.Surface{"main": at(bin), "gone": at(empty)},
	}}
	proven := map[string]string{"server:main": "postgres 15.18", "server:gone": "postgres 15.18", "store:primary": "0123456789abcdef"}
	for _, c := range []struct {
		installed, host string
		want            map[string]string
	}{
		{"15.18", Host(dataDir), map[string]string{"server:main": "postgres 15.18", "server:gone": "none"}},
		{"15.19", Host(dataDir), map[string]string{"server:main": "postgres 15.19", "server:gone": "none"}},
		{"16.1", Host(dataDir), map[string]string{"server:main": "postgres 16.1", "server:gone": "none"}},
		{"15.19", "another", map[string]string{"server:main": "postgres 15.18", "server:gone": "postgres 15.18"}},
	} {
		install(c.installed)
		d := drills.Drill{Summary: drill.Summary{Parts: proven}, Declaration: drill.Identity{Host: c.host}}
		if got := p.serversNow(t.Context(), d); !maps.Equal(got, c.want) {
			t.Errorf("with %s on host %s: %v", c.installed, c.host, got)
		}
	}
}
