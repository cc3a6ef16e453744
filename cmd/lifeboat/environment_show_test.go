package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Nothing of a drill stands on a host that has no folder for it.
func TestNothingToShowOfAnEnvironment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, made := range []bool{false, true} {
		if made {
			if err := os.MkdirAll(filepath.Join(dir, "environments"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := serversOf(&config.Config{DataDir: dir}, "20260401T060000.000Z-abcdef"); !fault.Is(err, fault.Missing) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}
