package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Stopping a drill removes all of it, and nothing of another one.
func TestStopTheEnvironmentOfADrill(t *testing.T) {
	t.Parallel()
	const id, other = "20260401T060000.000Z-aaaaaa", "20260402T060000.000Z-bbbbbb"
	dataDir := t.TempDir()
	for _, drillID := range []string{id, other} {
		for _, dir := range []string{"environments/" + drillID + "-0", "environments/" + drillID + "-1", "programs/" + drillID + "/api"} {
			if err := os.MkdirAll(filepath.Join(dataDir, dir), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	environments := local.New(dataDir)
	if err := stopEnvironment(t.Context(), environments, id); err != nil {
		t.Fatal(err)
	}
	for drillID, want := range map[string]bool{id: false, other: true} {
		left, err := environments.Leftovers([]string{drillID + "-0", drillID + "-1"}, drillID)
		if err != nil || (len(left) > 0) != want {
			t.Errorf("of drill %s is left %q: %v", drillID, left, err)
		}
	}
	if err := stopEnvironment(t.Context(), environments, other+"-1"); err != nil {
		t.Fatal(err)
	}
	if left, err := environments.Leftovers([]string{other + "-0"}, other); err != nil || len(left) != 2 {
		t.Errorf("a server was stopped, and of its drill is left %q: %v", left, err)
	}
	if err := stopEnvironment(t.Context(), environments, id); !fault.Is(err, fault.Missing) {
		t.Errorf("stopped what is not there: %v", err)
	}
}

// A server that is still made has no port, and is not said to listen on one.
func TestListening(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"127.0.0.1:5432": "127.0.0.1:5432", "127.0.0.1:0": "", "": ""} {
		if got := listening(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}
