package engine

import (
	"os/exec"
	"strings"
	"testing"
)

// Images for workers and API servers are built with the tag slim. They must not
// carry the server: neither its code nor the time that it takes to build.
func TestSlimBuildLeavesTheServerOut(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "-tags", "slim", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "go.temporal.io/sdk/temporal") {
		t.Fatalf("go list printed no dependencies:\n%s", out)
	}
	for name := range strings.Lines(string(out)) {
		for _, heavy := range []string{"go.temporal.io/server", "github.com/temporalio/ui-server", "modernc.org/sqlite"} {
			if strings.HasPrefix(name, heavy) {
				t.Errorf("the slim build needs %s", strings.TrimSpace(name))
			}
		}
	}
}
